// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/HttpServer.h"

#include "runtime/base/Error.h"
#include "runtime/net/Acceptor.h"

#include <asio/io_context.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <list>
#include <thread>

namespace gfs {

using asio::ip::tcp;

/// After a failure to accept, for example for want of descriptors.
static constexpr std::chrono::milliseconds acceptPause{200};

static std::string_view reasonOf(unsigned status) {
  switch (status) {
  case 200:
    return "OK";
  case 400:
    return "Bad Request";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  case 431:
    return "Request Header Fields Too Large";
  case 503:
    return "Service Unavailable";
  default:
    return "Internal Server Error";
  }
}

static std::string responseText(const HttpAnswer &answer, bool withBody) {
  return fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}"
                     "Cache-Control: no-store\r\nConnection: close\r\n\r\n{}",
                     answer.status, reasonOf(answer.status), answer.type, answer.body.size(),
                     answer.status == 405 ? "Allow: GET, HEAD\r\n" : "",
                     withBody ? answer.body : "");
}

/// `request` up to the empty line; only its first line matters: METHOD SP TARGET SP HTTP/1.x.
static std::string respond(std::string_view request, const HttpServer::Answer &answer) {
  const std::string_view line = request.substr(0, request.find("\r\n"));
  const size_t first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || last == first ||
      !line.substr(last + 1).starts_with("HTTP/1."))
    return responseText({400, "not an HTTP request\n"}, true);
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (method != "GET" && method != "HEAD")
    return responseText({405, "only GET and HEAD\n"}, true);
  try {
    return responseText(answer(target.substr(0, target.find('?'))), method == "GET");
  } catch (const std::exception &) {
    return responseText({500, "failed\n"}, true);
  }
}

namespace {

/// One connection: one request, one answer, and the time it has for both.
class Visit : public std::enable_shared_from_this<Visit> {
public:
  Visit(tcp::socket accepted, const HttpServer::Answer &answer)
      : socket(std::move(accepted)), deadline(socket.get_executor()), answer(answer) {}

  void begin() {
    deadline.expires_after(HttpServer::patience);
    deadline.async_wait([self = shared_from_this()](const std::error_code &code) {
      if (!code)
        self->close();
    });
    asio::async_read_until(
        socket, asio::dynamic_buffer(text, HttpServer::mostBytes), "\r\n\r\n",
        [self = shared_from_this()](const std::error_code &code, size_t) { self->received(code); });
  }

  void close() {
    std::error_code ignored;
    socket.close(ignored);
    deadline.cancel();
  }

private:
  void received(const std::error_code &code) {
    if (code && code != asio::error::not_found)
      return close();
    text = code ? responseText({431, "the request is too long\n"}, true) : respond(text, answer);
    asio::async_write(socket, asio::buffer(text),
                      [self = shared_from_this()](const std::error_code &failure, size_t) {
                        self->leave(failure);
                      });
  }

  /// Closing with unread data would reset the connection, and the answer might not be read.
  void leave(const std::error_code &failure) {
    if (failure)
      return close();
    std::error_code ignored;
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    drain();
  }
  void drain() {
    text.resize(HttpServer::mostBytes);
    socket.async_read_some(asio::buffer(text),
                           [self = shared_from_this()](const std::error_code &code, size_t) {
                             code ? self->close() : self->drain();
                           });
  }

  tcp::socket socket;
  asio::steady_timer deadline;
  const HttpServer::Answer &answer;
  std::string text; ///< Read, then written.
};

} // namespace

class HttpServer::Server {
public:
  Server(const Endpoint &at, std::string_view flag, Answer given)
      : answer(std::move(given)), acceptor(loop), again(loop) {
    openAcceptor(acceptor, at, flag);
    bound = localEndpoint(acceptor);
    loopback = acceptor.local_endpoint().address().is_loopback();
    accept();
    thread = std::jthread([this] { run(); });
  }
  ~Server() { loop.stop(); }

  Endpoint bound;
  bool loopback = false;

private:
  void run() {
    for (;;) {
      try {
        loop.run();
        return;
      } catch (const std::exception &) {
        // Out of memory for one visitor: the others go on.
      }
    }
  }

  void accept() {
    acceptor.async_accept([this](const std::error_code &code, tcp::socket socket) {
      if (code) {
        again.expires_after(acceptPause);
        return again.async_wait([this](const std::error_code &) { accept(); });
      }
      accept();
      welcome(std::move(socket));
    });
  }

  void welcome(tcp::socket socket) {
    std::erase_if(visits, [](const std::weak_ptr<Visit> &visit) { return visit.expired(); });
    if (visits.size() >= mostVisitors) {
      if (std::shared_ptr<Visit> oldest = visits.front().lock())
        oldest->close();
      visits.pop_front();
    }
    auto visit = std::make_shared<Visit>(std::move(socket), answer);
    visits.push_back(visit);
    visit->begin();
  }

  const Answer answer;
  std::list<std::weak_ptr<Visit>> visits;
  asio::io_context loop{1};
  tcp::acceptor acceptor;
  asio::steady_timer again;
  std::jthread thread; ///< Last: it ends before what it uses does.
};

HttpServer::HttpServer(const Endpoint &at, std::string_view flag, Answer answer)
    : server(std::make_unique<Server>(at, flag, std::move(answer))) {}
HttpServer::~HttpServer() = default;
Endpoint HttpServer::local() const { return server->bound; }
bool HttpServer::isLoopback() const { return server->loopback; }

} // namespace gfs
