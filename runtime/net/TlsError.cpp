// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/TlsError.h"

#include <asio/error.hpp>
#include <asio/ssl/error.hpp>
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509.h>

namespace gfs {

static Error authentication(const std::string &peer, const std::string &cause, std::string hint) {
  return Error(ExitCode::Authentication, fmt::format("{}: TLS handshake: {}", peer, cause),
               std::move(hint));
}

/// We refused the peer's certificate.
static Error refusedByUs(long cause, const std::string &peer) {
  switch (cause) {
  case X509_V_ERR_CERT_HAS_EXPIRED:
    return authentication(peer, "its certificate has expired",
                          "issue a new one with gfs-ca issue, and check the clocks");
  case X509_V_ERR_CERT_NOT_YET_VALID:
    return authentication(peer, "its certificate is not valid yet",
                          "check the clocks of both machines");
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
  case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    return authentication(peer, "its certificate is from an unknown CA",
                          "both ends need certificates of the same gfs-ca");
  default:
    return authentication(
        peer,
        fmt::format("its certificate does not verify ({})", X509_verify_cert_error_string(cause)),
        "issue a new one with gfs-ca issue");
  }
}

Error tlsFailure(const std::error_code &code, SSL *ssl, const std::string &peer) {
  if (code.category() != asio::error::get_ssl_category())
    return Error(ExitCode::Network, fmt::format("{}: TLS handshake: {}", peer, code.message()),
                 "is the other end a GFS server, and with TLS like this one? see its log");
  switch (ERR_GET_REASON(static_cast<unsigned long>(code.value()))) {
  case SSL_R_CERTIFICATE_VERIFY_FAILED:
    return refusedByUs(SSL_get_verify_result(ssl), peer);
  case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    return authentication(peer, "it has no certificate", "give it one with --cert and --cert-key");
  case SSL_R_WRONG_VERSION_NUMBER:
  case SSL_R_HTTP_REQUEST:
  case SSL_R_PACKET_LENGTH_TOO_LONG:
  case SSL_R_RECORD_LENGTH_MISMATCH:
  case SSL_R_BAD_RECORD_TYPE:
    return authentication(
        peer, "it does not speak TLS",
        "is it running with --insecure-plaintext, or is this another service's port?");
  case SSL_R_UNSUPPORTED_PROTOCOL:
  case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    return authentication(peer, "no common TLS version; TLS 1.3 is required",
                          "update the other end");
  case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    return authentication(peer, "it says our certificate has expired",
                          "issue a new one with gfs-ca issue, and check the clocks");
  case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    return authentication(peer, "it does not know the CA of our certificate",
                          "both ends need certificates of the same gfs-ca");
  case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
  case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
  case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
  case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    return authentication(peer, "it refused our certificate", "see its log for the reason");
  default:
    return authentication(peer, code.message(), "see the log of the other end");
  }
}

Identity verifiedIdentity(SSL *ssl, const PeerRule &expected, const std::string &peer) {
  std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl),
                                                          X509_free);
  Identity identity;
  if (!certificate ||
      X509_digest(certificate.get(), EVP_sha256(), identity.fingerprint.data(), nullptr) != 1)
    throw authentication(peer, "it has no certificate", "give it one with --cert and --cert-key");
  char name[65] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name,
                            sizeof name);
  identity.role = name;
  identity.notAfter = isoTime(X509_get0_notAfter(certificate.get()));
  if (!expected.allows(identity.role))
    throw Error(ExitCode::Authentication,
                fmt::format("{}: its certificate is for \"{}\", expected {}", peer, identity.role,
                            expected.text()),
                "check the addresses, and which certificate each end was given");
  if (expected.fingerprint && identity.fingerprint != *expected.fingerprint)
    throw Error(
        ExitCode::Authentication,
        fmt::format("{}: its certificate is not the pinned one (other SHA-256 fingerprint)", peer),
        "if the peer renewed its certificate, pin the new fingerprint");
  return identity;
}

} // namespace gfs
