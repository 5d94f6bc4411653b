// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/Secret.h"

#include "runtime/base/Error.h"

#include <cerrno>
#include <string.h>
#include <sys/random.h>

namespace gfs {

void secureWipe(void *data, size_t bytes) {
  if (bytes)
    explicit_bzero(data, bytes);
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
