// SPDX-License-Identifier: Apache-2.0
// Who may be at the other end: TLS 1.3 with certificates of our own CA whose common name is a role.
#pragma once

#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace asio::ssl {
class context;
}

namespace gfs {

using Fingerprint = std::array<uint8_t, 32>; ///< SHA-256 of a certificate's DER form.

/// Parses 64 hex digits, colons allowed. Throws Usage, naming `flag`.
Fingerprint parseFingerprint(const std::string &hex, const std::string &flag);

struct TlsFiles {
  std::filesystem::path ca;          ///< The one CA that both ends trust.
  std::filesystem::path certificate; ///< Own certificate; its common name is our role.
  std::filesystem::path key;
};

/// What the peer's certificate must say.
struct PeerRule {
  std::vector<std::string> roles; ///< "server0", or "client*" for any name with this beginning.
  std::optional<Fingerprint> fingerprint;

  bool allows(const std::string &role) const;
  /// "server0 or client*"
  std::string text() const;
};

/// How this process protects its connections. Immutable after creation; shared by all threads.
class Security {
public:
  /// Loads and cross-checks the files. Errors: InputUnreadable, Authentication (wrong key, expired,
  /// no role).
  static std::shared_ptr<const Security> tls(const TlsFiles &files);
  /// No protection at all: roles are claims. For tests and isolated machines only.
  static std::shared_ptr<const Security> plaintext(std::string ownRole);

  bool isTls() const { return context != nullptr; }
  const std::string &ownRole() const { return role; }
  /// When our certificate expires; nothing in plaintext.
  std::optional<std::chrono::sys_seconds> certificateEnd() const { return end; }
  asio::ssl::context &sslContext() const { return *context; }

private:
  Security() = default;
  std::shared_ptr<asio::ssl::context> context;
  std::string role;
  std::optional<std::chrono::sys_seconds> end;
};

} // namespace gfs
