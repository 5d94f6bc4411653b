// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/Certificates.h"

#include "runtime/base/Error.h"
#include "runtime/base/Secret.h"
#include "runtime/net/TlsError.h"

#include <fstream>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sstream>

namespace gfs {

namespace {

/// Frees an OpenSSL object of type T with Free.
template <auto Free> struct Release {
  template <class T> void operator()(T *object) const { Free(object); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Release<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Release<BIO_free_all>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Release<X509_EXTENSION_free>>;

} // namespace

static void require(bool success, const char *what) {
  if (success)
    return;
  ERR_clear_error();
  throw Error(ExitCode::Internal, fmt::format("internal error: OpenSSL cannot {}", what));
}

static std::string contents(BIO *bio) {
  char *data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

static BioPtr memory(const std::string &text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

static std::string certificatePem(X509 *certificate) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  require(bio && PEM_write_bio_X509(bio.get(), certificate) == 1, "encode a certificate");
  return contents(bio.get());
}

static std::string keyPem(EVP_PKEY *key) {
  BioPtr bio(BIO_new(BIO_s_secmem()));
  require(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr,
                                               nullptr) == 1,
          "encode a key");
  return contents(bio.get());
}

/// Everything but issuer, extensions and signature.
static CertificatePtr newCertificate(EVP_PKEY *key, const std::string &name,
                                     std::chrono::seconds startsBefore,
                                     std::chrono::seconds validFor) {
  CertificatePtr certificate(X509_new());
  require(certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1,
          "make a certificate");
  // A random positive serial of 127 bits: unique without a counter to keep.
  std::array<uint8_t, 16> serial;
  randomBytes(serial);
  serial[0] = (serial[0] & 0x7f) | 0x40;
  std::unique_ptr<BIGNUM, Release<BN_free>> number(
      BN_bin2bn(serial.data(), serial.size(), nullptr));
  require(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())),
          "number a certificate");
  require(X509_gmtime_adj(X509_getm_notBefore(certificate.get()),
                          -static_cast<long>(startsBefore.count())) &&
              X509_gmtime_adj(X509_getm_notAfter(certificate.get()),
                              static_cast<long>(validFor.count())),
          "date a certificate");
  X509_NAME *subject = X509_get_subject_name(certificate.get());
  require(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char *>(name.data()),
                                     static_cast<int>(name.size()), -1, 0) == 1 &&
              X509_set_pubkey(certificate.get(), key) == 1,
          "name a certificate");
  return certificate;
}

static void addExtension(X509 *certificate, X509 *issuer, int nid, const std::string &value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "extend a certificate");
}

static KeyPtr newKey() {
  KeyPtr key(EVP_EC_gen("P-256"));
  require(key != nullptr, "make a key");
  return key;
}

bool isRole(const std::string &role) {
  static constexpr std::string_view client = "client:";
  if (role == "server0" || role == "server1" || role == "dealer")
    return true;
  if (!role.starts_with(client) || role.size() == client.size() || role.size() > 64)
    return false;
  return std::all_of(role.begin() + client.size(), role.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.';
  });
}

CertifiedKey createAuthority(const std::string &name, std::chrono::seconds validFor) {
  if (name.empty() || name.size() > 64)
    throw Error(ExitCode::Usage, "--name: expects 1 to 64 characters",
                "it is only for people: who issued a certificate");
  KeyPtr key = newKey();
  CertificatePtr certificate = newCertificate(key.get(), name, std::chrono::hours(1), validFor);
  X509 *self = certificate.get();
  require(X509_set_issuer_name(self, X509_get_subject_name(self)) == 1, "name an issuer");
  addExtension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  addExtension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign");
  addExtension(self, self, NID_subject_key_identifier, "hash");
  require(X509_sign(self, key.get(), EVP_sha256()) > 0, "sign a certificate");
  return {certificatePem(self), keyPem(key.get())};
}

/// "IP:10.0.0.2,DNS:example.org". The names come from flags: nothing that this syntax would read as
/// more than a name.
static std::string alternativeNames(const std::vector<std::string> &hosts) {
  std::string text;
  for (const std::string &host : hosts) {
    std::unique_ptr<ASN1_OCTET_STRING, Release<ASN1_OCTET_STRING_free>> address(
        a2i_IPADDRESS(host.c_str()));
    ERR_clear_error();
    bool plain = !host.empty() && std::all_of(host.begin(), host.end(), [](unsigned char c) {
      return std::isalnum(c) || c == '-' || c == '.';
    });
    if (!address && !plain)
      throw Error(ExitCode::Usage,
                  fmt::format("--host '{}': neither a host name nor an address", host),
                  "one name or address each, without port: --host s0.example.org --host 10.0.0.2");
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", address ? "IP" : "DNS", host);
  }
  return text;
}

CertifiedKey issueCertificate(const CertifiedKey &authority, const CertificateRequest &request) {
  if (!isRole(request.role))
    throw Error(ExitCode::Usage, fmt::format("--role {}: not a role", request.role),
                "use server0, server1, dealer or client:NAME (letters, digits, '-', '_', '.')");
  CertificatePtr issuer(
      PEM_read_bio_X509(memory(authority.certificate).get(), nullptr, nullptr, nullptr));
  KeyPtr issuerKey(
      PEM_read_bio_PrivateKey(memory(authority.privateKey).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!issuer || !issuerKey || X509_check_private_key(issuer.get(), issuerKey.get()) != 1)
    throw Error(ExitCode::InvalidInput, "ca.crt and ca.key are not a certificate and its key",
                "make them with gfs-ca init");

  KeyPtr key = newKey();
  CertificatePtr certificate =
      newCertificate(key.get(), request.role, request.startsBefore, request.validFor);
  X509 *self = certificate.get();
  require(X509_set_issuer_name(self, X509_get_subject_name(issuer.get())) == 1, "name an issuer");
  addExtension(self, issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
  addExtension(self, issuer.get(), NID_key_usage, "critical,digitalSignature");
  addExtension(self, issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  addExtension(self, issuer.get(), NID_subject_key_identifier, "hash");
  addExtension(self, issuer.get(), NID_authority_key_identifier, "keyid");
  if (!request.hosts.empty())
    addExtension(self, issuer.get(), NID_subject_alt_name, alternativeNames(request.hosts));
  require(X509_sign(self, issuerKey.get(), EVP_sha256()) > 0, "sign a certificate");
  return {certificatePem(self), keyPem(key.get())};
}

// --- Reading ------------------------------------------------------------------------------------

static std::string commonName(X509_NAME *name) {
  char text[65] = "";
  X509_NAME_get_text_by_NID(name, NID_commonName, text, sizeof text);
  return text;
}

std::string isoTime(const ASN1_TIME *time) {
  std::tm broken{};
  char text[32] = "";
  if (ASN1_TIME_to_tm(time, &broken) == 1)
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &broken);
  return text;
}

static std::vector<std::string> listedHosts(X509 *certificate) {
  std::vector<std::string> hosts;
  auto *names = static_cast<GENERAL_NAMES *>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  std::unique_ptr<GENERAL_NAMES, Release<GENERAL_NAMES_free>> owner(names);
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names); ++i) {
    BioPtr bio(BIO_new(BIO_s_mem()));
    if (bio && GENERAL_NAME_print(bio.get(), sk_GENERAL_NAME_value(names, i)) == 1)
      hosts.push_back(contents(bio.get()));
  }
  return hosts;
}

CertificateInfo readCertificate(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (!file || !(text << file.rdbuf()))
    throw Error(ExitCode::InputUnreadable, fmt::format("{}: cannot be read", path.string()),
                "check the path");
  CertificatePtr certificate(
      PEM_read_bio_X509(memory(text.str()).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!certificate)
    throw Error(ExitCode::InvalidInput,
                fmt::format("{}: not a certificate in PEM form", path.string()),
                "give a .crt file, which gfs-ca init and gfs-ca issue write");
  CertificateInfo info;
  info.role = commonName(X509_get_subject_name(certificate.get()));
  info.issuer = commonName(X509_get_issuer_name(certificate.get()));
  info.hosts = listedHosts(certificate.get());
  info.notBefore = isoTime(X509_get0_notBefore(certificate.get()));
  info.notAfter = isoTime(X509_get0_notAfter(certificate.get()));
  info.expired = X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0;
  require(X509_digest(certificate.get(), EVP_sha256(), info.fingerprint.data(), nullptr) == 1,
          "hash a certificate");
  return info;
}

void stagePemFile(StagedFiles &files, const std::filesystem::path &path, const std::string &pem,
                  bool secret, bool replace) {
  std::error_code ignored; // what cannot be looked at cannot be written either, and says why then
  if (!replace && std::filesystem::exists(path, ignored))
    throw Error(ExitCode::OutputUnwritable, fmt::format("{}: exists already", path.string()),
                "choose another name, or --force to replace it");
  files.add(path, {std::span(reinterpret_cast<const uint8_t *>(pem.data()), pem.size())}, secret);
}

void writePemFile(const std::filesystem::path &path, const std::string &pem, bool secret,
                  bool replace) {
  StagedFiles files;
  stagePemFile(files, path, pem, secret, replace);
  files.commit();
}

} // namespace gfs
