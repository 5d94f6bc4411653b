// SPDX-License-Identifier: Apache-2.0
// connect() and listen().
#include "runtime/net/Connection.h"

#include "runtime/net/Acceptor.h"
#include "runtime/net/StreamConnection.h"

#include <asio/post.hpp>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace gfs {

using asio::ip::tcp;

namespace {

/// Sleeps between attempts; ends early when asked to stop.
void pause(Milliseconds time, const std::stop_token &stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait_for(lock, stop, time, [] { return false; });
}

template <class Stream>
std::unique_ptr<Connection>
attempt(const Endpoint &server, const std::shared_ptr<const Security> &security,
        const PeerRule &expected, const ConnectOptions &options, bool &reached) {
  auto connection = std::make_unique<StreamConnection<Stream>>(security);
  std::stop_callback interrupt(options.stop, [&] { connection->interrupt(); });
  connection->open(server, expected, options.attemptTimeout);
  reached = true;
  connection->authenticate(Side::Client, server.text(), expected, options.attemptTimeout);
  return connection;
}

template <class Stream> class AcceptedConnection final : public Incoming {
public:
  explicit AcceptedConnection(std::shared_ptr<const Security> security)
      : connection(std::make_unique<StreamConnection<Stream>>(std::move(security))),
        accepted(*connection) {}

  tcp::socket &socket() { return connection->socket(); }
  void setAddress(const tcp::endpoint &remote) {
    from = Endpoint{remote.address().to_string(), remote.port()};
  }
  std::string address() const override { return from.text(); }

  std::unique_ptr<Connection> handshake(const PeerRule &expected, Milliseconds timeout) override {
    connection->authenticate(Side::Server, address(), expected, timeout);
    return std::move(connection);
  }
  void interrupt() noexcept override { accepted.interrupt(); }

private:
  std::unique_ptr<StreamConnection<Stream>> connection; ///< Until handshake() hands it out.
  StreamConnection<Stream> &accepted;                   ///< The same, wherever it is.
  Endpoint from;
};

template <class Stream> class SocketListener final : public Listener {
public:
  SocketListener(const Endpoint &at, std::shared_ptr<const Security> security)
      : security(std::move(security)), acceptor(loop) {
    openAcceptor(acceptor, at, "--listen");
  }

  std::unique_ptr<Incoming> accept() override {
    while (!interrupted) {
      auto incoming = std::make_unique<AcceptedConnection<Stream>>(security);
      tcp::endpoint remote;
      std::error_code failure;
      acceptor.async_accept(incoming->socket(), remote,
                            [&](const std::error_code &code) { failure = code; });
      loop.restart();
      loop.run();
      if (interrupted)
        break;
      if (failure == asio::error::connection_aborted)
        continue;
      if (failure)
        throw Error(ExitCode::Network,
                    fmt::format("cannot accept connections: {}", failure.message()));
      incoming->setAddress(remote);
      return incoming;
    }
    return nullptr;
  }

  void interrupt() noexcept override {
    interrupted = true;
    try {
      asio::post(loop, [this] {
        std::error_code ignored;
        acceptor.close(ignored);
      });
    } catch (...) {
      // Out of memory: the next connection finds the flag.
    }
  }

  Endpoint local() const override { return localEndpoint(acceptor); }

private:
  std::shared_ptr<const Security> security;
  asio::io_context loop{1};
  tcp::acceptor acceptor;
  std::atomic<bool> interrupted = false;
};

class SocketChannel final : public Channel {
public:
  SocketChannel(Connection &link, Milliseconds timeout) : link(link), timeout(timeout) {}

  void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
    waiting([&] { link.exchange(outgoing, incoming, timeout); });
    counted(outgoing.size(), incoming.size());
  }
  void begin(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
    link.begin(outgoing, incoming, timeout);
    sizes = {outgoing.size(), incoming.size()};
  }
  void push(size_t bytes) override { link.push(bytes); }
  void pull(size_t bytes) override {
    waiting([&] { link.pull(bytes); });
  }
  void finish() override {
    waiting([&] { link.finish(); });
    counted(sizes[0], sizes[1]);
  }
  void abandon() noexcept override { link.abandon(); }

private:
  template <class Call> void waiting(Call &&call) {
    Clock::time_point start = Clock::now();
    call();
    count.waitSeconds += std::chrono::duration<double>(Clock::now() - start).count();
  }
  void counted(size_t sent, size_t received) {
    count.exchanges += 1;
    count.payloadSent += sent;
    count.payloadReceived += received;
    count.wireSent += sent + FrameHeader::size;
    count.wireReceived += received + FrameHeader::size;
  }

  Connection &link;
  Milliseconds timeout;
  std::array<size_t, 2> sizes = {0, 0}; ///< Of the exchange that was begun.
};

} // namespace

std::unique_ptr<Connection> connect(const Endpoint &server,
                                    std::shared_ptr<const Security> security,
                                    const PeerRule &expected, const ConnectOptions &options) {
  Clock::time_point giveUp = Clock::now() + options.retryFor;
  for (unsigned attempts = 1;; ++attempts) {
    bool reached = false;
    try {
      return security->isTls() ? attempt<TlsStream>(server, security, expected, options, reached)
                               : attempt<PlainStream>(server, security, expected, options, reached);
    } catch (const Error &error) {
      // Only an unreachable server may get better by waiting.
      bool stopped = options.stop.stop_requested();
      if (reached || stopped || Clock::now() + options.retryPause > giveUp) {
        if (reached || stopped || attempts == 1)
          throw;
        throw Error(error.code(), fmt::format("{} ({} attempts)", error.what(), attempts),
                    error.hint());
      }
    }
    pause(options.retryPause, options.stop);
  }
}

std::unique_ptr<Listener> listen(const Endpoint &at, std::shared_ptr<const Security> security) {
  if (security->isTls())
    return std::make_unique<SocketListener<TlsStream>>(at, std::move(security));
  return std::make_unique<SocketListener<PlainStream>>(at, std::move(security));
}

std::unique_ptr<Channel> makeChannel(Connection &link, Milliseconds timeout) {
  return std::make_unique<SocketChannel>(link, timeout);
}

} // namespace gfs
