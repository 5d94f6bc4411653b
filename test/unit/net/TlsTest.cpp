// SPDX-License-Identifier: Apache-2.0
// Every way in which a peer may be the wrong one has its own message at both ends.
#include "test/unit/net/TestLink.h"

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

TEST(Tls, RefusesACertificateThatExpiredWhileRunning) {
  TestAuthority authority;
  auto server = Security::tls(authority.issue("server0", std::chrono::seconds(1)));
  auto client = Security::tls(authority.issue("server1", std::chrono::seconds(1)));
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
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
