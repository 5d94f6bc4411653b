// SPDX-License-Identifier: Apache-2.0
// A plan with its weights, key and material at one server, ready to run requests one after another.
#pragma once

#include "runtime/exec/PartyExecutor.h"
#include "runtime/material/MaterialStore.h"
#include "runtime/serve/RequestQueue.h"

#include <atomic>

namespace gfs::serve {

struct EngineFiles {
  std::filesystem::path plan, weights, key, material;
};

/// Used by one thread, except where noted.
class Engine {
public:
  /// Loads everything and checks that it belongs together. Errors: InputUnreadable, InvalidInput,
  /// Integrity, PlanMismatch, and those of MaterialStore.
  Engine(const EngineFiles &files, Party party);

  // Facts that never change; from any thread.
  Party party() const { return executor->party(); }
  const Program &program() const { return executor->program(); }
  const plan::Hash &planHash() const { return program().loaded().hash; }
  const plan::Id16 &modelId() const { return executor->modelId(); }
  const plan::Id16 &materialId() const { return material->info().materialId; }
  /// Packed shares of all inputs, and of all outputs, of one request.
  uint64_t inputBytes() const { return portBytes(program().plan().inputs()); }
  uint64_t outputBytes() const { return portBytes(program().plan().outputs()); }

  /// Unused records; from any thread.
  uint64_t materialLeft() const { return left; }
  /// The lowest serial that was never claimed.
  uint64_t cursor() const { return material->cursor(); }

  /// Does the work for `serial` that needs no input, if there is such a record and it has not been
  /// done. A record that turns out bad is reported by load().
  void prepareAhead(uint64_t serial);
  /// Reads the record of `serial`, unless prepareAhead() did. Errors: MaterialReuse,
  /// MaterialExhausted, Integrity (the record is burnt, so that the next request gets the next
  /// one).
  void load(uint64_t serial);
  /// Uses the record up, durably. Nothing that depends on it may be sent before. Errors:
  /// Ledger::claim.
  void claim(uint64_t serial);
  /// Work on disk that no request has to wait for: erasing used records, reserving serials. A
  /// failure is logged, and claim() reports it.
  void tidy() noexcept;
  /// Runs one request with the loaded and claimed record. `inputShares` is inputBytes() long.
  /// Errors: Network, ...
  Result run(uint64_t serial, std::span<const uint8_t> inputShares, Channel &channel,
             const SecretSeed &common);

private:
  uint64_t portBytes(const google::protobuf::RepeatedPtrField<plan::Port> &ports) const;
  std::vector<SecretVector<uint8_t>> splitInputs(std::span<const uint8_t> shares) const;
  void prepare();
  void updateLeft() { left = material->left(); }

  struct LoadedRecord {
    uint64_t serial;
    SecretVector<uint8_t> payload;
  };
  std::optional<PartyExecutor> executor;
  std::optional<MaterialStore> material;
  std::optional<LoadedRecord> record; ///< Read, not prepared.
  std::optional<Prepared> prepared;
  double prepareMs = 0; ///< Spent on `prepared` since load().
  std::atomic<uint64_t> left = 0;
};

} // namespace gfs::serve
