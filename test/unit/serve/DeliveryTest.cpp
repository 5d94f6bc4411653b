// SPDX-License-Identifier: Apache-2.0
// The dealer brings sets to running servers: whole or not at all, to whom they are for, and as many
// as are wanted.
#include "runtime/serve/Delivery.h"

#include "test/unit/serve/Deployment.h"

#include <csignal>
#include <numeric>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace gfs;
using namespace gfs::testing;
using serve::Client;
using serve::Deliverer;
using serve::DeliveryOptions;

namespace {

class DeliveryTest : public ::testing::Test {
protected:
  DeliveryTest() { deployment.folders = true; }

  DeliveryOptions options(uint64_t records) const {
    const serve::DealOptions files = deployment.dealOptions(records);
    DeliveryOptions options;
    static_cast<serve::DealerFiles &>(options) = files;
    options.servers = {zero->address(), one->address()};
    options.security = Security::plaintext("dealer");
    options.timeout = options.connectFor = Milliseconds(3000);
    options.records = records;
    options.quiet = true;
    return options;
  }
  void start(std::array<std::shared_ptr<const Security>, 2> security = {}) {
    serve::ServerOptions mine = quick();
    mine.security = security[0];
    zero = std::make_unique<RunningServer>(deployment, Party::Zero, mine);
    mine = quick(zero->address());
    mine.security = security[1];
    one = std::make_unique<RunningServer>(deployment, Party::One, mine);
    zero->ready.get_future().wait();
  }
  void ask(uint64_t times) const {
    for (uint64_t i = 0; i < times; ++i) {
      Client client(deployment.loaded, clientOf(zero->address(), one->address()));
      const auto number = static_cast<int64_t>(i);
      const std::vector<int64_t> x = {number, -3 * number, 1000, 7};
      EXPECT_EQ(infer(client, deployment, x), deployment.expected(x)) << "request " << i;
    }
  }
  std::vector<std::string> filesOf(Party party) const {
    std::vector<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator(deployment.material(party)))
      if (entry.path().extension() != ".ledger")
        names.push_back(entry.path().filename());
    return names;
  }

  /// A dealer whom the test moves step by step, at server 0.
  std::unique_ptr<Connection> greetedByHand() const {
    auto connection = connect(zero->address(), Security::plaintext("dealer"), {{"server0"}, {}});
    serve::DealerHello hello;
    const plan::Hash &hash = deployment.loaded.hash;
    hello.set_plan_hash(std::string(hash.begin(), hash.end()));
    sendMessage(*connection, hello, patience);
    EXPECT_EQ(serve::receiveMessage<serve::DealerWelcome>(*connection, patience).party(), 0u);
    return connection;
  }
  MaterialInfo half(Party party, uint64_t records) const {
    return serve::SetDealer(deployment.dealOptions(records), records).newSet().halves[index(party)];
  }
  static void offer(Connection &connection, const std::string &header) {
    serve::DealerCommand command;
    command.mutable_delivery()->set_header(header);
    sendMessage(connection, command, patience);
  }
  static uint64_t answer(Connection &connection) {
    return serve::receiveMessage<serve::DealerAnswer>(connection, patience).material_left();
  }
  /// Until the server has noticed that its dealer is gone.
  void awaitNoFiles(Party party) const {
    for (int i = 0; i < 500 && !filesOf(party).empty(); ++i)
      std::this_thread::sleep_for(Milliseconds(10));
    EXPECT_EQ(filesOf(party), std::vector<std::string>());
  }

  Deployment deployment;
  std::unique_ptr<RunningServer> zero, one;
};

} // namespace

TEST_F(DeliveryTest, BringsBothHalvesOfASet) {
  start();
  Deliverer deliverer(options(3));
  EXPECT_EQ(deliverer.left(), (std::array<uint64_t, 2>{0, 0}));
  const serve::Delivered done = deliverer.deliver();
  EXPECT_EQ(done.left, (std::array<uint64_t, 2>{3, 3}));
  EXPECT_EQ(filesOf(Party::Zero).size(), 1u);
  for (int i = 0; i < 500 && one->server->vitals().materialSpent; ++i)
    std::this_thread::sleep_for(Milliseconds(10));
  ask(3);
  EXPECT_EQ(deliverer.left(), (std::array<uint64_t, 2>{0, 0}));
  EXPECT_EQ(deliverer.deliver().left, (std::array<uint64_t, 2>{3, 3}));
  ask(2);
  EXPECT_EQ(deliverer.left(), (std::array<uint64_t, 2>{1, 1}));
  EXPECT_EQ(zero->server->metrics().delivered, 6u);
}

TEST_F(DeliveryTest, ASetOfManyFrames) {
  start();
  constexpr uint64_t records = 60000; // of 28 and more bytes
  Deliverer deliverer(options(records));
  const serve::Delivered done = deliverer.deliver();
  for (Party party : {Party::Zero, Party::One}) {
    EXPECT_EQ(done.left[index(party)], records);
    EXPECT_GT(records * done.recordBytes[index(party)], serve::deliveryFrameBytes);
  }
  ask(2);
}

TEST_F(DeliveryTest, OverTls) {
  TestAuthority authority;
  start({authority.security("server0"), authority.security("server1")});
  DeliveryOptions wrong = options(1);
  wrong.security = authority.security("client:ward");
  expectError(errorOf([&] { Deliverer{wrong}; }), ExitCode::Authentication, "need one for dealer");
  DeliveryOptions right = options(2);
  right.security = authority.security("dealer");
  EXPECT_EQ(Deliverer(right).deliver().left, (std::array<uint64_t, 2>{2, 2}));
  right.fingerprints[1] = Fingerprint{};
  expectError(errorOf([&] { Deliverer(right).deliver(); }), ExitCode::Authentication,
              "fingerprint");
}

TEST_F(DeliveryTest, ExchangedServersAreNoticed) {
  start();
  DeliveryOptions exchanged = options(1);
  std::swap(exchanged.servers[0], exchanged.servers[1]);
  expectError(errorOf([&] { Deliverer(exchanged).deliver(); }), ExitCode::Authentication,
              "server1");
}

TEST_F(DeliveryTest, AServerWithASingleFileTakesNothing) {
  deployment.folders = false;
  start();
  expectError(errorOf([&] { Deliverer(options(1)).deliver(); }), ExitCode::Usage,
              "takes its material from a single file");
}

TEST_F(DeliveryTest, KeepsServersSupplied) {
  start();
  std::stop_source stop;
  DeliveryOptions sets = options(4);
  std::jthread dealer([&] { Deliverer(sets, stop.get_token()).keepSupplied(3, Milliseconds(20)); });
  for (int round = 0; round < 5; ++round) {
    for (int i = 0;
         i < 1000 && (zero->engine.materialLeft() < 3 || one->engine.materialLeft() < 3 ||
                      zero->server->vitals().materialSpent || one->server->vitals().materialSpent);
         ++i)
      std::this_thread::sleep_for(Milliseconds(10));
    ask(3);
  }
  stop.request_stop();
  dealer.join();
  EXPECT_GE(zero->server->metrics().delivered, 16u);
  EXPECT_LE(zero->engine.materialLeft(), 6u) << "never a set more than asked for";
}

TEST_F(DeliveryTest, KeepSuppliedWaitsForServersThatAreAway) {
  start();
  DeliveryOptions sets = options(2);
  sets.connectFor = Milliseconds(100);
  const Endpoint listening = one->address();
  one->stop();
  std::stop_source stop;
  std::jthread dealer([&] { Deliverer(sets, stop.get_token()).keepSupplied(1, Milliseconds(50)); });
  std::this_thread::sleep_for(Milliseconds(300));
  one.reset();
  serve::ServerOptions again = quick(zero->address());
  again.listen = listening;
  one = std::make_unique<RunningServer>(deployment, Party::One, again);
  for (int i = 0; i < 1000 && one->engine.materialLeft() == 0; ++i)
    std::this_thread::sleep_for(Milliseconds(10));
  EXPECT_EQ(one->engine.materialLeft(), 2u);
  stop.request_stop();
}

TEST_F(DeliveryTest, ServersThatAreNotLinkedCountWhatCame) {
  serve::ServerOptions patient = quick(Endpoint{"127.0.0.1", 1}); // where nobody listens
  patient.timeout = Milliseconds(20000);
  zero = std::make_unique<RunningServer>(deployment, Party::Zero, patient);
  one = std::make_unique<RunningServer>(deployment, Party::One, patient);
  DeliveryOptions sets = options(2);
  sets.timeout = patient.timeout;
  Deliverer deliverer(sets);
  EXPECT_EQ(deliverer.deliver().left, (std::array<uint64_t, 2>{2, 2}));
}

TEST_F(DeliveryTest, WhatIsBrokenOffLeavesNothing) {
  start();
  const MaterialInfo info = half(Party::Zero, 4);
  {
    auto connection = greetedByHand();
    offer(*connection, encodeMaterialHeader(info));
    answer(*connection);
    EXPECT_EQ(filesOf(Party::Zero).size(), 1u);
  }
  awaitNoFiles(Party::Zero);
  {
    auto connection = greetedByHand();
    offer(*connection, encodeMaterialHeader(info));
    answer(*connection);
    connection->send(FrameType::Data, std::vector<uint8_t>(4 * info.recordBytes()), patience);
    EXPECT_EQ(answer(*connection), 0u) << "stored, but the other half may not be";
    EXPECT_TRUE(filesOf(Party::Zero).front().ends_with(".part"));
  }
  awaitNoFiles(Party::Zero);
}

TEST_F(DeliveryTest, AFrameOfAnotherSizeIsRefused) {
  start();
  const MaterialInfo info = half(Party::Zero, 4);
  auto connection = greetedByHand();
  offer(*connection, encodeMaterialHeader(info));
  answer(*connection);
  connection->send(FrameType::Data, std::vector<uint8_t>(4 * info.recordBytes() + 1), patience);
  expectError(errorOf([&] { answer(*connection); }), ExitCode::Network, "");
  awaitNoFiles(Party::Zero);
}

TEST_F(DeliveryTest, WhatIsForSomebodyElseIsRefused) {
  start();
  auto refusal = [&](const std::string &header) {
    auto connection = greetedByHand();
    offer(*connection, header);
    return errorOf([&] { answer(*connection); });
  };
  MaterialInfo info = half(Party::One, 4);
  expectError(refusal(encodeMaterialHeader(info)), ExitCode::PlanMismatch,
              "is for the other server");
  info = half(Party::Zero, 4);
  info.planHash[0] ^= 1;
  expectError(refusal(encodeMaterialHeader(info)), ExitCode::PlanMismatch, "another plan");
  info = half(Party::Zero, uint64_t(1) << 50);
  expectError(refusal(encodeMaterialHeader(info)), ExitCode::OutputUnwritable, "the set takes");
  expectError(refusal("nothing like a header"), ExitCode::InvalidInput, "not a material file");
  expectError(refusal(encodeMaterialHeader(half(Party::Zero, 4)) + "x"), ExitCode::InvalidInput,
              "the header is damaged");
  awaitNoFiles(Party::Zero);
}

// By who has the dealer's certificate, but not its key.
TEST_F(DeliveryTest, ASetThatDoesNotAuthenticateIsRefused) {
  start();
  DeliveryOptions forged = options(3);
  plan::DealerKey key = plan::readDealerKey(forged.dealerKey, deployment.loaded);
  key.seeds[1] = SecretSeed::random();
  forged.dealerKey = deployment.folder / "forged.key";
  StagedFiles files;
  plan::stageDealerKey(files, forged.dealerKey, deployment.loaded, key);
  files.commit();
  expectError(errorOf([&] { Deliverer(forged).deliver(); }), ExitCode::Integrity,
              "the dealer's set: the set's seed does not authenticate");
  awaitNoFiles(Party::Zero);
  awaitNoFiles(Party::One);
  MaterialInfo info = half(Party::Zero, 4);
  info.sealedSeed.fill(0);
  auto connection = greetedByHand();
  offer(*connection, encodeMaterialHeader(info));
  expectError(errorOf([&] { answer(*connection); }), ExitCode::InvalidInput, "has no seed");
  awaitNoFiles(Party::Zero);
}

TEST_F(DeliveryTest, NothingIsKeptThatWasNotDelivered) {
  start();
  auto connection = greetedByHand();
  serve::DealerCommand keep;
  keep.mutable_keep();
  sendMessage(*connection, keep, patience);
  expectError(errorOf([&] { answer(*connection); }), ExitCode::Network, "not delivered");
}

TEST_F(DeliveryTest, AnotherPlanIsRefused) {
  start();
  auto connection = connect(zero->address(), Security::plaintext("dealer"), {{"server0"}, {}});
  serve::DealerHello hello;
  hello.set_plan_hash(std::string(32, 'x'));
  sendMessage(*connection, hello, patience);
  expectError(errorOf([&] { serve::receiveMessage<serve::DealerWelcome>(*connection, patience); }),
              ExitCode::PlanMismatch, "runs another plan");
}

TEST_F(DeliveryTest, WhatACrashLeftIsRemovedButNotWhatComes) {
  const std::filesystem::path folder = deployment.material(Party::Zero);
  std::ofstream(folder / "x.s0.material.part") << "abandoned";
  std::ofstream(folder / "x.part") << "of somebody else";
  MaterialArrival coming(folder, half(Party::Zero, 2), std::chrono::system_clock::now());
  removeAbandonedArrivals(folder);
  const std::vector<std::string> left = filesOf(Party::Zero);
  EXPECT_EQ(left.size(), 2u);
  EXPECT_FALSE(std::filesystem::exists(folder / "x.s0.material.part"));
  EXPECT_TRUE(std::filesystem::exists(folder / "x.part"));
}

TEST_F(DeliveryTest, ASetTakesItsRoomBeforeItComes) {
  const std::filesystem::path folder = deployment.material(Party::Zero);
  const MaterialInfo info = half(Party::Zero, 40000);
  {
    MaterialArrival coming(folder, info, std::chrono::system_clock::now());
    struct stat status = {};
    ASSERT_EQ(::stat((folder / filesOf(Party::Zero).at(0)).c_str(), &status), 0);
    EXPECT_GE(static_cast<uint64_t>(status.st_blocks) * 512, info.records * info.recordBytes());
  }
  // The disk has no room, which the system finds out.
  struct rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit small = before;
  small.rlim_cur = 65536;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::optional<Error> error =
      errorOf([&] { MaterialArrival(folder, info, std::chrono::system_clock::now()); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  expectError(error, ExitCode::OutputUnwritable, "cannot be written");
  EXPECT_EQ(filesOf(Party::Zero), std::vector<std::string>()) << "nothing is left of it";
}
