// SPDX-License-Identifier: Apache-2.0
// A connection to a server of this machine that says exactly what a test wants, well-formed or not.
#pragma once

#include "runtime/base/Error.h"
#include "runtime/net/Endpoint.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace gfs::testing {

class RawSocket {
public:
  /// Throws Network.
  explicit RawSocket(const Endpoint &server) : socket(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.port);
    ::inet_pton(AF_INET, server.host.c_str(), &address.sin_addr);
    const timeval patience{20, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    // A signal (libFuzzer's clock) ends the wait, not the attempt.
    while (::connect(socket, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 &&
           errno != EISCONN)
      if (errno != EINTR && errno != EALREADY)
        throw Error(ExitCode::Network,
                    server.text() + ": cannot be reached: " + std::strerror(errno),
                    "does it listen?");
  }
  RawSocket(RawSocket &&other) noexcept : socket(std::exchange(other.socket, -1)) {}
  RawSocket &operator=(RawSocket &&) = delete;
  ~RawSocket() {
    if (socket >= 0)
      ::close(socket);
  }

  /// As much as the server takes.
  void say(std::string_view text) const {
    (void)!::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
  }
  /// Nothing more will be said.
  void end() const { ::shutdown(socket, SHUT_WR); }
  /// Closing resets the connection, and so leaves no port behind.
  void resetOnClose() const {
    const linger reset{1, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  /// All until the server closes; "time-out" if it does not.
  std::string hear() const {
    std::string heard;
    char part[4096];
    for (;;) {
      const ssize_t count = ::recv(socket, part, sizeof part, 0);
      if (count < 0 && errno == EAGAIN)
        return "time-out";
      if (count < 0 && errno == EINTR)
        continue;
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
  RawSocket visitor(server);
  visitor.say("GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n");
  return visitor.hear();
}

} // namespace gfs::testing
