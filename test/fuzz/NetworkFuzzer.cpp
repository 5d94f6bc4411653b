// SPDX-License-Identifier: Apache-2.0
// Whatever a peer, a client, a dealer or a visitor of --metrics sends, the server answers or hangs
// up, soon and in order. The first byte says how far a conversation has come in good order before
// the rest of the input is sent as it is.
#include "runtime/net/HttpServer.h"
#include "runtime/serve/ClientSession.h"
#include "runtime/serve/DealerSession.h"
#include "runtime/serve/PeerLink.h"
#include "test/unit/net/RawSocket.h"
#include "tools/common/TemporaryFolder.h"

#include <cstdlib>
#include <spdlog/spdlog.h>

using namespace gfs;
using namespace gfs::serve;
using gfs::testing::RawSocket;

namespace {

constexpr Milliseconds patience{200};
constexpr uint64_t inputBytes = 24;

enum Conversation : uint8_t {
  Stranger,
  Client,
  GreetedClient,
  Peer,
  GreetedPeer,
  Visitor,
  Dealer,
  GreetedDealer,
  DeliveringDealer,
  kinds
};

/// A connection to this process that has sent `bytes` and sends nothing more.
RawSocket sender(const Endpoint &to, std::string_view bytes) {
  RawSocket socket(to);
  socket.resetOnClose();
  socket.say(bytes);
  socket.end();
  return socket;
}

std::string frame(FrameType type, std::string_view payload) {
  const FrameHeader::Bytes header = FrameHeader{type, payload.size()}.encode();
  return std::string(header.begin(), header.end()).append(payload);
}
std::string frame(const google::protobuf::MessageLite &message) {
  return frame(FrameType::Control, message.SerializeAsString());
}

std::string beginningOf(Conversation conversation) {
  switch (conversation) {
  case Client:
    return frame(FrameType::Hello, "GFSNET01client:a");
  case GreetedClient: {
    ClientHello hello;
    hello.set_plan_hash(std::string(32, '\0'));
    return beginningOf(Client) + frame(hello);
  }
  case Peer:
    return frame(FrameType::Hello, "GFSNET01server1");
  case GreetedPeer: {
    PeerHello hello;
    hello.set_party(1);
    hello.set_plan_hash(std::string(32, '\0'));
    for (std::string *field : {hello.mutable_model_id(), hello.mutable_material_id()})
      field->assign(16, '\0');
    hello.set_contribution(std::string(32, '\1'));
    return beginningOf(Peer) + frame(hello);
  }
  case Dealer:
    return frame(FrameType::Hello, "GFSNET01dealer");
  case GreetedDealer: {
    DealerHello hello;
    hello.set_plan_hash(std::string(32, '\0'));
    return beginningOf(Dealer) + frame(hello);
  }
  case DeliveringDealer: {
    DealerCommand command;
    std::array<MaterialInfo, 2> halves;
    halves[0].records = 2;
    drawSetSeeds(halves, {SecretSeed(), SecretSeed()});
    command.mutable_delivery()->set_header(encodeMaterialHeader(halves[0]));
    return beginningOf(GreetedDealer) + frame(command);
  }
  default:
    return {};
  }
}

/// Nothing stays but whole sets.
void serveDealer(std::unique_ptr<Connection> connection) {
  const TemporaryFolder folder; // of material
  Metrics metrics;
  MaterialUse use;
  use.partySeed = std::make_shared<const SecretSeed>();
  const DealerContext context{use, folder.path(), Milliseconds(5), &metrics,
                              [] { return std::vector<MaterialLeft>(); }};
  DealerSession(std::move(connection), context).run();
  for (const auto &entry : std::filesystem::directory_iterator(folder.path()))
    if (!holdsAllRecords(entry.path()))
      std::abort();
}

/// As a server's session thread does it; requests find nobody who runs them.
void serveOne(Listener &listener) {
  std::unique_ptr<Connection> connection =
      listener.accept()->handshake({{"server*", "client*", "dealer"}, {}}, patience);
  if (connection->peerRole() == "server1") {
    PeerLink link(std::move(connection), PeerFacts{}, patience);
    link.command(PeerCommand());
    link.awaitCommand();
    return;
  }
  if (connection->peerRole() == "dealer")
    return serveDealer(std::move(connection));
  RequestQueue queue(4);
  Metrics metrics;
  const SessionContext context{Party::Zero,        {},     inputBytes, 2,
                               Milliseconds(5),    &queue, &metrics,   [] { return uint64_t(7); },
                               [] { return true; }};
  ClientSession(std::move(connection), context).run();
  if (queue.size() != 0)
    std::abort(); // what the session gave up must not wait
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const auto listener = [] {
    spdlog::set_level(spdlog::level::off);
    return listen({"127.0.0.1", 0}, Security::plaintext("server0"));
  }();
  static HttpServer http({"127.0.0.1", 0}, "--metrics", [](std::string_view path) {
    return HttpAnswer{path == "/metrics" ? 200U : 404U, "answer\n"};
  });
  if (size == 0)
    return 0;
  const auto conversation = static_cast<Conversation>(data[0] % kinds);
  const std::string bytes =
      beginningOf(conversation) + std::string(reinterpret_cast<const char *>(data) + 1, size - 1);
  if (conversation == Visitor) {
    const std::string answer = sender(http.local(), bytes).hear();
    if (!answer.empty() && !answer.starts_with("HTTP/1.1 "))
      std::abort();
    return 0;
  }
  const RawSocket open = sender(listener->local(), bytes);
  try {
    serveOne(*listener);
  } catch (const Error &error) {
    if (error.code() == ExitCode::Internal)
      std::abort();
  }
  return 0;
}
