// SPDX-License-Identifier: Apache-2.0
// A visitor of an HttpServer that says exactly what a test wants.
#pragma once

#include "runtime/net/Endpoint.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace gfs::testing {

class HttpVisitor {
public:
  explicit HttpVisitor(const Endpoint &server) : socket(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.port);
    ::inet_pton(AF_INET, server.host.c_str(), &address.sin_addr);
    const timeval patience{20, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(::connect(socket, reinterpret_cast<sockaddr *>(&address), sizeof address), 0);
  }
  ~HttpVisitor() { ::close(socket); }
  HttpVisitor(const HttpVisitor &) = delete;
  HttpVisitor &operator=(const HttpVisitor &) = delete;

  void say(std::string_view text) const {
    (void)!::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
  }
  /// All until the server closes; "time-out" if it does not.
  std::string hear() const {
    std::string heard;
    char part[4096];
    for (;;) {
      const ssize_t count = ::recv(socket, part, sizeof part, 0);
      if (count < 0 && errno == EAGAIN)
        return "time-out";
      if (count <= 0)
        return heard;
      heard.append(part, static_cast<size_t>(count));
    }
  }

private:
  int socket;
};

/// Status line, head and body of what GET `target` gets.
inline std::string httpGet(const Endpoint &server, const std::string &target) {
  HttpVisitor visitor(server);
  visitor.say("GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n");
  return visitor.hear();
}

} // namespace gfs::testing
