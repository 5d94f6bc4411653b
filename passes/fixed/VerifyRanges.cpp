// SPDX-License-Identifier: Apache-2.0
// Refuses programs whose values can leave the ring or a sign window. The numbers of the rules are
// those of the pass's description.
#include "passes/fixed/Passes.h"
#include "passes/fixed/RangeReport.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <fmt/format.h>

namespace gfs::fixed {
#define GEN_PASS_DEF_FIXEDVERIFYRANGES
#include "passes/fixed/Passes.h.inc"
} // namespace gfs::fixed

using namespace mlir;
using namespace gfs::fixed;

namespace {
struct VerifyRanges : gfs::fixed::impl::FixedVerifyRangesBase<VerifyRanges> {
  using FixedVerifyRangesBase::FixedVerifyRangesBase;
  unsigned bits = 0;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    // Rule 1.
    std::optional<unsigned> ring = ringBits(module);
    auto functions = llvm::to_vector(module.getOps<func::FuncOp>());
    if (!ring || functions.size() != 1 || functions[0].isExternal()) {
      module.emitError() << "expects one function with a body and '" << ringBitsAttr
                         << "' on the module";
      return signalPassFailure();
    }
    bits = *ring;
    bool valid = true;
    for (Operation &op : functions[0].getBody().front()) {
      valid &= succeeded(verifyKind(&op));
      valid &= succeeded(verifyRing(&op));
      valid &= succeeded(verifyDemands(&op));
    }
    if (!valid)
      return signalPassFailure();
    markAllAnalysesPreserved();
  }

  /// Rule 1.
  static LogicalResult verifyKind(Operation *op) {
    if (isa<FixedDialect>(op->getDialect()) || isa<func::ReturnOp>(op))
      return success();
    return op->emitOpError() << "is not an operation of a fixed program";
  }

  /// Rule 2.
  LogicalResult verifyRing(Operation *op) const {
    auto limit = [&](StringRef attribute) -> LogicalResult {
      auto value = op->getAttrOfType<IntegerAttr>(attribute);
      if (!value || value.getInt() <= int64_t(bits) - 2)
        return success();
      return op->emitOpError() << "expects " << attribute << " of at most l - 2 = " << bits - 2
                               << ", got " << value.getInt() << ": choose a wider ring (--ring)";
    };
    LogicalResult high = limit("high"), shift = limit("shift");
    return success(succeeded(high) && succeeded(shift));
  }

  /// Rules 3 and 4.
  LogicalResult verifyDemands(Operation *op) {
    for (const RangeDemand &demand : rangeDemands(op, bits)) {
      if (demand.magnitude * headroom < demand.limit)
        continue;
      Operation *source = demand.operand.getDefiningOp();
      return op->emitOpError(fmt::format("expects values of '{}' to stay below {:.6g} (the {}), "
                                         "but calibration reached {:.6g} and a head-room of {:g} "
                                         "is asked for: choose a wider ring (--ring), wider "
                                         "windows (--window-bits) or more headroom (--headroom) "
                                         "when converting",
                                         source ? layerName(source) : "the input", demand.limit,
                                         demand.what, demand.magnitude, headroom.getValue()));
    }
    return success();
  }
};
} // namespace
