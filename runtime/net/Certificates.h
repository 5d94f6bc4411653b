// SPDX-License-Identifier: Apache-2.0
// A small certificate authority: what gfs-ca does. EC P-256 keys, X.509 v3, the role as common
// name.
#pragma once

#include "runtime/base/StagedFiles.h"
#include "runtime/net/Security.h"

#include <chrono>
#include <string>
#include <vector>

namespace gfs {

/// A certificate and its private key, both in PEM form. The key is secret: write it with
/// writePemFile().
struct CertifiedKey {
  std::string certificate;
  std::string privateKey;
};

struct CertificateRequest {
  std::string role; ///< "server0", "server1", "dealer" or "client:NAME".
  std::vector<std::string>
      hosts; ///< Names and addresses to list; for people, the role is what is checked.
  std::chrono::seconds validFor{std::chrono::hours(24 * 90)};
  /// Start of the validity, before now so that clocks may differ a little.
  std::chrono::seconds startsBefore{std::chrono::hours(1)};
};

struct CertificateInfo {
  std::string role, issuer;
  std::vector<std::string> hosts;
  std::string notBefore, notAfter; ///< ISO 8601, UTC
  bool expired = false;
  Fingerprint fingerprint{};
};

/// True for the roles that CertificateRequest lists.
bool isRole(const std::string &role);

/// A new self-signed authority.
CertifiedKey createAuthority(const std::string &name, std::chrono::seconds validFor);
/// A certificate by `authority`. Throws Usage for an unknown role, InvalidInput for an authority
/// that cannot sign.
CertifiedKey issueCertificate(const CertifiedKey &authority, const CertificateRequest &request);
/// Throws InputUnreadable, InvalidInput.
CertificateInfo readCertificate(const std::filesystem::path &path);

/// A new file with mode 0600 (secret) or 0644: OutputUnwritable if it exists and `replace` is
/// false, or cannot be written.
void stagePemFile(StagedFiles &files, const std::filesystem::path &path, const std::string &pem,
                  bool secret, bool replace);
/// The same, on its own.
void writePemFile(const std::filesystem::path &path, const std::string &pem, bool secret,
                  bool replace);

} // namespace gfs
