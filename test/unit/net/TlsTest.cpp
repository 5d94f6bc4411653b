// SPDX-License-Identifier: Apache-2.0
// Every way in which a peer may be the wrong one has its own message at both ends.
#include "test/unit/net/TestLink.h"

#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <fstream>
#include <sys/stat.h>
#include <thread>

using namespace gfs;
using namespace gfs::testing;

static const PeerRule server0{{"server0"}, {}}, server1{{"server1"}, {}}, clients{{"client*"}, {}};

static Fingerprint fingerprintOf(const TlsFiles &files) {
  return readCertificate(files.certificate).fingerprint;
}

TEST(Tls, ProvesTheRolesOfBothEnds) {
  TestAuthority authority;
  Link link =
      makeLink(authority.security("server0"), authority.security("client:alice"), clients, server0);
  ASSERT_TRUE(link.server && link.client);
  EXPECT_EQ(link.server->peerRole(), "client:alice");
  EXPECT_EQ(link.client->peerRole(), "server0");
}

TEST(Tls, RefusesAnotherCa) {
  TestAuthority ours, theirs;
  Link link = makeLink(ours.security("server0"), theirs.security("server1"), server1, server0);
  expectError(link.clientError, ExitCode::Authentication, "its certificate is from an unknown CA");
  expectError(link.serverError, ExitCode::Authentication,
              "it does not know the CA of our certificate");
}

TEST(Tls, RefusesAClientOfAnotherCaAndTellsIt) {
  // The client trusts the server's CA but has a certificate of its own making: only the server can
  // refuse.
  TestAuthority ours, theirs;
  TlsFiles good = ours.issue("server1"), foreign = theirs.issue("server1");
  CertifiedKey other = createAuthority("other", std::chrono::hours(1));
  TemporaryFolder folder;
  writePemFile(
      folder / "both.crt",
      [&] {
        std::string both;
        for (const auto &file : {good.ca, foreign.ca})
          both += std::string(std::istreambuf_iterator<char>(std::ifstream(file).rdbuf()), {});
        return both;
      }(),
      false, false);
  foreign.ca = folder / "both.crt";
  Link link = makeLink(ours.security("server0"), Security::tls(foreign), server1, server0);
  expectError(link.serverError, ExitCode::Authentication, "its certificate is from an unknown CA");
  expectError(link.clientError, ExitCode::Authentication,
              "it does not know the CA of our certificate");
}

TEST(Tls, RefusesAnotherRole) {
  TestAuthority authority;
  Link link =
      makeLink(authority.security("server1"), authority.security("client:alice"), clients, server0);
  expectError(link.clientError, ExitCode::Authentication,
              "its certificate is for \"server1\", expected server0");
  expectError(link.serverError, ExitCode::Authentication,
              "reports: connection refused: this end accepts server0 only");

  link =
      makeLink(authority.security("server0"), authority.security("client:alice"), server1, server0);
  expectError(link.serverError, ExitCode::Authentication,
              "its certificate is for \"client:alice\", expected server1");
  expectError(link.clientError, ExitCode::Authentication,
              "reports: connection refused: this end accepts server1 only");
}

TEST(Tls, RefusesOurOwnExpiredCertificateAtStart) {
  TestAuthority authority;
  TlsFiles expired = authority.issue("server0", std::chrono::seconds(-10));
  try {
    Security::tls(expired);
    FAIL() << "an expired certificate was accepted";
  } catch (const Error &error) {
    expectError(error, ExitCode::Authentication, "our certificate has expired");
  }
}

TEST(Tls, SaysThatTheClockMayBeWrong) {
  TestAuthority authority;
  TlsFiles early = authority.issue("server0", std::chrono::hours(24), -std::chrono::hours(1));
  try {
    Security::tls(early);
    FAIL() << "a certificate of the future was accepted";
  } catch (const Error &error) {
    expectError(error, ExitCode::Authentication, "is not valid yet");
    EXPECT_NE(error.hint().find("clock"), std::string::npos);
  }
}

TEST(Tls, RefusesACertificateThatExpiredWhileRunning) {
  TestAuthority authority;
  // Long enough to be loaded on a busy machine: whole seconds count.
  auto server = Security::tls(authority.issue("server0", std::chrono::seconds(4)));
  auto client = Security::tls(authority.issue("server1", std::chrono::seconds(4)));
  std::this_thread::sleep_for(std::chrono::milliseconds(5100));
  Link link = makeLink(server, authority.security("server1"), server1, server0);
  expectError(link.clientError, ExitCode::Authentication, "its certificate has expired");
  expectError(link.serverError, ExitCode::Authentication, "it says our certificate has expired");
  link = makeLink(authority.security("server0"), client, server1, server0);
  expectError(link.serverError, ExitCode::Authentication, "its certificate has expired");
  expectError(link.clientError, ExitCode::Authentication, "it says our certificate has expired");
}

TEST(Tls, PinsTheFingerprint) {
  TestAuthority authority;
  TlsFiles pinned = authority.issue("server0"), renewed = authority.issue("server0");
  PeerRule rule{{"server0"}, fingerprintOf(pinned)};
  EXPECT_TRUE(
      makeLink(Security::tls(pinned), authority.security("client:a"), clients, rule).client);
  Link link = makeLink(Security::tls(renewed), authority.security("client:a"), clients, rule);
  expectError(link.clientError, ExitCode::Authentication, "not the pinned one");
}

TEST(Tls, NoticesPlaintextAtEitherEnd) {
  TestAuthority authority;
  Link link =
      makeLink(authority.security("server0"), Security::plaintext("server1"), server1, server0);
  expectError(link.serverError, ExitCode::Authentication, "it does not speak TLS");
  expectError(link.clientError, ExitCode::Network,
              "connection lost while receiving (closed by the peer)");
  EXPECT_EQ(link.clientError->hint(),
            "is the other end a GFS server, and without TLS like this one?");

  link = makeLink(Security::plaintext("server0"), authority.security("server1"), server1, server0);
  expectError(link.serverError, ExitCode::Authentication, "it speaks TLS, this end does not");
  expectError(link.clientError, ExitCode::Network, "TLS handshake: ");
  EXPECT_EQ(link.clientError->hint(),
            "is the other end a GFS server, and with TLS like this one? see its log");
}

namespace {

/// Stands between a client and a server and, once armed, flips a bit in a record to the client.
class Relay {
public:
  explicit Relay(const Endpoint &server)
      : acceptor(loop, {asio::ip::address_v4::loopback(), 0}), client(loop), remote(loop) {
    accepting = std::jthread([this, server] {
      acceptor.accept(client);
      remote.connect({asio::ip::address_v4::loopback(), server.port});
      toServer = std::jthread([this] { copy(client, remote, false); });
      toClient = std::jthread([this] { copy(remote, client, true); });
    });
  }
  Endpoint local() const { return {"127.0.0.1", acceptor.local_endpoint().port()}; }
  /// Damages the record after the next `records`, and sends all of them in one piece.
  void damageAfter(int records) { good = records; }

private:
  using Socket = asio::ip::tcp::socket;

  /// Whole TLS records: 5 bytes, of which the last two are the length of what follows.
  void copy(Socket &from, Socket &to, bool mayDamage) {
    asio::error_code ended;
    std::vector<uint8_t> held;
    while (!ended) {
      std::array<uint8_t, 5> header;
      asio::read(from, asio::buffer(header), ended);
      std::vector<uint8_t> body(ended ? 0 : size_t(header[3]) << 8 | header[4]);
      asio::read(from, asio::buffer(body), ended);
      const int left = mayDamage ? good.load() : -1;
      if (left == 0 && !body.empty())
        body.back() ^= 1;
      if (left >= 0)
        --good;
      held.insert(held.end(), header.begin(), header.end());
      held.insert(held.end(), body.begin(), body.end());
      if (left > 0)
        continue;
      asio::write(to, asio::buffer(held), ended);
      held.clear();
    }
    from.shutdown(Socket::shutdown_both, ended);
    to.shutdown(Socket::shutdown_both, ended);
  }

  asio::io_context loop;
  asio::ip::tcp::acceptor acceptor;
  Socket client, remote;
  std::atomic<int> good = -1;
  std::jthread toServer, toClient, accepting;
};

} // namespace

TEST(Tls, NoticesADamagedRecordBehindGoodOnes) {
  TestAuthority authority;
  auto listener = listen({"127.0.0.1", 0}, authority.security("server0"));
  for (int goodRecords : {0, 1, 3}) {
    Relay relay(listener->local());
    std::unique_ptr<Connection> server;
    std::jthread accepted([&] { server = listener->accept()->handshake(server1, patience); });
    auto client = connect(relay.local(), authority.security("server1"), server0);
    accepted.join();
    ASSERT_TRUE(server && client);

    relay.damageAfter(goodRecords);
    std::vector<uint8_t> message(60'000, 7), received(message.size()); // four records
    std::jthread sender([&] { server->send(FrameType::Data, message, patience); });
    std::optional<Error> error;
    const auto start = std::chrono::steady_clock::now();
    try {
      client->receiveData(received, std::chrono::minutes(1));
    } catch (const Error &thrown) {
      error = thrown;
    }
    expectError(error, ExitCode::Authentication, "bad record mac");
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30))
        << "told by the timeout only";
    EXPECT_FALSE(client->isOpen());
    client.reset();
    sender.join();
    server.reset();
  }
}

TEST(Tls, ExplainsUnusableFiles) {
  TestAuthority authority;
  TlsFiles files = authority.issue("server0"), other = authority.issue("server0");
  auto errorOf = [](const TlsFiles &broken) {
    try {
      Security::tls(broken);
    } catch (const Error &error) {
      return std::optional<Error>(error);
    }
    return std::optional<Error>();
  };
  expectError(errorOf({files.ca, files.certificate, "/nonexistent.key"}), ExitCode::InputUnreadable,
              "/nonexistent.key: cannot read the certificate key");
  expectError(errorOf({files.ca, files.certificate, other.key}), ExitCode::Authentication,
              "not the private key of the certificate");
  expectError(errorOf({files.key, files.certificate, files.key}), ExitCode::Authentication,
              "not a CA certificate");
  TestAuthority stranger;
  expectError(errorOf({stranger.issue("server1").ca, files.certificate, files.key}),
              ExitCode::Authentication, "does not verify against");
}

TEST(Certificates, AreReadBack) {
  TestAuthority authority;
  TlsFiles files = authority.issue("client:bob");
  CertificateInfo info = readCertificate(files.certificate);
  EXPECT_EQ(info.role, "client:bob");
  EXPECT_EQ(info.issuer, "test CA");
  EXPECT_EQ(info.hosts, (std::vector<std::string>{"IP Address:127.0.0.1", "DNS:localhost"}));
  EXPECT_FALSE(info.expired);
  EXPECT_EQ(info.notAfter.size(), std::string("2026-01-01T00:00:00Z").size());
  struct stat status;
  ASSERT_EQ(::stat(files.key.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(Certificates, RefuseUnknownRolesAndHosts) {
  CertifiedKey authority = createAuthority("test CA", std::chrono::hours(1));
  for (const char *role : {"", "server2", "client:", "client:a b", "client:a\n", "root"})
    EXPECT_THROW(issueCertificate(authority, {role, {}}), Error) << role;
  EXPECT_THROW(issueCertificate(authority, {"server0", {"host,DNS:evil"}}), Error);
  EXPECT_TRUE(isRole("client:a.b-c_9"));
}

TEST(Certificates, FilesAreNotReplacedByAccident) {
  TemporaryFolder folder;
  writePemFile(folder / "a.key", "one", true, false);
  EXPECT_THROW(writePemFile(folder / "a.key", "two", true, false), Error);
  writePemFile(folder / "a.key", "two", true, true);
  std::string text;
  std::ifstream(folder / "a.key") >> text;
  EXPECT_EQ(text, "two");
}

TEST(Fingerprints, AreParsed) {
  std::string hex;
  for (int i = 0; i < 32; ++i)
    hex += i ? ":0f" : "A1";
  Fingerprint value = parseFingerprint(hex, "--peer-fingerprint");
  EXPECT_EQ(value[0], 0xa1);
  EXPECT_EQ(value[31], 0x0f);
  EXPECT_THROW(parseFingerprint("abcd", "--peer-fingerprint"), Error);
}
