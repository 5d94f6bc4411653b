// SPDX-License-Identifier: Apache-2.0
// The keys behind the streams of one request. A key is bound to everything that names the request,
// so that no two requests, plans or models ever share a stream.
#pragma once

#include "runtime/crypto/Prg.h"
#include "runtime/plan/Files.h"

namespace gfs {

/// Names one inference: one plan, one model, one record of one material set.
struct RequestId {
  plan::Hash planHash{};
  plan::Id16 modelId{};
  plan::Id16 materialId{};
  uint64_t serial = 0;
};

/// The AES key of a party's streams: HKDF(seed, "gfs request" | plan hash | model id | material id
/// | serial).
AesKey requestKey(const SecretSeed &partySeed, const RequestId &request);
/// The key of the streams both servers share: HKDF(seed agreed in the handshake, "gfs common" | the
/// same).
AesKey commonKey(const SecretSeed &commonSeed, const RequestId &request);

} // namespace gfs
