// SPDX-License-Identifier: Apache-2.0
// The security border of the compiler: what passes here may become a plan. The numbers of the rules
// are those of the pass's description.
#include "passes/secure/Passes.h"
#include "passes/secure/Schedule.h"
#include "runtime/plan/Limits.h"

namespace gfs::secure {
#define GEN_PASS_DEF_SECUREVERIFYMASKS
#include "passes/secure/Passes.h.inc"
} // namespace gfs::secure

using namespace mlir;
using namespace gfs::secure;

namespace {
struct VerifyMasks : gfs::secure::impl::SecureVerifyMasksBase<VerifyMasks> {
  int64_t ringBits = 0;
  StringRef weightMode;
  DenseMap<int64_t, Operation *> masks, keys;

  void runOnOperation() override {
    masks.clear();
    keys.clear();
    auto main = mainFunction(getOperation());
    if (!main || failed(verifyModule()))
      return signalPassFailure();
    // All violations are reported, not the first only.
    bool valid = succeeded(verifyPorts(main));
    for (Operation &op : main.getOps())
      valid &= succeeded(verifyStep(&op));
    // A schedule only has a meaning for steps that are what they claim to be.
    if (!valid || (getOperation()->hasAttr(exchangesAttr) && failed(Schedule::read(main))))
      return signalPassFailure();
    numMasks += masks.size();
    markAllAnalysesPreserved();
  }

  LogicalResult verifyModule() {
    auto bits = getOperation()->getAttrOfType<IntegerAttr>(ringBitsAttr);
    if (!bits || bits.getInt() < 16 || bits.getInt() > 64)
      return getOperation().emitError("expects ") << ringBitsAttr << " in [16, 64]";
    auto mode = getOperation()->getAttrOfType<StringAttr>(weightModeAttr);
    if (!mode || !llvm::is_contained({"shared", "server", "public"}, mode.getValue()))
      return getOperation().emitError("expects ")
             << weightModeAttr << " \"shared\", \"server\" or \"public\"";
    ringBits = bits.getInt();
    weightMode = mode.getValue();
    return success();
  }

  /// Rule 5.
  static LogicalResult verifyPorts(func::FuncOp main) {
    LogicalResult result = success();
    for (Type type : main.getArgumentTypes())
      if (!isa<ShareType>(type))
        result = main.emitError("expects shared inputs, got ") << type;
    for (Type type : main.getResultTypes())
      if (!isa<ShareType>(type))
        result = main.emitError("expects shared outputs: ")
                 << type << " would leave the server with a mask that the client cannot remove";
    return result;
  }

  LogicalResult verifyStep(Operation *op) {
    // Rule 1.
    if (!isa<SecureDialect>(op->getDialect()) && !isa<func::ReturnOp>(op))
      return op->emitOpError(
          "is not a step of a secure program: a value could leave the server through it");
    // Rule 2.
    if (op->hasAttr("exchange") && messageCount(op) == 0)
      return op->emitOpError("sends a value without an open");

    if (auto open = dyn_cast<OpenOp>(op))
      return success(succeeded(claim(op, "mask", open.getMask(), masks)) &&
                     succeeded(verifyDropped(open)));
    if (isa<Conv2dOp, LinearMapOp>(op))
      return verifyProduct(op);
    if (auto relu = dyn_cast<ReluOp>(op))
      return verifyComparison(relu);
    if (auto spline = dyn_cast<SplineOp>(op))
      return success(succeeded(verifyComparison(spline)) && succeeded(verifyThresholds(spline)));
    if (auto truncate = dyn_cast<TruncateOp>(op))
      return success(succeeded(claim(op, "key", truncate.getKey(), keys)) &&
                     succeeded(verifyShift(op, truncate.getShift())));
    if (auto square = dyn_cast<SquareOp>(op))
      return success(succeeded(claim(op, "key", square.getKey(), keys)) &&
                     succeeded(verifyShift(op, square.getShift())));
    if (auto multiply = dyn_cast<MultiplyOp>(op))
      return claim(op, "key", multiply.getKey(), keys);
    if (auto product = dyn_cast<MatMulOp>(op))
      return claim(op, "key", product.getKey(), keys);
    return success();
  }

  /// Rule 3.
  static LogicalResult claim(Operation *op, StringRef what, uint64_t id,
                             DenseMap<int64_t, Operation *> &owners) {
    auto [owner, isNew] = owners.try_emplace(static_cast<int64_t>(id), op);
    if (isNew)
      return success();
    auto error = op->emitOpError("uses ") << what << ' ' << id << " a second time";
    error.attachNote(owner->second->getLoc()) << "first used here";
    return error;
  }

  /// Rule 4.
  LogicalResult verifyProduct(Operation *op) {
    bool isPublic = weightMode == "public";
    if (isa<MaskedType>(op->getResult(0).getType()) != isPublic)
      return op->emitOpError("expects a ")
             << (isPublic ? "masked" : "shared") << " result: weights are "
             << (isPublic ? "public" : "hidden");
    if (isPublic)
      return success();
    auto key = op->getAttrOfType<IntegerAttr>("key");
    if (!key)
      return op->emitOpError("expects a key: a product with hidden weights has dealt material");
    return claim(op, "key", static_cast<uint64_t>(key.getInt()), keys);
  }

  /// Rule 6.
  LogicalResult verifyShift(Operation *op, uint64_t shift) {
    if (static_cast<int64_t>(shift) <= ringBits - 3)
      return success();
    return op->emitOpError("expects a shift of at most ")
           << ringBits - 3 << " in a ring of " << ringBits << " bits, got " << shift;
  }

  LogicalResult verifyDropped(OpenOp open) {
    if (static_cast<int64_t>(open.getDropped()) <= ringBits - 3)
      return success();
    return open.emitOpError("expects to drop at most ")
           << ringBits - 3 << " bits in a ring of " << ringBits << ", got " << open.getDropped();
  }

  /// Rules 3 and 6.
  template <class Gate> LogicalResult verifyComparison(Gate gate) {
    return success(succeeded(claim(gate, "key", gate.getKey(), keys)) &&
                   succeeded(verifyShift(gate, gate.getShift())) && succeeded(verifyWindow(gate)));
  }

  LogicalResult verifyThresholds(SplineOp spline) {
    const int64_t limit = int64_t(1) << (ringBits - 2);
    for (int64_t threshold : spline.getThresholds())
      if (threshold <= -limit || threshold >= limit)
        return spline.emitOpError("has the threshold ")
               << threshold << ", expects magnitudes below 2^" << ringBits - 2 << " in a ring of "
               << ringBits << " bits";
    return success();
  }

  template <class Gate> LogicalResult verifyWindow(Gate gate) {
    auto low = static_cast<int64_t>(gate.getLow()), high = static_cast<int64_t>(gate.getHigh());
    if (low < 0 || low >= high || high > ringBits - 2)
      return gate.emitOpError("has the window [")
             << low << ", " << high << "), expects 0 <= low < high <= " << ringBits - 2
             << " in a ring of " << ringBits << " bits";
    if (gate.getProtocol() == Protocol::Table && high - low > gfs::plan::maxTableBits)
      return gate.emitOpError("has a table over ")
             << high - low << " bits, expects at most " << gfs::plan::maxTableBits;
    return success();
  }
};
} // namespace
