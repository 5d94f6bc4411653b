// SPDX-License-Identifier: Apache-2.0
// Whatever bytes a file of inputs consists of, each of the three readers returns tensors that hold
// as many elements as their shapes say, or throws gfs::Error.
#include "runtime/base/Error.h"
#include "runtime/tensor/Formats.h"

#include <cstdlib>

static void expectWhole(const gfs::Tensor &tensor) {
  auto bytes = gfs::boundedBytes(tensor.shape, gfs::sizeOf(tensor.type));
  if (!bytes || *bytes != tensor.data.size())
    std::abort();
}

template <class Read> static void expectErrors(Read read) {
  try {
    read();
  } catch (const gfs::Error &error) {
    if (error.code() != gfs::ExitCode::InvalidInput && error.code() != gfs::ExitCode::Unsupported)
      std::abort();
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto bytes = std::as_bytes(std::span(data, size));
  expectErrors([&] { expectWhole(gfs::parseNpy(bytes, "x.npy")); });
  expectErrors([&] { expectWhole(gfs::parseTensorProto(bytes, "x.pb")); });
  expectErrors([&] {
    for (const gfs::Tensor &tensor : gfs::parseNpz(bytes, "x.npz"))
      expectWhole(tensor);
  });
  return 0;
}
