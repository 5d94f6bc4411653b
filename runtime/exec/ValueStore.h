// SPDX-License-Identifier: Apache-2.0
// Arrays of ring words by value id, for whoever walks the steps of a plan.
#pragma once

#include "runtime/base/Dispose.h"
#include "runtime/exec/Program.h"

namespace gfs {

/// Each array lives from the step that makes its value to the last that reads it.
class ValueStore {
public:
  /// `program` must outlive it.
  explicit ValueStore(const Program &program)
      : program(&program), data(static_cast<size_t>(program.plan().values_size())) {}
  std::span<std::byte> allocate(uint32_t value) {
    data[value].resize(program->valueBytes(value));
    return data[value];
  }
  std::span<std::byte> at(uint32_t value) { return data[value]; }
  void release(uint32_t value) { dispose(data[value]); }
  uint64_t memoryBytes() const {
    uint64_t bytes = 0;
    for (const auto &array : data)
      bytes += array.capacity();
    return bytes;
  }

private:
  const Program *program;
  std::vector<SecretVector<std::byte>> data;
};

} // namespace gfs
