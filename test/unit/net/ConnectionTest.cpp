// SPDX-License-Identifier: Apache-2.0
// Frames over real sockets, in plaintext and over TLS.
#include "test/unit/net/ChannelParts.h"
#include "test/unit/net/TestLink.h"

#include <netinet/in.h>
#include <numeric>
#include <sys/socket.h>
#include <thread>

using namespace gfs;
using namespace gfs::testing;

static std::vector<uint8_t> pattern(size_t size, uint8_t first) {
  std::vector<uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), first);
  return bytes;
}

class BothSecurities : public ::testing::TestWithParam<bool> {
protected:
  Link link() {
    if (!GetParam())
      return makePlainLink();
    TestAuthority authority;
    return makeLink(authority.security("server0"), authority.security("server1"), {{"server1"}, {}},
                    {{"server0"}, {}});
  }
};

INSTANTIATE_TEST_SUITE_P(Connection, BothSecurities, ::testing::Bool(),
                         [](const auto &info) { return info.param ? "Tls" : "Plaintext"; });

TEST_P(BothSecurities, ExchangesMessagesOfAnySize) {
  Link ends = link();
  ASSERT_TRUE(ends.server && ends.client);
  auto serverChannel = makeChannel(*ends.server, patience),
       clientChannel = makeChannel(*ends.client, patience);
  std::pair<size_t, size_t> sizes[] = {
      {0, 0}, {1, 1}, {0, 77}, {4097, 16385}, {50'000'000, 50'000'001}, {50'000'000, 0}};
  uint64_t sent = 0;
  for (auto [serverSize, clientSize] : sizes) {
    auto fromServer = pattern(serverSize, 1), fromClient = pattern(clientSize, 200);
    std::vector<uint8_t> atServer(clientSize), atClient(serverSize);
    auto other =
        std::async(std::launch::async, [&] { serverChannel->exchange(fromServer, atServer); });
    clientChannel->exchange(fromClient, atClient);
    other.get();
    EXPECT_TRUE(atServer == fromClient && atClient == fromServer)
        << serverSize << " / " << clientSize;
    sent += serverSize;
  }
  const ChannelCounters &counters = serverChannel->counters();
  EXPECT_EQ(counters.exchanges, std::size(sizes));
  EXPECT_EQ(counters.payloadSent, sent);
  EXPECT_EQ(counters.wireSent, sent + std::size(sizes) * FrameHeader::size);
  EXPECT_EQ(counters.wireSent, clientChannel->counters().wireReceived);
}

TEST_P(BothSecurities, ExchangesInParts) {
  Link ends = link();
  auto a = makeChannel(*ends.server, patience), b = makeChannel(*ends.client, patience);
  gfs::testing::expectPartsArriveEarly(*a, *b, 100000, 20000);
  gfs::testing::expectPartsArriveEarly(*b, *a, 5000, 1);
  gfs::testing::expectPartsAndWholesMeet(*a, *b);
  EXPECT_EQ(a->counters().exchanges, 6u);
  EXPECT_EQ(a->counters().wireSent, b->counters().wireReceived);
}

TEST_P(BothSecurities, GivesUpBetweenParts) {
  Link ends = link();
  std::vector<uint8_t> message(1000), atServer(1000), atClient(1000);
  ends.server->begin(message, atServer, Milliseconds(50));
  ends.client->begin(message, atClient, Milliseconds(50));
  ends.client->push(100);
  ends.server->pull(100);
  expectError(errorOf([&] { ends.server->pull(101); }), ExitCode::Network, "no answer in time");
  expectError(errorOf([&] { ends.client->finish(); }), ExitCode::Network, "connection lost");
  EXPECT_FALSE(ends.server->isOpen());
}

TEST_P(BothSecurities, AnExchangeThatWasBegunCannotBeLeft) {
  Link ends = link();
  std::vector<uint8_t> message(1000), incoming(1000);
  ends.server->begin(message, incoming, patience);
  ends.server->push(10);
  expectError(errorOf([&] { ends.server->send(FrameType::Control, message, patience); }),
              ExitCode::Network, "closed");
}

TEST_P(BothSecurities, ExchangesWhilePolling) {
  Link ends = link();
  ASSERT_TRUE(ends.server && ends.client);
  for (Connection *end : {ends.server.get(), ends.client.get()})
    end->setSpin(Spin(std::chrono::microseconds(200)));
  std::vector<uint8_t> one(100000, 1), two(100000, 2), a(one.size()), b(one.size());
  for (int round = 0; round < 3; ++round) {
    std::jthread other([&] {
      std::this_thread::sleep_for(Milliseconds(round)); // within the time to poll, and beyond
      ends.server->exchange(one, a, patience);
    });
    ends.client->exchange(two, b, patience);
  }
  EXPECT_EQ(a, two);
  EXPECT_EQ(b, one);
}

TEST_P(BothSecurities, CarriesControlFrames) {
  Link ends = link();
  ASSERT_TRUE(ends.server && ends.client);
  auto message = pattern(1000, 3);
  ends.client->send(FrameType::Control, message, patience);
  Frame frame = ends.server->receive(1000, patience);
  EXPECT_EQ(frame.type, FrameType::Control);
  EXPECT_EQ(frame.payload, message);
}

TEST_P(BothSecurities, RefusesAFrameLongerThanAllowedBeforeAllocating) {
  Link ends = link();
  ASSERT_TRUE(ends.server && ends.client);
  ends.client->send(FrameType::Control, pattern(1001, 3), patience);
  expectError(errorOf([&] { ends.server->receive(1000, patience); }), ExitCode::Network,
              "a message of 1001 bytes where at most 1000 are allowed");
}

TEST_P(BothSecurities, RefusesADataFrameOfAnotherSize) {
  Link ends = link();
  ASSERT_TRUE(ends.server && ends.client);
  ends.client->send(FrameType::Data, pattern(9, 0), patience);
  std::vector<uint8_t> ten(10);
  expectError(errorOf([&] { ends.server->receiveData(ten, patience); }), ExitCode::Network,
              "expects 10 bytes, the peer sends 9");
  expectError(errorOf([&] { ends.server->receiveData(ten, patience); }), ExitCode::Network,
              "the connection is closed");
}

TEST_P(BothSecurities, NoticesThatThePeerDied) {
  Link ends = link();
  ASSERT_TRUE(ends.server && ends.client);
  auto large = pattern(20'000'000, 0);
  std::vector<uint8_t> incoming(1000);
  std::jthread killer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ends.client.reset();
  });
  expectError(errorOf([&] { ends.server->exchange(large, incoming, Milliseconds(20000)); }),
              ExitCode::Network, "connection lost");
}

TEST_P(BothSecurities, GivesUpAfterTheTimeout) {
  Link ends = link();
  ASSERT_TRUE(ends.server && ends.client);
  std::vector<uint8_t> incoming(4);
  auto start = std::chrono::steady_clock::now();
  expectError(errorOf([&] { ends.server->receiveData(incoming, Milliseconds(100)); }),
              ExitCode::Network, "no answer in time");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

TEST_P(BothSecurities, GivesUpSendingToAPeerThatDoesNotRead) {
  Link ends = link();
  ASSERT_TRUE(ends.server && ends.client);
  // 9 MB fit into no socket buffer. Their size allows for 8.6 s, of which the timeout leaves 0.6 s.
  auto large = pattern(9'000'000, 0);
  expectError(errorOf([&] { ends.server->send(FrameType::Data, large, Milliseconds(-8000)); }),
              ExitCode::Network, "no answer in time while sending");
  EXPECT_FALSE(ends.server->isOpen());
}

TEST_P(BothSecurities, TellsThePeerWhyItCloses) {
  Link ends = link();
  ASSERT_TRUE(ends.server && ends.client);
  // Exit code 10 is also the byte of a line feed, which separates message and hint.
  auto closing = std::async(std::launch::async, [&] {
    ends.server->closeWith(Error(ExitCode::Network, "too slow\x1b[1m", "be faster"));
  });
  std::optional<Error> error = errorOf([&] { ends.client->receive(1000, patience); });
  expectError(error, ExitCode::Network, "reports: too slow?[1m");
  EXPECT_EQ(error->hint(), "be faster");
  ends.client.reset();
  closing.get();
}

TEST_P(BothSecurities, ReadsTheReasonEvenIfItsWriteBreaks) {
  Link ends = link();
  ASSERT_TRUE(ends.server && ends.client);
  auto closing = std::async(std::launch::async, [&] {
    ends.server->closeWith(Error(ExitCode::MaterialExhausted, "no material left"));
    ends.server.reset();
  });
  auto large = pattern(100'000'000, 0);
  std::vector<uint8_t> incoming(16);
  std::optional<Error> error = errorOf([&] { ends.client->exchange(large, incoming, patience); });
  expectError(error, ExitCode::MaterialExhausted, "no material left");
}

TEST_P(BothSecurities, CanBeInterruptedFromAnotherThread) {
  Link ends = link();
  ASSERT_TRUE(ends.server && ends.client);
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    ends.server->interrupt();
  });
  expectError(errorOf([&] { ends.server->receive(10, Milliseconds(20000)); }), ExitCode::Network,
              "interrupted");
}

TEST_P(BothSecurities, SaysWhyItIsDismissed) {
  Link ends = link();
  ASSERT_TRUE(ends.server && ends.client);
  ends.server->dismiss(Error(ExitCode::Network, "another came", "stop one of them"));
  std::jthread owner([&] {
    expectError(errorOf([&] { ends.server->receive(10, patience); }), ExitCode::Network,
                ": another came");
    EXPECT_FALSE(ends.server->isOpen());
  });
  expectError(errorOf([&] { ends.client->receive(10, patience); }), ExitCode::Network,
              "reports: another came");
}

TEST_P(BothSecurities, CanBeDismissedWithinACall) {
  Link ends = link();
  ASSERT_TRUE(ends.server && ends.client);
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    ends.server->dismiss(Error(ExitCode::Network, "another came"));
  });
  expectError(errorOf([&] { ends.server->receive(10, Milliseconds(20000)); }), ExitCode::Network,
              ": another came");
}

TEST(Connection, RefusesAnotherProtocol) {
  auto listener = listen({"127.0.0.1", 0}, Security::plaintext("server0"));
  std::optional<Error> serverError;
  auto server = std::async(std::launch::async, [&] {
    serverError = errorOf([&] { listener->accept()->handshake({{"client*"}, {}}, patience); });
  });
  int browser = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(listener->local().port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(browser, reinterpret_cast<sockaddr *>(&address), sizeof address), 0);
  std::string_view request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  ASSERT_EQ(::write(browser, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  server.get();
  ::close(browser);
  expectError(serverError, ExitCode::Network, "does not speak the GFS protocol");
}

TEST(Connection, NamesTheFailingStep) {
  ConnectOptions once;
  once.retryFor = Milliseconds(0);
  uint16_t unused = listen({"127.0.0.1", 0}, Security::plaintext("x"))->local().port;
  expectError(errorOf([&] {
                connect({"127.0.0.1", unused}, Security::plaintext("client:a"), {{"server0"}, {}},
                        once);
              }),
              ExitCode::Network, fmt::format("127.0.0.1:{}: connect: Connection refused", unused));
  expectError(errorOf([&] {
                connect({"no-such-host.invalid", 1}, Security::plaintext("client:a"),
                        {{"server0"}, {}}, once);
              }),
              ExitCode::Network, "no-such-host.invalid:1: resolve: ");
}

TEST(Connection, RetriesUntilTheServerIsUp) {
  uint16_t port = listen({"127.0.0.1", 0}, Security::plaintext("x"))->local().port;
  auto server = std::async(std::launch::async, [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return listen({"127.0.0.1", port}, Security::plaintext("server0"))
        ->accept()
        ->handshake({{"client*"}, {}}, patience);
  });
  ConnectOptions options;
  options.retryPause = Milliseconds(20);
  auto client =
      connect({"127.0.0.1", port}, Security::plaintext("client:a"), {{"server0"}, {}}, options);
  EXPECT_EQ(client->peerRole(), "server0");
  EXPECT_EQ(server.get()->peerRole(), "client:a");
}

TEST(Connection, ReportsAPortInUse) {
  auto first = listen({"127.0.0.1", 0}, Security::plaintext("server0"));
  expectError(errorOf([&] { listen(first->local(), Security::plaintext("server0")); }),
              ExitCode::Network, "Address already in use");
}

TEST(Connection, AcceptCanBeInterrupted) {
  auto listener = listen({"127.0.0.1", 0}, Security::plaintext("server0"));
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    listener->interrupt();
  });
  EXPECT_EQ(listener->accept(), nullptr);
  EXPECT_EQ(listener->accept(), nullptr);
}

TEST(Endpoint, ParsesAndRefuses) {
  EXPECT_EQ(parseEndpoint("localhost:80", "--peer").host, "localhost");
  EXPECT_EQ(parseEndpoint("[::1]:7000", "--peer").text(), "[::1]:7000");
  for (const char *bad : {"localhost", "localhost:", ":80", "h:70000", "h:8x", "::1:80", ""})
    expectError(errorOf([&] { parseEndpoint(bad, "--peer"); }), ExitCode::Usage, "--peer");
}
