// SPDX-License-Identifier: Apache-2.0
// Finds for each value how large an error nothing behind it would notice, backwards from the gates
// that truncate, and drops as many bits of what is opened.
#include "passes/secure/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <limits>

namespace gfs::secure {
#define GEN_PASS_DEF_SECURETRIMOPENINGS
#include "passes/secure/Passes.h.inc"
} // namespace gfs::secure

using namespace mlir;
using namespace gfs::secure;

/// An error below 2^-guardBits of a unit goes unnoticed beside the rounding to units.
static constexpr int64_t guardBits = 1;
/// Least that is sent: a mask's low bits may go, the value's range may not come near to the error.
static constexpr int64_t leastSent = 8;

namespace {
struct TrimOpenings : gfs::secure::impl::SecureTrimOpeningsBase<TrimOpenings> {
  /// Errors of mean 0 and magnitude below 2^slack go unnoticed; 0: none does.
  DenseMap<Value, int64_t> slack;
  int64_t ringBits = 0;

  void runOnOperation() override {
    slack.clear();
    ModuleOp module = getOperation();
    auto main = mainFunction(module);
    if (!main)
      return signalPassFailure();
    auto bits = module->getAttrOfType<IntegerAttr>(ringBitsAttr);
    if (!bits) {
      module.emitError("expects ") << ringBitsAttr;
      return signalPassFailure();
    }
    ringBits = bits.getInt();
    const bool whole = module->hasAttr(wholeOpeningsAttr);
    Builder builder(&getContext());
    // Users come behind what they use.
    for (Operation &op : llvm::reverse(main.getBody().front())) {
      for (Value result : op.getResults())
        slack[result] = slackOf(result);
      auto open = dyn_cast<OpenOp>(op);
      if (!open)
        continue;
      const int64_t dropped = whole ? 0 : slack.lookup(open.getResult());
      open.setDroppedAttr(builder.getI64IntegerAttr(dropped));
      numBits += static_cast<unsigned>(elementsOf(open.getType()) * ringBits);
      numDropped += static_cast<unsigned>(elementsOf(open.getType()) * dropped);
    }
  }

  int64_t slackOf(Value value) {
    int64_t least = value.use_empty() ? 0 : std::numeric_limits<int64_t>::max();
    for (Operation *user : value.getUsers())
      least = std::min(least, slackBefore(user));
    return std::clamp<int64_t>(least, 0, std::max<int64_t>(ringBits - leastSent, 0));
  }

  /// What a user leaves of its operands unnoticed; none if negative.
  int64_t slackBefore(Operation *user) {
    const int64_t behind = user->getNumResults() == 1 ? slack.lookup(user->getResult(0)) : 0;
    auto truncated = [&](uint64_t shift) {
      const auto f = static_cast<int64_t>(shift);
      return behind > 0 ? f + behind : f - guardBits;
    };
    auto factor = [](int64_t by) {
      return llvm::Log2_64_Ceil(static_cast<uint64_t>(std::abs(by)));
    };
    return llvm::TypeSwitch<Operation *, int64_t>(user)
        .Case([&](ReluOp relu) {
          return std::min(truncated(relu.getShift()),
                          static_cast<int64_t>(relu.getLow()) - guardBits);
        })
        .Case([&](SplineOp spline) {
          return static_cast<int64_t>(std::min(spline.getShift(), spline.getLow())) - guardBits;
        })
        .Case([&](TruncateOp truncate) { return truncated(truncate.getShift()); })
        .Case([&](SquareOp square) { return static_cast<int64_t>(square.getShift()) - guardBits; })
        // Variances add up, and the open adds its own: a quarter of that may come in.
        .Case([&](OpenOp) { return behind - 1; })
        .Case<UnmaskOp, AddOp, SubOp, AddWeightOp, TakeOp, TransposeOp, ConcatOp, ReshapeOp>(
            [&](auto) { return behind; })
        .Case([&](ScaleOp scale) {
          const auto by = static_cast<int64_t>(scale.getFactor());
          return by == 0 ? behind : behind - static_cast<int64_t>(factor(by));
        })
        .Case([&](SumPoolOp pool) {
          return behind - static_cast<int64_t>(factor(pool.getKernel()[0] * pool.getKernel()[1]));
        })
        .Default(int64_t(0));
  }
};
} // namespace
