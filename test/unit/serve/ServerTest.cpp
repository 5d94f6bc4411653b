// SPDX-License-Identifier: Apache-2.0
// Two servers and a client over loopback: right answers, and everything that can go wrong in
// between.
#include "test/unit/serve/Deployment.h"

#include "runtime/serve/PeerLink.h"

using namespace gfs;
using namespace gfs::testing;
using serve::Client;

namespace {

class ServerTest : public ::testing::Test {
protected:
  serve::PeerFacts factsOf(Party party) const {
    MaterialInfo info = readMaterialInfo(deployment.files(party).material);
    return {party, info.planHash, info.modelId, info.materialId, info.firstSerial, ""};
  }
  /// Server 1 as a test wants it: links to `server0` as the real one does.
  std::unique_ptr<serve::PeerLink> linkAsServer1(const Endpoint &server0) const {
    return std::make_unique<serve::PeerLink>(
        connect(server0, Security::plaintext("server1"), {{"server0"}, {}}), factsOf(Party::One),
        patience);
  }
  /// Answers pings until the leader wants to start a request.
  static serve::Start awaitStart(serve::PeerLink &link) {
    for (;;) {
      serve::PeerCommand command = link.awaitCommand();
      if (command.has_start())
        return command.start();
      link.answer(accepted(0));
    }
  }
  static serve::PeerAnswer accepted(uint64_t cursor) {
    serve::PeerAnswer answer;
    answer.set_accepted(true);
    answer.set_cursor(cursor);
    return answer;
  }

  void damageRecord(Party party, uint64_t record) const {
    const std::filesystem::path path = deployment.files(party).material;
    const MaterialInfo info = readMaterialInfo(path);
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    const auto at = static_cast<std::streamoff>(std::filesystem::file_size(path) -
                                                (info.records - record) * info.recordBytes());
    char byte = 0;
    file.seekg(at).get(byte);
    file.seekp(at).put(static_cast<char>(byte ^ 1));
  }
  Deployment deployment;
};

/// Takes requests as server 1 would, and never answers them; clients need somebody there.
class SilentServer {
public:
  SilentServer()
      : listener(listen({"127.0.0.1", 0}, Security::plaintext("server1"))), thread([this] {
          while (auto incoming = listener->accept()) {
            try {
              auto client = incoming->handshake({{"client*"}, {}}, patience);
              serve::receiveMessage<serve::ClientHello>(*client, patience);
              serve::ServerHello hello;
              hello.set_party(1);
              hello.set_material_left(8);
              serve::sendMessage(*client, hello, patience);
              serve::receiveMessage<serve::Request>(*client, patience);
              client->receive(1000, patience);
              client->receive(1000, patience); // until the client gives up
            } catch (const Error &) {
            }
          }
        }) {}
  ~SilentServer() { listener->interrupt(); }
  Endpoint address() const { return listener->local(); }

private:
  std::unique_ptr<Listener> listener;
  std::jthread thread;
};

} // namespace

TEST_F(ServerTest, AnswersRequestAfterRequest) {
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  Client client(deployment.loaded, clientOf(zero.address(), one.address()));
  EXPECT_EQ(client.materialLeft(), 8u);
  for (int64_t i = 0; i < 5; ++i) {
    std::vector<int64_t> x = {i, -3 * i, 1000, -70000};
    EXPECT_EQ(infer(client, deployment, x), deployment.expected(x));
  }
  EXPECT_EQ(client.materialLeft(), 3u);
  EXPECT_EQ(zero.engine.cursor(), 5u);
}

TEST_F(ServerTest, RunsABatchInOnePass) {
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  Client client(deployment.loaded, clientOf(zero.address(), one.address()));
  std::vector<std::vector<ClearWords>> batch;
  std::vector<std::vector<int64_t>> inputs;
  for (int64_t i = 0; i < 5; ++i) {
    inputs.push_back({i, -i, 7 * i, 1000});
    batch.push_back({});
    batch.back().push_back(wordsOf(Ring{32}, inputs.back()));
  }
  std::vector<serve::Answer> answers = client.infer(batch);
  ASSERT_EQ(answers.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(signedOf(Ring{32}, answers[i].outputs.at(0)), deployment.expected(inputs[i]));
    for (const serve::Stats &stats : answers[i].stats) {
      EXPECT_EQ(stats.group(), 5u);
      EXPECT_EQ(stats.exchanges(), 1u) << "as many as for one";
      EXPECT_EQ(stats.payload_sent(), 16u) << "its own part of the messages";
    }
  }
  EXPECT_EQ(zero.engine.cursor(), 5u) << "a record each";
  EXPECT_EQ(client.materialLeft(), 3u);
  // The last group has less material than inferences: what can run runs, the request fails.
  std::optional<Error> error = errorOf([&] { client.infer(batch); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::MaterialExhausted);
}

TEST_F(ServerTest, RefusesMoreThanABatch) {
  serve::ServerOptions few = quick();
  few.maxGroup = 2;
  RunningServer zero(deployment, Party::Zero, few);
  few.peer = zero.address();
  RunningServer one(deployment, Party::One, few);
  Client client(deployment.loaded, clientOf(zero.address(), one.address()));
  EXPECT_EQ(client.maxBatch(), 2u);
  std::vector<ClearWords> input;
  input.push_back(wordsOf(Ring{32}, std::vector<int64_t>{1, 2, 3, 4}));
  std::vector<std::vector<ClearWords>> three(3, input);
  std::optional<Error> error = errorOf([&] { client.infer(three); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::InvalidInput);
  EXPECT_NE(std::string(error->what()).find("3 inferences in one request, at most 2"),
            std::string::npos);
}

TEST_F(ServerTest, MergesClientsThatWaitAtTheSameTime) {
  Deployment many(plan::WEIGHTS_SHARED, 80);
  RunningServer zero(many, Party::Zero, quick());
  RunningServer one(many, Party::One, quick(zero.address()));
  std::vector<std::jthread> clients;
  std::atomic<int> right = 0;
  std::atomic<uint32_t> largest = 0;
  for (int64_t c = 0; c < 8; ++c)
    clients.emplace_back([&, c] {
      Client client(many.loaded, clientOf(zero.address(), one.address()));
      for (int64_t i = 0; i < 10; ++i) {
        std::vector<int64_t> x = {c, i, c * i, -5};
        std::vector<ClearWords> inputs;
        inputs.push_back(wordsOf(Ring{32}, x));
        serve::Answer answer = client.infer(inputs);
        right += signedOf(Ring{32}, answer.outputs.at(0)) == many.expected(x);
        for (uint32_t seen = largest; seen < answer.stats[0].group();)
          largest.compare_exchange_weak(seen, answer.stats[0].group());
      }
    });
  clients.clear();
  EXPECT_EQ(right, 80);
  EXPECT_GT(largest, 1u) << "eight clients at once never shared a pass";
  EXPECT_EQ(zero.engine.cursor(), 80u) << "every request one record, whatever was declined";
}

TEST_F(ServerTest, ReportsWhatARequestCost) {
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  Client client(deployment.loaded, clientOf(zero.address(), one.address()));
  std::vector<ClearWords> inputs;
  inputs.push_back(wordsOf(Ring{32}, std::vector<int64_t>{1, 2, 3, 4}));
  serve::Answer answer = client.infer(inputs);
  for (unsigned party : {0u, 1u}) {
    const serve::Stats &stats = answer.stats[party];
    EXPECT_EQ(stats.exchanges(), 1u);
    EXPECT_EQ(stats.payload_sent(), 16u) << "four opened elements of 32 bits";
    EXPECT_EQ(stats.payload_received(), 16u);
    EXPECT_GT(stats.online_ms(), 0);
    EXPECT_EQ(stats.material_left(), 7u);
  }
  EXPECT_EQ(answer.stats[0].dealt_bytes() + answer.stats[1].dealt_bytes(), 12u)
      << "a share of W r for three outputs";
  EXPECT_EQ(answer.bytesSent, 32u);
  EXPECT_EQ(answer.bytesReceived, 24u);
}

TEST_F(ServerTest, WorksInEveryWeightMode) {
  for (plan::WeightMode mode : {plan::WEIGHTS_SERVER, plan::WEIGHTS_PUBLIC}) {
    Deployment other(mode);
    RunningServer zero(other, Party::Zero, quick());
    RunningServer one(other, Party::One, quick(zero.address()));
    Client client(other.loaded, clientOf(zero.address(), one.address()));
    std::vector<int64_t> x = {1, 2, 3, 4};
    EXPECT_EQ(infer(client, other, x), other.expected(x));
  }
}

TEST_F(ServerTest, RunsOverTlsWithPinnedCertificates) {
  TestAuthority authority;
  TlsFiles files0 = authority.issue("server0"), files1 = authority.issue("server1");
  auto pin = [](const TlsFiles &files) { return readCertificate(files.certificate).fingerprint; };
  serve::ServerOptions options0 = quick(), options1;
  options0.security = Security::tls(files0);
  options0.peerFingerprint = pin(files1);
  RunningServer zero(deployment, Party::Zero, options0);
  options1 = quick(zero.address());
  options1.security = Security::tls(files1);
  options1.peerFingerprint = pin(files0);
  RunningServer one(deployment, Party::One, options1);
  serve::ClientOptions client = clientOf(zero.address(), one.address());
  client.security = authority.security("client:alice");
  client.fingerprints = {pin(files0), pin(files1)};
  Client servers(deployment.loaded, client);
  std::vector<int64_t> x = {5, 6, 7, 8};
  EXPECT_EQ(infer(servers, deployment, x), deployment.expected(x));
}

TEST_F(ServerTest, RefusesAPeerWithAnotherCertificateThanThePinnedOne) {
  TestAuthority authority;
  serve::ServerOptions options0 = quick(), options1;
  options0.security = authority.security("server0");
  options0.peerFingerprint = Fingerprint{};
  RunningServer zero(deployment, Party::Zero, options0);
  options1 = quick(zero.address());
  options1.security = authority.security("server1");
  RunningServer one(deployment, Party::One, options1);
  one.join();
  expectError(one.error, ExitCode::Authentication, "your certificate is not the pinned one");
}

TEST_F(ServerTest, ServesManyClients) {
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  std::vector<std::future<bool>> clients;
  for (int64_t i = 0; i < 8; ++i)
    clients.push_back(std::async(std::launch::async, [&, i] {
      Client client(deployment.loaded, clientOf(zero.address(), one.address()));
      std::vector<int64_t> x = {i, i * i, -i, 7};
      return infer(client, deployment, x) == deployment.expected(x);
    }));
  for (auto &client : clients)
    EXPECT_TRUE(client.get());
  EXPECT_EQ(zero.engine.materialLeft(), 0u);
}

TEST_F(ServerTest, StopsAfterTheRequestsAskedFor) {
  serve::ServerOptions options = quick();
  options.requests = 2;
  RunningServer zero(deployment, Party::Zero, options);
  options.peer = zero.address();
  RunningServer one(deployment, Party::One, options);
  Client client(deployment.loaded, clientOf(zero.address(), one.address()));
  std::vector<int64_t> x = {1, 2, 3, 4};
  EXPECT_EQ(infer(client, deployment, x), deployment.expected(x));
  EXPECT_EQ(infer(client, deployment, x), deployment.expected(x));
  zero.join();
  one.join();
  EXPECT_FALSE(zero.error || one.error);
}

// --- Material -----------------------------------------------------------------------------------

TEST_F(ServerTest, ReportsExhaustedMaterial) {
  deployment.deal(1, true);
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  std::vector<int64_t> x = {1, 2, 3, 4};
  auto ask = [&] {
    Client client(deployment.loaded, clientOf(zero.address(), one.address()));
    return infer(client, deployment, x);
  };
  EXPECT_EQ(ask(), deployment.expected(x));
  expectError(errorOf(ask), ExitCode::MaterialExhausted, "all 1 records are used");
  expectError(errorOf(ask), ExitCode::MaterialExhausted, "all 1 records are used");
}

TEST_F(ServerTest, CatchesUpWithTheOtherServersCursor) {
  {
    MaterialStore(deployment.files(Party::One).material,
                  plan::readPartyKey(deployment.files(Party::One).key, deployment.loaded).seed)
        .claim(4);
  }
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  Client client(deployment.loaded, clientOf(zero.address(), one.address()));
  std::vector<int64_t> x = {1, 2, 3, 4};
  EXPECT_EQ(infer(client, deployment, x), deployment.expected(x));
  EXPECT_EQ(zero.engine.cursor(), 6u);
}

TEST_F(ServerTest, ADamagedRecordIsReportedToTheClientWhoseRequestIsAtBothServers) {
  damageRecord(Party::One, 0);
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  auto half = greetedClient(deployment, zero.address());
  sendHalf(*half, 1);
  std::vector<int64_t> x = {1, 2, 3, 4};
  auto ask = [&] {
    Client client(deployment.loaded, clientOf(zero.address(), one.address()));
    return infer(client, deployment, x);
  };
  expectError(errorOf(ask), ExitCode::Integrity, "record 0 does not authenticate");
  EXPECT_EQ(ask(), deployment.expected(x));
  expectError(errorOf([&] { half->receive(1000, patience); }), ExitCode::Network,
              "did not reach server 1");
}

TEST_F(ServerTest, BurnsADamagedRecordAndGoesOn) {
  damageRecord(Party::Zero, 1);
  damageRecord(Party::One, 2);
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  std::vector<int64_t> x = {1, 2, 3, 4};
  auto ask = [&] {
    Client client(deployment.loaded, clientOf(zero.address(), one.address()));
    return infer(client, deployment, x);
  };
  EXPECT_EQ(ask(), deployment.expected(x));
  expectError(errorOf(ask), ExitCode::Integrity, "record 1 does not authenticate");
  expectError(errorOf(ask), ExitCode::Integrity, "record 2 does not authenticate");
  EXPECT_EQ(ask(), deployment.expected(x));
}

TEST_F(ServerTest, RefusesFilesThatDoNotBelongTogether) {
  Deployment other;
  auto open = [](serve::EngineFiles files, Party party) {
    return errorOf([&] { serve::Engine engine(files, party); });
  };
  serve::EngineFiles files = deployment.files(Party::Zero);
  files.key = deployment.files(Party::One).key;
  expectError(open(files, Party::Zero), ExitCode::PlanMismatch, "is the key of server 1");
  files = deployment.files(Party::Zero);
  files.material = deployment.files(Party::One).material;
  expectError(open(files, Party::Zero), ExitCode::PlanMismatch, "is for the other server");
  files = deployment.files(Party::Zero);
  files.material =
      other.files(Party::Zero).material; // the same plan compiled again: another model id
  expectError(open(files, Party::Zero), ExitCode::PlanMismatch, files.material.string());
  files = deployment.files(Party::Zero);
  files.weights = other.files(Party::Zero).weights;
  expectError(open(files, Party::Zero), ExitCode::PlanMismatch, files.weights.string());
  files = deployment.files(Party::Zero);
  files.material = deployment.planPath;
  expectError(open(files, Party::Zero), ExitCode::InvalidInput, "not a material file");
}

// --- The other server ---------------------------------------------------------------------------

TEST_F(ServerTest, SurvivesAPeerThatDiesMidRequest) {
  RunningServer zero(deployment, Party::Zero, quick());
  SilentServer silent;
  auto link = linkAsServer1(zero.address());
  std::jthread dying([&] {
    serve::Start start = awaitStart(*link);
    link->answer(accepted(start.serial() + 1));
    link.reset();
  });
  std::vector<int64_t> x = {1, 2, 3, 4};
  {
    Client client(deployment.loaded, clientOf(zero.address(), silent.address()));
    expectError(errorOf([&] { infer(client, deployment, x); }), ExitCode::Network,
                "connection lost");
  }
  dying.join();
  EXPECT_EQ(zero.engine.cursor(), 1u) << "the record is burnt";
  // A real server 1 comes, and all is well.
  RunningServer one(deployment, Party::One, quick(zero.address()));
  Client client(deployment.loaded, clientOf(zero.address(), one.address()));
  EXPECT_EQ(infer(client, deployment, x), deployment.expected(x));
  EXPECT_EQ(one.engine.cursor(), 2u);
}

TEST_F(ServerTest, GivesUpOnAPeerThatHangs) {
  serve::ServerOptions impatient = quick();
  impatient.timeout = Milliseconds(300);
  RunningServer zero(deployment, Party::Zero, impatient);
  SilentServer silent;
  auto link = linkAsServer1(zero.address());
  std::jthread hanging([&] {
    serve::Start start = awaitStart(*link);
    link->answer(accepted(start.serial() + 1));
    // Its message arrives, ours never leaves, until it gives up.
    EXPECT_THROW(for (;;) link->connection().receive(1 << 20, patience), Error);
  });
  Client client(deployment.loaded, clientOf(zero.address(), silent.address()));
  expectError(errorOf([&] { infer(client, deployment, {1, 2, 3, 4}); }), ExitCode::Network,
              "no answer in time");
}

TEST_F(ServerTest, TwoServersOfOnePartyAreTold) {
  RunningServer zero(deployment, Party::Zero, quick());
  auto awaitLink = [&] {
    while (!zero.server->vitals().linked)
      std::this_thread::sleep_for(Milliseconds(1));
  };
  auto first = linkAsServer1(zero.address());
  awaitLink();
  std::jthread owner([&] {
    expectError(errorOf([&] {
                  for (;;) {
                    first->awaitCommand();
                    first->answer(accepted(0));
                  }
                }),
                ExitCode::Network, ") took this link; is it started twice?");
    first.reset();
  });
  auto second = linkAsServer1(zero.address());
  awaitLink();
  // Whoever took the link keeps it for a while.
  expectError(errorOf([&] { linkAsServer1(zero.address()); }), ExitCode::Network,
              ") has the link; is it started twice?");
  EXPECT_TRUE(zero.server->vitals().linked);
}

TEST_F(ServerTest, ReconnectsAfterTheOtherServerRestarted) {
  auto zero = std::make_unique<RunningServer>(deployment, Party::Zero, quick());
  Endpoint address = zero->address();
  RunningServer one(deployment, Party::One, quick(address));
  std::vector<int64_t> x = {1, 2, 3, 4};
  {
    Client client(deployment.loaded, clientOf(address, one.address()));
    EXPECT_EQ(infer(client, deployment, x), deployment.expected(x));
  }
  zero.reset();
  serve::ServerOptions samePort = quick();
  samePort.listen.port = address.port;
  zero = std::make_unique<RunningServer>(deployment, Party::Zero, samePort);
  Client client(deployment.loaded, clientOf(address, one.address()));
  EXPECT_EQ(infer(client, deployment, x), deployment.expected(x));
}

TEST_F(ServerTest, RefusesAPeerWithAnotherPlanOrMaterial) {
  Deployment otherModel;
  RunningServer zero(deployment, Party::Zero, quick());
  {
    RunningServer one(otherModel, Party::One, quick(zero.address()));
    one.join();
    expectError(one.error, ExitCode::PlanMismatch,
                "the two servers have different weights or keys");
  }
  deployment.deal(3, true); // server 0 still has the old set open
  RunningServer one(deployment, Party::One, quick(zero.address()));
  one.join();
  expectError(one.error, ExitCode::PlanMismatch, "the two servers have different material sets");
}

TEST_F(ServerTest, RefusesTwoServersOfOneParty) {
  Deployment copy;
  RunningServer one(deployment, Party::One, quick(Endpoint{"127.0.0.1", 9}));
  RunningServer alsoOne(copy, Party::One, quick(one.address()));
  alsoOne.join();
  expectError(alsoOne.error, ExitCode::Authentication,
              "it says it is \"server1\", expected server0");
  RunningServer zero(copy, Party::Zero, quick());
  RunningServer alsoZero(deployment, Party::Zero, quick(zero.address()));
  alsoZero.join();
  expectError(alsoZero.error, ExitCode::Usage, "both servers were started with --party 0");
}

TEST_F(ServerTest, RefusesAReusedSerial) {
  auto listener = listen({"127.0.0.1", 0}, Security::plaintext("server0"));
  RunningServer one(deployment, Party::One, quick(listener->local()));
  serve::PeerLink link(listener->accept()->handshake({{"server1"}, {}}, patience),
                       factsOf(Party::Zero), patience);
  // The client's other half goes to server 1 only.
  auto request = [&](uint8_t value, uint64_t serial) {
    auto client = greetedClient(deployment, one.address());
    const std::string id = sendHalf(*client, value);
    serve::PeerCommand command;
    command.mutable_start()->add_request_ids(id);
    command.mutable_start()->set_serial(serial);
    return link.command(command);
  };
  serve::PeerAnswer answer = request(1, 100);
  EXPECT_FALSE(answer.accepted());
  EXPECT_EQ(answer.refusal_code(), static_cast<uint32_t>(ExitCode::MaterialExhausted));
  answer = request(2, 5);
  EXPECT_TRUE(answer.accepted());
  EXPECT_EQ(answer.cursor(), 6u);
  std::vector<uint8_t> theirs(16);
  link.connection().exchange(std::vector<uint8_t>(16), theirs, patience);
  answer = request(3, 5);
  EXPECT_FALSE(answer.accepted());
  EXPECT_EQ(answer.refusal_code(), static_cast<uint32_t>(ExitCode::MaterialReuse));
  EXPECT_EQ(answer.cursor(), 6u);
}

// --- Clients ------------------------------------------------------------------------------------

TEST_F(ServerTest, RefusesAClientWithAnotherPlan) {
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  plan::LoadedPlan other = deployment.loaded;
  other.hash[0] ^= 1;
  expectError(errorOf([&] { Client client(other, clientOf(zero.address(), one.address())); }),
              ExitCode::PlanMismatch, "runs another plan");
}

TEST_F(ServerTest, NoticesExchangedServers) {
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  expectError(
      errorOf([&] { Client client(deployment.loaded, clientOf(one.address(), zero.address())); }),
      ExitCode::Authentication, "it says it is");
}

TEST_F(ServerTest, FailsARequestThatReachesOneServerOnly) {
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  SilentServer silent;
  std::vector<int64_t> x = {1, 2, 3, 4};
  {
    serve::ClientOptions options = clientOf(zero.address(), silent.address());
    options.timeout = Milliseconds(8000);
    Client client(deployment.loaded, options);
    expectError(errorOf([&] { infer(client, deployment, x); }), ExitCode::Network,
                "did not reach server 1");
  }
  Client client(deployment.loaded, clientOf(zero.address(), one.address()));
  EXPECT_EQ(infer(client, deployment, x), deployment.expected(x));
  EXPECT_EQ(zero.engine.cursor(), 1u) << "no material was spent on it";
}

TEST_F(ServerTest, TellsAClientThatTheOtherServerIsMissing) {
  serve::ServerOptions impatient = quick();
  impatient.timeout = Milliseconds(200);
  RunningServer zero(deployment, Party::Zero, impatient);
  SilentServer silent;
  Client client(deployment.loaded, clientOf(zero.address(), silent.address()));
  expectError(errorOf([&] { infer(client, deployment, {1, 2, 3, 4}); }), ExitCode::Network,
              "was not started in time");
}

TEST_F(ServerTest, RunsAThousandInferencesInOnePass) {
  constexpr size_t many = 1000;
  Deployment large(plan::WEIGHTS_SHARED, many);
  serve::ServerOptions options = quick();
  options.maxGroup = options.maxQueue = many;
  RunningServer zero(large, Party::Zero, options);
  options.peer = zero.address();
  RunningServer one(large, Party::One, options);
  Client client(large.loaded, clientOf(zero.address(), one.address()));
  std::vector<std::vector<ClearWords>> batch(many);
  const std::vector<int64_t> x = {1, 2, 3, 4};
  for (std::vector<ClearWords> &inputs : batch)
    inputs.push_back(wordsOf(Ring{32}, x));
  const std::vector<serve::Answer> answers = client.infer(batch);
  EXPECT_EQ(answers.back().stats[0].group(), many);
  EXPECT_EQ(signedOf(Ring{32}, answers.back().outputs.at(0)), large.expected(x));
}

TEST_F(ServerTest, ShutsDownWhileClientsAreConnected) {
  auto zero = std::make_unique<RunningServer>(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero->address()));
  Client client(deployment.loaded, clientOf(zero->address(), one.address()));
  std::vector<int64_t> x = {1, 2, 3, 4};
  EXPECT_EQ(infer(client, deployment, x), deployment.expected(x));
  auto start = std::chrono::steady_clock::now();
  zero.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
  expectError(errorOf([&] { infer(client, deployment, x); }), ExitCode::Network, "connection");
}

TEST_F(ServerTest, ChecksItsOwnRoleAndFlags) {
  serve::Engine engine(deployment.files(Party::One), Party::One);
  serve::ServerOptions options = quick();
  options.listen = {"127.0.0.1", 0};
  options.security = Security::plaintext("server1");
  expectError(errorOf([&] { serve::Server server(options, engine); }), ExitCode::Usage,
              "--peer: server 1 needs");
  options.peer = Endpoint{"127.0.0.1", 1};
  options.security = Security::plaintext("server0");
  expectError(errorOf([&] { serve::Server server(options, engine); }), ExitCode::Authentication,
              "the certificate is for \"server0\", but --party 1 needs one for server1");
}
