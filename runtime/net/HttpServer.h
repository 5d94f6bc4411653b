// SPDX-License-Identifier: Apache-2.0
// Answers GET requests over plain HTTP, for whoever watches a server: neither authenticated nor
// encrypted, so what it says must be for everybody who can reach it.
//
// One thread of its own serves everybody, so that nobody else waits for it. A visitor has
// `patience` for all it does, and asks in at most `mostBytes`; with more than `mostVisitors` at a
// time the oldest has to go, so that those who say nothing keep nobody out.
#pragma once

#include "runtime/net/Endpoint.h"

#include <chrono>
#include <functional>
#include <memory>

namespace gfs {

struct HttpAnswer {
  unsigned status = 200;
  std::string body;
  std::string type = "text/plain; charset=utf-8";
};

class HttpServer {
public:
  /// The answer to GET `path`, without its query; 404 for paths that are not known. Called by the
  /// server's thread; what it throws becomes a 500.
  using Answer = std::function<HttpAnswer(std::string_view path)>;

  static constexpr std::chrono::seconds patience{3};
  static constexpr size_t mostBytes = 8192, mostVisitors = 32;

  /// Listens and answers until destroyed. Throws Network if the address cannot be bound, naming
  /// `flag`, which gave it.
  HttpServer(const Endpoint &at, std::string_view flag, Answer answer);
  ~HttpServer();

  /// The bound address, with the real port.
  Endpoint local() const;
  /// Whether only programs on this machine reach it.
  bool isLoopback() const;

private:
  class Server;
  std::unique_ptr<Server> server;
};

} // namespace gfs
