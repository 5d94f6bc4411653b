// SPDX-License-Identifier: Apache-2.0
// The greeting of two servers, and the queue of requests between clients and the peer link.
#include "runtime/serve/PeerLink.h"
#include "runtime/serve/RequestQueue.h"
#include "runtime/serve/Summary.h"
#include "test/unit/net/TestLink.h"

#include <thread>

using namespace gfs;
using namespace gfs::serve;
using namespace gfs::testing;

static PeerFacts facts(Party party) {
  PeerFacts facts;
  facts.party = party;
  facts.planHash.fill(1);
  facts.modelId.fill(2);
  facts.materialId.fill(3);
  facts.cursor = 10 + index(party);
  return facts;
}

namespace {

/// Both ends of a greeting over loopback.
struct Greeting {
  std::unique_ptr<PeerLink> zero, one;
  std::optional<Error> zeroError, oneError;

  Greeting(const PeerFacts &atZero, const PeerFacts &atOne) {
    Link link = makePlainLink();
    auto greet = [](std::unique_ptr<Connection> connection, const PeerFacts &mine,
                    std::unique_ptr<PeerLink> &end, std::optional<Error> &error) {
      try {
        end = std::make_unique<PeerLink>(std::move(connection), mine, patience);
      } catch (const Error &caught) {
        error = caught;
      }
    };
    std::jthread other([&] { greet(std::move(link.client), atOne, one, oneError); });
    greet(std::move(link.server), atZero, zero, zeroError);
  }
};

JobId jobId(uint8_t value) {
  JobId id;
  id.fill(value);
  return id;
}

std::unique_ptr<Job> job(uint8_t id) {
  auto job = std::make_unique<Job>();
  job->id = jobId(id);
  return job;
}

} // namespace

TEST(PeerLink, AgreesOnASeedForEveryRequest) {
  Greeting greeting(facts(Party::Zero), facts(Party::One));
  ASSERT_TRUE(greeting.zero && greeting.one);
  EXPECT_EQ(greeting.zero->peerCursor(), 11u);
  EXPECT_EQ(greeting.one->peerCursor(), 10u);
  auto bytes = [](const SecretSeed &seed) {
    return std::vector<uint8_t>(seed.bytes().begin(), seed.bytes().end());
  };
  const plan::Id16 set = facts(Party::Zero).materialId, otherSet{};
  auto seed = bytes(greeting.zero->requestSeed(jobId(1), set, 5));
  EXPECT_EQ(seed, bytes(greeting.one->requestSeed(jobId(1), set, 5)));
  EXPECT_NE(seed, bytes(greeting.zero->requestSeed(jobId(2), set, 5)));
  EXPECT_NE(seed, bytes(greeting.zero->requestSeed(jobId(1), set, 6)));
  EXPECT_NE(seed, bytes(greeting.zero->requestSeed(jobId(1), otherSet, 5)));
  Greeting again(facts(Party::Zero), facts(Party::One));
  EXPECT_NE(seed, bytes(again.zero->requestSeed(jobId(1), set, 5)))
      << "every link has a seed of its own";
}

TEST(PeerLink, CarriesCommandsAndAnswers) {
  Greeting greeting(facts(Party::Zero), facts(Party::One));
  ASSERT_TRUE(greeting.zero && greeting.one);
  std::jthread follower([&] {
    PeerCommand command = greeting.one->awaitCommand();
    EXPECT_EQ(command.start().serial(), 77u);
    PeerAnswer answer;
    answer.set_cursor(78);
    answer.set_accepted(true);
    greeting.one->answer(answer);
  });
  PeerCommand command;
  command.mutable_start()->set_serial(77);
  EXPECT_TRUE(greeting.zero->command(command).accepted());
  EXPECT_EQ(greeting.zero->peerCursor(), 78u);
}

TEST(PeerLink, RefusesWhatDoesNotBelongTogether) {
  struct {
    void (*change)(PeerFacts &);
    const char *text;
  } cases[] = {
      {[](PeerFacts &facts) { facts.planHash[31] ^= 1; }, "the two servers have different plans"},
      {[](PeerFacts &facts) { facts.modelId[0] ^= 1; },
       "the two servers have different weights or keys"}};
  for (const auto &[change, text] : cases) {
    PeerFacts other = facts(Party::One);
    change(other);
    Greeting greeting(facts(Party::Zero), other);
    expectError(greeting.zeroError, ExitCode::PlanMismatch, text);
    expectError(greeting.oneError, ExitCode::PlanMismatch, std::string("reports: ") + text);
  }
}

TEST(PeerLink, TellsWhichMaterialThePeerHasInUse) {
  PeerFacts other = facts(Party::One);
  other.materialId.fill(4);
  Greeting greeting(facts(Party::Zero), other);
  ASSERT_TRUE(greeting.zero && greeting.one);
  EXPECT_EQ(greeting.zero->peerMaterial(), other.materialId);
  EXPECT_EQ(greeting.one->peerMaterial(), facts(Party::Zero).materialId);
}

TEST(PeerLink, RefusesServersThatImitateDifferentNetworks) {
  PeerFacts throttled = facts(Party::One);
  throttled.throttle = "lan";
  Greeting greeting(facts(Party::Zero), throttled);
  const char *text = "both servers must be started with the same --throttle, or none";
  expectError(greeting.zeroError, ExitCode::Usage, text);
  expectError(greeting.oneError, ExitCode::Usage, std::string("reports: ") + text);
}

TEST(PeerLink, RefusesTwoServersOfOneParty) {
  // Two servers 0 would both wait for the other to speak; the one that hears its own party refuses.
  Link link = makePlainLink();
  PeerHello hello;
  hello.set_party(0);
  sendMessage(*link.client, hello, patience);
  std::jthread reader([&] {
    try {
      receiveMessage<PeerHello>(*link.client, patience);
      ADD_FAILURE() << "the greeting went through";
    } catch (const Error &error) {
      expectError(error, ExitCode::Usage, "reports: both servers were started with --party 0");
    }
    link.client.reset();
  });
  try {
    PeerLink greeting(std::move(link.server), facts(Party::Zero), patience);
    FAIL() << "two servers of one party were linked";
  } catch (const Error &error) {
    expectError(error, ExitCode::Usage, "both servers were started with --party 0");
  }
}

TEST(PeerLink, RefusesMalformedMessages) {
  Link link = makePlainLink();
  std::vector<uint8_t> garbage = {0xff, 0xff, 0xff};
  link.client->send(FrameType::Control, garbage, patience);
  std::jthread leaver([&] {
    EXPECT_THROW(link.client->receive(1000, patience), Error);
    link.client.reset();
  });
  EXPECT_THROW(PeerLink(std::move(link.server), facts(Party::Zero), patience), Error);
}

// --- RequestQueue -------------------------------------------------------------------------------

TEST(RequestQueue, HandsOutInOrderAndById) {
  RequestQueue queue(8);
  for (uint8_t id : {1, 2, 3})
    queue.submit(job(id));
  EXPECT_EQ(queue.take(jobId(2), Milliseconds(0))->id, jobId(2));
  EXPECT_EQ(queue.next(1, Milliseconds(0)).at(0)->id, jobId(1));
  EXPECT_EQ(queue.next(1, Milliseconds(0)).at(0)->id, jobId(3));
  EXPECT_TRUE(queue.next(1, Milliseconds(0)).empty());
  EXPECT_EQ(queue.take(jobId(9), Milliseconds(1)), nullptr);
}

TEST(RequestQueue, HandsOutGroupsAndTakesThemBack) {
  RequestQueue queue(3);
  auto jobs = [](std::initializer_list<uint8_t> ids) {
    serve::Jobs list;
    for (uint8_t id : ids)
      list.push_back(job(id));
    return list;
  };
  auto futures = queue.submit(jobs({1, 2, 3}));
  EXPECT_EQ(futures.size(), 3u);
  EXPECT_THROW(queue.submit(jobs({4})), Error) << "full";
  serve::Jobs group = queue.next(2, Milliseconds(0));
  ASSERT_EQ(group.size(), 2u);
  EXPECT_EQ(group[1]->id, jobId(2));
  EXPECT_THROW(queue.submit(jobs({4, 5, 6})), Error) << "all or none";
  queue.putBack(std::move(group));
  group = queue.next(9, Milliseconds(0));
  ASSERT_EQ(group.size(), 3u);
  for (uint8_t i = 0; i < 3; ++i)
    EXPECT_EQ(group[i]->id, jobId(static_cast<uint8_t>(i + 1)));
  queue.close(Error(ExitCode::Network, "shutting down"));
  queue.putBack(std::move(group));
  EXPECT_THROW(futures[0].get(), Error) << "returned after the end";
}

TEST(RequestQueue, WaitsForTheRightRequest) {
  RequestQueue queue(8);
  std::jthread client([&] {
    queue.submit(job(1));
    std::this_thread::sleep_for(Milliseconds(20));
    queue.submit(job(2));
  });
  EXPECT_EQ(queue.take(jobId(2), patience)->id, jobId(2));
}

TEST(RequestQueue, IsBoundedAndRefusesDoubles) {
  RequestQueue queue(2);
  auto first = queue.submit(job(1));
  EXPECT_THROW(queue.submit(job(1)), Error);
  auto second = queue.submit(job(2));
  EXPECT_THROW(queue.submit(job(3)), Error);
  EXPECT_TRUE(queue.withdraw(jobId(2)));
  EXPECT_FALSE(queue.withdraw(jobId(2)));
  queue.submit(job(3));
}

TEST(RequestQueue, FailsWaitingRequestsWhenClosed) {
  RequestQueue queue(2);
  auto waiting = queue.submit(job(1));
  queue.close(Error(ExitCode::Network, "shutting down"));
  EXPECT_THROW(waiting.get(), Error);
  EXPECT_THROW(queue.submit(job(2)), Error);
  EXPECT_TRUE(queue.next(1, patience).empty());
}

// --- Summary ------------------------------------------------------------------------------------

TEST(Summary, TakesNearestRankPercentiles) {
  std::vector<double> hundred;
  for (int i = 100; i >= 1; --i)
    hundred.push_back(i);
  Percentiles values = percentiles(hundred);
  EXPECT_EQ(values.p50, 50);
  EXPECT_EQ(values.p90, 90);
  EXPECT_EQ(values.p99, 99);
  EXPECT_EQ(values.mean, 50.5);
  EXPECT_EQ(percentiles({7}).p99, 7);
  EXPECT_EQ(percentiles({}).p50, 0);
}

TEST(Summary, WritesBytesForPeople) {
  EXPECT_EQ(bytesText(0), "0 B");
  EXPECT_EQ(bytesText(999), "999 B");
  EXPECT_EQ(bytesText(1500), "1.5 kB");
  EXPECT_EQ(bytesText(2.5e9), "2.5 GB");
}
