// SPDX-License-Identifier: Apache-2.0
// The contexts of the key derivations.
#include "runtime/exec/RequestKeys.h"

namespace gfs {

/// `label`, then the fixed-length parts of the request, so that no two contexts are equal.
static std::string context(std::string_view label, const RequestId &request) {
  std::string text(label);
  auto append = [&](std::span<const uint8_t> bytes) { text.append(bytes.begin(), bytes.end()); };
  append(request.planHash);
  append(request.modelId);
  append(request.materialId);
  for (unsigned i = 0; i < 8; ++i)
    text += static_cast<char>(request.serial >> (8 * i) & 0xff);
  return text;
}

AesKey requestKey(const SecretSeed &partySeed, const RequestId &request) {
  return deriveAesKey(partySeed, context("gfs request", request));
}

AesKey commonKey(const SecretSeed &commonSeed, const RequestId &request) {
  return deriveAesKey(commonSeed, context("gfs common", request));
}

} // namespace gfs
