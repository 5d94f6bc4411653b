// SPDX-License-Identifier: Apache-2.0
// A plan with its weights, key and material at one server, ready to run requests one after another.
#pragma once

#include "runtime/exec/PartyExecutor.h"
#include "runtime/material/MaterialStore.h"
#include "runtime/serve/RequestQueue.h"
#include "runtime/serve/Stock.h"

#include <atomic>

namespace gfs::serve {

struct EngineFiles {
  std::filesystem::path plan, weights, key, material;
  std::string device = "cpu"; ///< Where passes run; see openDevice().
  /// Memory for records read and prepared ahead of requests; see Stock.
  uint64_t aheadBytes = uint64_t(256) << 20;
  unsigned threads = 1; ///< That work on a request.
};

/// One request of a group: its packed input shares, and the seed both servers share for it.
struct GroupRequest {
  std::span<const uint8_t> inputShares;
  SecretSeed common;
};

/// Used by one thread, except where noted.
class Engine {
public:
  /// Loads everything and checks that it belongs together. Errors: InputUnreadable, InvalidInput,
  /// Integrity, PlanMismatch, Device, and those of MaterialStore.
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

  /// Has the work for the records from `serial` on that needs no input done in the background.
  /// Those below are of no use any more. A record that turns out bad is reported by load().
  void prepareAhead(uint64_t serial) { stock->aim(serial); }
  /// Set while that is done; from any thread.
  const std::atomic<bool> &preparingAhead() const { return stock->working(); }
  /// Requests that can run together without taking too much memory.
  uint64_t groupLimit() const;
  /// Reads the records from `serial` on, unless prepareAhead() did; returns how many of `count` are
  /// good, at least one. Errors, of the first: MaterialReuse, MaterialExhausted, Integrity (the
  /// record is burnt, so that the next request gets the next one).
  uint64_t load(uint64_t serial, uint64_t count = 1);
  /// Uses the records up to and including `serial` up, durably. Nothing that depends on it may be
  /// sent before. Errors: Ledger::claim.
  void claim(uint64_t serial);
  /// Work on disk that no request has to wait for: erasing used records, reserving serials. A
  /// failure is logged, and claim() reports it.
  void tidy() noexcept;
  /// Runs requests in one pass with the loaded and claimed records from `serial` on. `inputShares`
  /// are inputBytes() long. Errors: Network, ...
  std::vector<Result> run(uint64_t serial, std::span<const GroupRequest> requests,
                          Channel &channel);

private:
  uint64_t portBytes(const google::protobuf::RepeatedPtrField<plan::Port> &ports) const;
  std::vector<SecretVector<uint8_t>> splitInputs(std::span<const uint8_t> shares) const;
  void updateLeft() { left = material->left(); }

  std::optional<PartyExecutor> executor;
  std::optional<MaterialStore> material;
  std::atomic<uint64_t> left = 0;
  std::optional<Stock> stock; ///< Last: its thread uses the others.
};

} // namespace gfs::serve
