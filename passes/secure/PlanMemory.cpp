// SPDX-License-Identifier: Apache-2.0
// Lifetimes by interval, then best fit, largest value first.
#include "passes/secure/Passes.h"
#include "passes/secure/Schedule.h"

#include "mlir/IR/Builders.h"

#include <algorithm>

namespace gfs::secure {
#define GEN_PASS_DEF_SECUREPLANMEMORY
#include "passes/secure/Passes.h.inc"
} // namespace gfs::secure

using namespace mlir;
using namespace gfs::secure;

/// A cache line of 4-byte words; offsets are in words, whatever the ring.
static constexpr int64_t alignment = 16;

namespace {
/// One value's block of memory. `first` and `last` are intervals, both included.
struct Block {
  Value value;
  int64_t words, first, last;
  size_t order; ///< In the program.
  int64_t offset = 0;

  bool livesWith(const Block &other) const { return first <= other.last && other.first <= last; }
};

struct PlanMemory : gfs::secure::impl::SecurePlanMemoryBase<PlanMemory> {
  void runOnOperation() override {
    auto main = mainFunction(getOperation());
    if (!main)
      return signalPassFailure();
    auto schedule = Schedule::read(main);
    if (failed(schedule))
      return signalPassFailure();

    std::vector<Block> blocks = lifetimes(main, *schedule);
    int64_t arena = place(blocks);
    Builder builder(&getContext());
    for (const Block &block : blocks) {
      auto offset = builder.getI64IntegerAttr(block.offset);
      if (auto argument = dyn_cast<BlockArgument>(block.value))
        main.setArgAttr(argument.getArgNumber(), offsetAttr, offset);
      else
        block.value.getDefiningOp()->setAttr(offsetAttr, offset);
      numWordsUnshared += static_cast<unsigned>(block.words);
    }
    numWords += static_cast<unsigned>(arena);
    getOperation()->setAttr(arenaWordsAttr, builder.getI64IntegerAttr(arena));
  }

  /// The last interval in which somebody reads `value`, through views.
  static int64_t lastUse(Value value, const Schedule &schedule) {
    int64_t last = schedule.ready(value);
    for (Operation *user : value.getUsers()) {
      auto reshape = dyn_cast<ReshapeOp>(user);
      last = std::max(last, reshape && isView(reshape) ? lastUse(reshape.getResult(), schedule)
                                                       : schedule.intervals(user).back());
    }
    return last;
  }

  static std::vector<Block> lifetimes(func::FuncOp main, const Schedule &schedule) {
    std::vector<Block> blocks;
    auto add = [&](Value value, int64_t first) {
      int64_t words = (elementsOf(value.getType()) + alignment - 1) / alignment * alignment;
      blocks.push_back({value, words, first, lastUse(value, schedule), blocks.size()});
    };
    for (Value argument : main.getArguments())
      add(argument, 0);
    for (Operation &op : main.getOps()) {
      auto reshape = dyn_cast<ReshapeOp>(op);
      if (op.getNumResults() == 0 || isa<WeightOp>(op) || (reshape && isView(reshape)))
        continue;
      add(op.getResult(0), schedule.intervals(&op).front());
    }
    return blocks;
  }

  /// Chooses offsets; returns the words needed.
  static int64_t place(std::vector<Block> &blocks) {
    // Ties keep program order, so the plan depends on the program only.
    std::sort(blocks.begin(), blocks.end(), [](const Block &a, const Block &b) {
      return a.words != b.words ? a.words > b.words : a.order < b.order;
    });
    int64_t arena = 0;
    std::vector<const Block *> neighbours;
    for (size_t i = 0; i < blocks.size(); ++i) {
      Block &block = blocks[i];
      neighbours.clear();
      for (size_t j = 0; j < i; ++j)
        if (blocks[j].livesWith(block))
          neighbours.push_back(&blocks[j]);
      std::sort(neighbours.begin(), neighbours.end(),
                [](const Block *a, const Block *b) { return a->offset < b->offset; });
      int64_t end = 0, bestGap = INT64_MAX;
      std::optional<int64_t> best;
      for (const Block *neighbour : neighbours) {
        int64_t gap = neighbour->offset - end;
        if (gap >= block.words && gap < bestGap) {
          bestGap = gap;
          best = end;
        }
        end = std::max(end, neighbour->offset + neighbour->words);
      }
      block.offset = best.value_or(end);
      arena = std::max(arena, block.offset + block.words);
    }
    return arena;
  }
};
} // namespace
