// SPDX-License-Identifier: Apache-2.0
// Who gets in, and who gives way: strangers, idle or greedy clients and half requests hold up
// nobody else.
#include "test/unit/net/RawSocket.h"
#include "test/unit/serve/Deployment.h"

using namespace gfs;
using namespace gfs::testing;
using serve::Client;

namespace {
class AdmissionTest : public ::testing::Test {
protected:
  Deployment deployment;
};
} // namespace

TEST_F(AdmissionTest, SurvivesClientsThatMisbehave) {
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  auto connected = [&] {
    return connect(zero.address(), Security::plaintext("client:bad"), {{"server0"}, {}});
  };
  std::vector<uint8_t> garbage(5000, 0xff);
  connected(); // comes and goes
  connected()->send(FrameType::Control, garbage, patience);
  connected()->send(FrameType::Data, garbage, patience);
  {
    auto client = greetedClient(deployment, zero.address());
    serve::Request request;
    request.set_request_id("short");
    serve::sendMessage(*client, request, patience);
    expectError(errorOf([&] { client->receive(1000, patience); }), ExitCode::Network,
                "malformed message: request id");
  }
  Client client(deployment.loaded, clientOf(zero.address(), one.address()));
  std::vector<int64_t> x = {1, 2, 3, 4};
  EXPECT_EQ(infer(client, deployment, x), deployment.expected(x));
}

TEST_F(AdmissionTest, NobodyWaitsForClientsThatSendOneHalf) {
  serve::ServerOptions options = quick();
  options.timeout = Milliseconds(6000);
  RunningServer zero(deployment, Party::Zero, options);
  options.peer = zero.address();
  RunningServer one(deployment, Party::One, options);
  Client client(deployment.loaded, clientOf(zero.address(), one.address()));
  std::vector<std::unique_ptr<Connection>> half;
  for (uint8_t id = 1; id <= 3; ++id)
    sendHalf(*half.emplace_back(greetedClient(deployment, zero.address())), id);
  // Half of the timeout is what the other half of a request may take.
  const auto start = std::chrono::steady_clock::now();
  std::vector<int64_t> x = {1, 2, 3, 4};
  EXPECT_EQ(infer(client, deployment, x), deployment.expected(x));
  EXPECT_LT(std::chrono::steady_clock::now() - start, options.timeout / 2);
  for (const auto &connection : half)
    expectError(errorOf([&] { connection->receive(1000, patience); }), ExitCode::Network,
                "did not reach server 1");
  EXPECT_EQ(zero.engine.cursor(), 1u) << "no material was spent on them";
}

TEST_F(AdmissionTest, StrangersKeepNobodyOut) {
  TestAuthority authority;
  for (bool tls : {false, true}) {
    auto securityOf = [&](const std::string &role) {
      return tls ? authority.security(role) : Security::plaintext(role);
    };
    serve::ServerOptions options = quick();
    options.maxClients = 1;
    options.security = securityOf("server0");
    RunningServer zero(deployment, Party::Zero, options);
    std::vector<RawSocket> strangers;
    for (int i = 0; i < 60; ++i)
      strangers.emplace_back(zero.address());
    options = quick(zero.address());
    options.security = securityOf("server1");
    RunningServer one(deployment, Party::One, options);
    serve::ClientOptions asking = clientOf(zero.address(), one.address());
    asking.security = securityOf("client:test");
    Client client(deployment.loaded, asking);
    std::vector<int64_t> x = {1, 2, 3, 4};
    EXPECT_EQ(infer(client, deployment, x), deployment.expected(x));
    const auto start = std::chrono::steady_clock::now();
    zero.stop();
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5))
        << "waits for strangers";
  }
}

TEST_F(AdmissionTest, ClientsLeaveRoomForTheOtherServer) {
  serve::ServerOptions options = quick();
  options.maxClients = 2;
  RunningServer zero(deployment, Party::Zero, options);
  std::vector<std::unique_ptr<Connection>> clients;
  for (int i = 0; i < 2; ++i)
    clients.push_back(greetedClient(deployment, zero.address()));
  for (int i = 0; i < 4; ++i)
    expectError(errorOf([&] { greetedClient(deployment, zero.address()); }), ExitCode::Network,
                "busy: 2 clients are connected");
  RunningServer one(deployment, Party::One, quick(zero.address()));
  EXPECT_EQ(zero.ready.get_future().wait_for(patience), std::future_status::ready);
}

TEST_F(AdmissionTest, AClientWithManyConnectionsLeavesRoomForOthers) {
  serve::ServerOptions options = quick();
  options.maxClients = 4;
  RunningServer zero(deployment, Party::Zero, options);
  RunningServer one(deployment, Party::One, quick(zero.address()));
  std::vector<std::unique_ptr<Connection>> many;
  for (int i = 0; i < 4; ++i)
    many.push_back(greetedClient(deployment, zero.address()));
  auto few = clientOf(zero.address(), one.address());
  few.security = Security::plaintext("client:other");
  Client client(deployment.loaded, few);
  std::vector<int64_t> x = {1, 2, 3, 4};
  EXPECT_EQ(infer(client, deployment, x), deployment.expected(x));
}

TEST_F(AdmissionTest, IdleClientsMakeRoomForOthers) {
  serve::ServerOptions options = quick();
  options.maxClients = 2;
  options.idlePatience = Milliseconds(50);
  RunningServer zero(deployment, Party::Zero, options);
  RunningServer one(deployment, Party::One, quick(zero.address()));
  auto oldest = greetedClient(deployment, zero.address());
  std::this_thread::sleep_for(Milliseconds(20));
  auto second = connect(zero.address(), Security::plaintext("client:mute"), {{"server0"}, {}});
  std::this_thread::sleep_for(Milliseconds(100));
  std::vector<int64_t> x = {1, 2, 3, 4};
  Client client(deployment.loaded, clientOf(zero.address(), one.address()));
  EXPECT_EQ(infer(client, deployment, x), deployment.expected(x));
  expectError(errorOf([&] { oldest->receive(1000, patience); }), ExitCode::Network,
              "closed by the peer");
  // One more, and the next has to go, though it never said what it wants.
  auto third = greetedClient(deployment, zero.address());
  expectError(errorOf([&] { second->receive(1000, patience); }), ExitCode::Network,
              "closed by the peer");
}
