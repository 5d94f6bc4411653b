// SPDX-License-Identifier: Apache-2.0
// The small HTTP server: right answers, and visitors who are slow, silent or wrong.
#include "runtime/net/HttpServer.h"

#include "runtime/base/Error.h"
#include "test/unit/net/RawSocket.h"

#include <chrono>
#include <gmock/gmock.h>
#include <list>

using namespace gfs;
using namespace gfs::testing;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

namespace {

class HttpServerTest : public ::testing::Test {
protected:
  std::string ask(std::string_view request) const {
    RawSocket visitor(server.local());
    visitor.say(request);
    return visitor.hear();
  }

  HttpServer server{{"127.0.0.1", 0}, "--metrics", [](std::string_view path) -> HttpAnswer {
                      if (path == "/broken")
                        throw std::runtime_error("secret");
                      if (path == "/long")
                        return {200, std::string(1 << 20, 'x')};
                      return path == "/here" ? HttpAnswer{200, "found\n"} : HttpAnswer{404, "no\n"};
                    }};
};

double secondsOf(const std::function<void()> &call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

} // namespace

TEST_F(HttpServerTest, Answers) {
  const std::string answer = httpGet(server.local(), "/here?a=b");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 6\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nfound\n"));
  EXPECT_THAT(httpGet(server.local(), "/there"), StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(httpGet(server.local(), "/long"), EndsWith(std::string(1 << 20, 'x')));
  EXPECT_TRUE(server.isLoopback());
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  const std::string answer = ask("HEAD /here HTTP/1.1\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 6\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(ask("POST /here HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
              StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(ask("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask("GET /here\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask("GET /here HTTP/1.1\r\nX: " + std::string(20000, 'x')),
              StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, SaysNothingOfAFailure) {
  const std::string answer = httpGet(server.local(), "/broken");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(answer, Not(HasSubstr("secret")));
}

TEST_F(HttpServerTest, TheSilentKeepNobodyOut) {
  std::list<RawSocket> silent;
  for (size_t i = 0; i < HttpServer::mostVisitors + 4; ++i)
    silent.emplace_back(server.local()).say("GET /h");
  EXPECT_LT(secondsOf([&] { EXPECT_THAT(httpGet(server.local(), "/here"), EndsWith("found\n")); }),
            1.0);
  EXPECT_LT(secondsOf([&] { EXPECT_EQ(silent.front().hear(), ""); }), 1.0)
      << "the oldest had to go";
  EXPECT_EQ(silent.back().hear(), "") << "and this one when its time was over";
}

TEST_F(HttpServerTest, NamesABusyPortAndTheFlag) {
  auto errorAt = [](const Endpoint &at) -> std::optional<Error> {
    try {
      HttpServer(at, "--metrics", [](std::string_view) { return HttpAnswer{}; });
    } catch (const Error &error) {
      return error;
    }
    return std::nullopt;
  };
  const std::optional<Error> busy = errorAt(server.local()), unknown = errorAt({"256.0.0.1", 80});
  ASSERT_TRUE(busy && unknown);
  EXPECT_EQ(busy->code(), ExitCode::Network);
  EXPECT_THAT(busy->hint(), HasSubstr("another program uses this port"));
  EXPECT_EQ(unknown->code(), ExitCode::Network);
  EXPECT_THAT(unknown->hint(), HasSubstr("--metrics"));
}
