// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/Secret.h"

#include "runtime/base/BlockPool.h"
#include "runtime/base/Error.h"

#include <cerrno>
#include <string.h>
#include <sys/random.h>

namespace gfs {

void secureWipe(void *data, size_t bytes) {
  if (bytes)
    explicit_bzero(data, bytes);
}

/// AddressSanitizer must see every release, so it gets no pool.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ // as GCC says it
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
static constexpr bool pooling = false;
#else
static constexpr bool pooling = true;
#endif

static bool pooled(size_t bytes) { return pooling && bytes >= BlockPool::smallestBlock; }

void *allocateSecret(size_t bytes) {
  if (pooled(bytes))
    return BlockPool::shared().take(bytes);
  if (void *data = std::aligned_alloc(64, std::max<size_t>(64, (bytes + 63) / 64 * 64)))
    return data;
  throw std::bad_alloc();
}

void releaseSecret(void *data, size_t bytes) noexcept {
  secureWipe(data, bytes);
  if (pooled(bytes))
    BlockPool::shared().give(data, bytes);
  else
    std::free(data);
}

void randomBytes(std::span<uint8_t> out) {
  size_t done = 0;
  while (done < out.size()) {
    ssize_t got = getrandom(out.data() + done, out.size() - done, 0);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      throw Error(ExitCode::Internal, "getrandom: the system's random generator failed",
                  "GFS never falls back to another source; check the kernel and the sandbox");
    done += static_cast<size_t>(got);
  }
}

SecretSeed SecretSeed::random() {
  SecretSeed seed;
  randomBytes(seed.data);
  return seed;
}

} // namespace gfs
