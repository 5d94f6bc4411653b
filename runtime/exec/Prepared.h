// SPDX-License-Identifier: Apache-2.0
// What a server computes for a request before the request exists.
#pragma once

#include "runtime/crypto/Prg.h"
#include "runtime/exec/RequestKeys.h"
#include "runtime/exec/ValueStore.h"

#include <memory>
#include <optional>

namespace gfs {

class DevicePrepared;

/// The plaintext record of one serial, by step.
using RecordParts = std::vector<SecretVector<uint8_t>>;

/// One server's work before the input, for one request, done one step at a time by
/// PartyExecutor::prepareNext(): ahead of the request, or while it runs. Used once.
class Prepared {
public:
  /// Nothing has been computed from `record` yet.
  Prepared(const RequestId &id, RecordParts record)
      : id(id), material(std::move(record)), storage(material.size()), seconds(material.size()) {}

  const RequestId &request() const { return id; }
  /// Steps from this one on have not been prepared.
  uint32_t next() const { return done; }
  bool complete() const { return done == material.size(); }
  /// Bytes of memory held.
  uint64_t memoryBytes() const {
    uint64_t bytes = deviceBytes + (masks ? masks->memoryBytes() : 0);
    for (size_t step = 0; step < material.size(); ++step)
      bytes += material[step].capacity() + storage[step].capacity();
    return bytes;
  }

private:
  friend class PartyExecutor;
  /// The step is over: what it needed is not kept until the others are.
  void release(uint32_t step) {
    dispose(material[step]);
    dispose(storage[step]);
  }

  RequestId id;
  RecordParts material;                         ///< Freed where evaluate() does not read it.
  std::vector<SecretVector<std::byte>> storage; ///< By step: what the gate prepared.
  std::vector<double> seconds;                  ///< By step.
  uint32_t done = 0;
  // Set by PartyExecutor::begin().
  std::optional<AesKey> key;
  std::optional<ValueStore> masks; ///< Shares of the masks of values that steps to come read.
  std::shared_ptr<DevicePrepared> onDevice; ///< With a GPU, instead of all this.
  uint64_t deviceBytes = 0;
};

} // namespace gfs
