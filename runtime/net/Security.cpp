// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/Security.h"

#include "runtime/base/Error.h"

#include <asio/ssl/context.hpp>
#include <cctype>
#include <ctime>
#include <fstream>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace gfs {

Fingerprint parseFingerprint(const std::string &hex, const std::string &flag) {
  std::string digits;
  for (char c : hex)
    if (c != ':')
      digits += c;
  Fingerprint result{};
  bool valid =
      digits.size() == 2 * result.size() &&
      std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return std::isxdigit(c); });
  if (!valid)
    throw Error(ExitCode::Usage, fmt::format("{}: expects 64 hex digits", flag),
                "gfs-ca show prints the fingerprint of a certificate");
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = static_cast<uint8_t>(std::stoi(digits.substr(2 * i, 2), nullptr, 16));
  return result;
}

bool PeerRule::allows(const std::string &role) const {
  for (const std::string &rule : roles) {
    bool wildcard = rule.ends_with('*');
    if (wildcard ? role.starts_with(rule.substr(0, rule.size() - 1)) : role == rule)
      return true;
  }
  return false;
}

std::string PeerRule::text() const { return fmt::format("{}", fmt::join(roles, " or ")); }

static void requireReadable(const std::filesystem::path &path, const char *what) {
  if (!std::ifstream(path))
    throw Error(ExitCode::InputUnreadable,
                fmt::format("{}: cannot read the {}", path.string(), what),
                "gfs-ca init and gfs-ca issue make certificates and keys");
}

/// The reason of the oldest OpenSSL error of this thread; clears the rest.
static std::string opensslReason() {
  const char *reason = ERR_reason_error_string(ERR_peek_error());
  std::string text = reason ? reason : "unknown cause";
  ERR_clear_error();
  return text;
}

static Error badFile(const std::filesystem::path &path, const char *what, const std::string &hint) {
  return Error(ExitCode::Authentication,
               fmt::format("{}: {} ({})", path.string(), what, opensslReason()), hint);
}

/// The certificate must chain to the CA and be valid now: better refused at start than by the peer.
static void checkOwnCertificate(SSL_CTX *context, const TlsFiles &files) {
  X509 *certificate = SSL_CTX_get0_certificate(context);
  std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> verification(X509_STORE_CTX_new(),
                                                                               X509_STORE_CTX_free);
  if (!verification || X509_STORE_CTX_init(verification.get(), SSL_CTX_get_cert_store(context),
                                           certificate, nullptr) != 1)
    throw Error(ExitCode::Internal, "internal error: no memory to verify a certificate");
  if (X509_verify_cert(verification.get()) == 1)
    return;
  int cause = X509_STORE_CTX_get_error(verification.get());
  ERR_clear_error();
  if (cause == X509_V_ERR_CERT_HAS_EXPIRED)
    throw Error(ExitCode::Authentication,
                fmt::format("{}: our certificate has expired", files.certificate.string()),
                "issue a new one with gfs-ca issue");
  if (cause == X509_V_ERR_CERT_NOT_YET_VALID)
    throw Error(ExitCode::Authentication,
                fmt::format("{}: our certificate, or the authority's, is not valid yet",
                            files.certificate.string()),
                "is this machine's clock right? gfs-ca show prints from when it is valid");
  throw Error(ExitCode::Authentication,
              fmt::format("{}: our certificate does not verify against {} ({})",
                          files.certificate.string(), files.ca.string(),
                          X509_verify_cert_error_string(cause)),
              "use a certificate that this CA issued");
}

static std::string commonName(X509 *certificate) {
  char name[65] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  return name;
}

static std::optional<std::chrono::sys_seconds> endOf(X509 *certificate) {
  std::tm time{}; // in UTC
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1)
    return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(timegm(&time)));
}

std::shared_ptr<const Security> Security::tls(const TlsFiles &files) {
  requireReadable(files.ca, "CA certificate");
  requireReadable(files.certificate, "certificate");
  requireReadable(files.key, "certificate key");

  std::shared_ptr<Security> security(new Security);
  security->context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls);
  SSL_CTX *context = security->context->native_handle();
  ERR_clear_error();
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
  // Every connection proves both identities afresh: no session is ever resumed.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);

  if (SSL_CTX_load_verify_locations(context, files.ca.c_str(), nullptr) != 1)
    throw badFile(files.ca, "not a CA certificate in PEM form",
                  "pass the ca.crt that gfs-ca init wrote");
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
    throw badFile(files.certificate, "not a certificate in PEM form",
                  "pass the .crt that gfs-ca issue wrote");
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1)
    throw badFile(files.key, "not the private key of the certificate",
                  "pass the .key written beside the .crt");
  checkOwnCertificate(context, files);

  security->end = endOf(SSL_CTX_get0_certificate(context));
  security->role = commonName(SSL_CTX_get0_certificate(context));
  if (security->role.empty())
    throw Error(ExitCode::Authentication,
                fmt::format("{}: the certificate states no role", files.certificate.string()),
                "issue one with gfs-ca issue --role");
  return security;
}

std::shared_ptr<const Security> Security::plaintext(std::string ownRole) {
  std::shared_ptr<Security> security(new Security);
  security->role = std::move(ownRole);
  return security;
}

} // namespace gfs
