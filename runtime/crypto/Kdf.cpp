// SPDX-License-Identifier: Apache-2.0
#include "runtime/crypto/Kdf.h"

#include "runtime/base/Error.h"

#include <memory>
#include <openssl/evp.h>
#include <openssl/kdf.h>

namespace gfs {

void hkdfSha256(std::span<const uint8_t> secret, std::string_view info, std::span<uint8_t> out) {
  std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> ctx(
      EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr), EVP_PKEY_CTX_free);
  size_t length = out.size();
  bool derived =
      ctx && EVP_PKEY_derive_init(ctx.get()) > 0 &&
      EVP_PKEY_CTX_set_hkdf_md(ctx.get(), EVP_sha256()) > 0 &&
      EVP_PKEY_CTX_set1_hkdf_key(ctx.get(), secret.data(), static_cast<int>(secret.size())) > 0 &&
      EVP_PKEY_CTX_add1_hkdf_info(ctx.get(), reinterpret_cast<const uint8_t *>(info.data()),
                                  static_cast<int>(info.size())) > 0 &&
      EVP_PKEY_derive(ctx.get(), out.data(), &length) > 0;
  check(derived && length == out.size(), "HKDF-SHA256 failed");
}

} // namespace gfs
