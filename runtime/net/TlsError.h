// SPDX-License-Identifier: Apache-2.0
// What went wrong in a TLS handshake, in words a user can act on, and the facts of a verified
// certificate.
#pragma once

#include "runtime/base/Error.h"
#include "runtime/net/Security.h"

#include <openssl/ssl.h>
#include <string>
#include <system_error>

namespace gfs {

/// The error for `code`, which a handshake or the first read after it gave. `peer` is "server1
/// at 10.0.0.2:7000".
Error tlsFailure(const std::error_code &code, SSL *ssl, const std::string &peer);

/// What a verified certificate says.
struct Identity {
  std::string role; ///< Common name.
  Fingerprint fingerprint{};
  std::string notAfter; ///< End of its validity; see isoTime().
};
/// Throws Authentication if the peer's certificate breaks the rule.
Identity verifiedIdentity(SSL *ssl, const PeerRule &expected, const std::string &peer);

/// ISO 8601 in UTC, to the second. In Certificates.cpp.
std::string isoTime(const ASN1_TIME *time);

} // namespace gfs
