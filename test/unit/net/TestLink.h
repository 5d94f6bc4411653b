// SPDX-License-Identifier: Apache-2.0
// Real loopback links for tests, with certificates of throw-away authorities.
#pragma once

#include "runtime/net/Certificates.h"
#include "runtime/net/Connection.h"
#include "tools/common/TemporaryFolder.h"

#include <future>
#include <gtest/gtest.h>

namespace gfs::testing {

/// An authority and the files of those it certified.
class TestAuthority {
public:
  TestAuthority() : authority(createAuthority("test CA", std::chrono::hours(24))) {
    writePemFile(folder / "ca.crt", authority.certificate, false, false);
  }
  TlsFiles issue(const std::string &role, std::chrono::seconds validFor = std::chrono::hours(24),
                 std::chrono::seconds startsBefore = std::chrono::hours(1)) {
    std::string base = "certificate" + std::to_string(issued++);
    CertifiedKey key =
        issueCertificate(authority, {role, {"127.0.0.1", "localhost"}, validFor, startsBefore});
    writePemFile(folder / (base + ".crt"), key.certificate, false, false);
    writePemFile(folder / (base + ".key"), key.privateKey, true, false);
    return {folder / "ca.crt", folder / (base + ".crt"), folder / (base + ".key")};
  }
  std::shared_ptr<const Security> security(const std::string &role) {
    return Security::tls(issue(role));
  }

private:
  TemporaryFolder folder;
  CertifiedKey authority;
  int issued = 0;
};

inline const Milliseconds patience(5000);

/// Two connected ends, or what each end threw.
struct Link {
  std::unique_ptr<Connection> server, client;
  std::optional<Error> serverError, clientError;
};

inline Link makeLink(std::shared_ptr<const Security> serverSide,
                     std::shared_ptr<const Security> clientSide, const PeerRule &serverExpects,
                     const PeerRule &clientExpects) {
  Link link;
  auto listener = listen({"127.0.0.1", 0}, std::move(serverSide));
  auto accepted = std::async(std::launch::async, [&] {
    try {
      link.server = listener->accept()->handshake(serverExpects, patience);
    } catch (const Error &error) {
      link.serverError = error;
    }
  });
  try {
    link.client = connect(listener->local(), std::move(clientSide), clientExpects);
  } catch (const Error &error) {
    link.clientError = error;
  }
  accepted.get();
  return link;
}

inline Link makePlainLink() {
  return makeLink(Security::plaintext("server0"), Security::plaintext("server1"), {{"server1"}, {}},
                  {{"server0"}, {}});
}

/// What `body` throws.
template <class Body> std::optional<Error> errorOf(Body &&body) {
  try {
    body();
  } catch (const Error &error) {
    return error;
  }
  return std::nullopt;
}

inline void expectError(const std::optional<Error> &error, ExitCode code, const std::string &text) {
  ASSERT_TRUE(error.has_value()) << "no error where one is due: " << text;
  EXPECT_EQ(static_cast<int>(error->code()), static_cast<int>(code)) << error->what();
  EXPECT_NE(std::string(error->what()).find(text), std::string::npos) << error->what();
}

} // namespace gfs::testing
