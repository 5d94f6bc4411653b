// SPDX-License-Identifier: Apache-2.0
// A plan with its weights, key and material at one server, ready to run requests one after another.
#pragma once

#include "runtime/exec/PartyExecutor.h"
#include "runtime/material/MaterialStore.h"
#include "runtime/serve/Metrics.h"
#include "runtime/serve/RequestQueue.h"
#include "runtime/serve/Stock.h"
#include "runtime/serve/Supply.h"

#include <atomic>
#include <chrono>

namespace gfs::serve {

struct EngineFiles {
  std::filesystem::path plan, weights, key;
  std::filesystem::path material; ///< A file, or a folder of them; see Supply.
  std::string device = "cpu";     ///< Where passes run; see openDevice().
  /// Memory for records read and prepared ahead of requests; see Stock.
  uint64_t aheadBytes = uint64_t(256) << 20;
  unsigned threads = 1;     ///< That work on a request.
  uint64_t lowMaterial = 0; ///< With fewer inferences' left, a warning is logged.
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
  /// Integrity, PlanMismatch, Device, and those of Supply and MaterialStore; in a folder no set
  /// that is bad keeps the others from being used.
  Engine(const EngineFiles &files, Party party);

  // Facts that never change; from any thread.
  Party party() const { return executor->party(); }
  const Program &program() const { return executor->program(); }
  const plan::Hash &planHash() const { return program().loaded().hash; }
  const plan::Id16 &modelId() const { return executor->modelId(); }
  /// Packed shares of all inputs of one request.
  uint64_t inputBytes() const { return portBytes(program().plan().inputs()); }

  /// Unused records of all sets; from any thread.
  uint64_t materialLeft() const { return left; }
  /// The same by set, for sets with some left and the one in use; from any thread.
  std::vector<MaterialLeft> materialSets() const;
  /// Records read and prepared ahead, nothing left to do; from any thread.
  uint64_t recordsReady() const { return stockState.ready; }

  /// What material must have been dealt for, and the folder that may get more; from any thread.
  MaterialUse materialUse() const {
    return {planHash(), modelId(), party(), executor->recordBytes(), seed};
  }
  std::optional<std::filesystem::path> materialFolder() const { return supply->folder(); }

  // The set in use: serials below are those of it. While there is none, as in a folder that is
  // still empty, its id is 0 and it has no serials.
  bool hasMaterial() const { return material != nullptr; }
  plan::Id16 materialId() const { return material ? material->info().materialId : plan::Id16{}; }
  /// The lowest serial that was never claimed, and the first behind the last.
  uint64_t cursor() const { return material ? material->cursor() : 0; }
  uint64_t endSerial() const { return material ? material->info().endSerial() : 0; }
  /// Looks for new files of material, at most once a second.
  void lookForMaterial();
  /// Other sets with records left, after such a look at once.
  std::vector<plan::Id16> otherMaterial();
  /// Another set, to go over to. Errors: PlanMismatch (not here), those of MaterialStore: one that
  /// turns out to be bad is set aside, if in a folder.
  std::unique_ptr<MaterialStore> openMaterial(const plan::Id16 &id);
  /// Whether that set is here, and was not set aside.
  bool offers(const plan::Id16 &id) const { return supply->find(id) != nullptr; }
  /// Goes over to it. The one in use is closed; with `endsFormer` what is left of it is used up,
  /// and its file, if in a folder, removed. Errors: those of claim(); then nothing has changed.
  void useMaterial(std::unique_ptr<MaterialStore> opened, bool endsFormer);

  /// Has the work for the records from `serial` on that needs no input done in the background.
  /// Those below are of no use any more. A record that turns out bad is reported by load().
  void prepareAhead(uint64_t serial) {
    if (stock)
      stock->aim(serial);
  }
  /// Set while that is done; from any thread.
  const std::atomic<bool> &preparingAhead() const { return stockState.working; }
  /// Requests that can run together without taking too much memory.
  uint64_t groupLimit() const;
  /// Reads the records from `serial` on, unless prepareAhead() did; returns how many of `count` are
  /// good, at least one. Errors, of the first: MaterialReuse, MaterialExhausted, OutputUnwritable
  /// (nothing can be claimed any more), Integrity (the
  /// record is burnt, so that the next request gets the next one).
  uint64_t load(uint64_t serial, uint64_t count = 1);
  /// Uses the records up to and including `serial` up, durably. Nothing that depends on it may be
  /// sent before. Errors: Ledger::claim.
  void claim(uint64_t serial);
  /// Work that no request has to wait for: wiping what a pass used, erasing used records,
  /// reserving serials. A failure is logged, and claim() reports it.
  void tidy() noexcept;
  /// Runs requests in one pass with the loaded and claimed records from `serial` on. `inputShares`
  /// are inputBytes() long. tidy() is to follow. Errors: Network, ...
  std::vector<Result> run(uint64_t serial, std::span<const GroupRequest> requests,
                          Channel &channel);

private:
  uint64_t portBytes(const google::protobuf::RepeatedPtrField<plan::Port> &ports) const;
  std::vector<SecretVector<uint8_t>> splitInputs(std::span<const uint8_t> shares) const;
  std::unique_ptr<MaterialStore> open(const MaterialSet &set);
  /// Works with `opened` from now on.
  void begin(std::unique_ptr<MaterialStore> opened);
  void updateLeft();

  const uint64_t aheadBytes, lowMaterial;
  std::shared_ptr<const SecretSeed> seed; ///< Of this server: opens sets.
  std::optional<PartyExecutor> executor;
  std::optional<Supply> supply;
  std::unique_ptr<MaterialStore> material;
  std::shared_ptr<const void> remains; ///< Of the last pass; see RunResult.
  std::atomic<uint64_t> left = 0;
  bool saidLow = false;
  std::chrono::steady_clock::time_point looked; ///< For files of material.
  mutable std::mutex setsMutex;
  std::vector<MaterialLeft> setsLeft; ///< Guarded by setsMutex.
  StockState stockState;
  /// While the set in use has records left. Last: its thread uses the others.
  std::optional<Stock> stock;
};

} // namespace gfs::serve
