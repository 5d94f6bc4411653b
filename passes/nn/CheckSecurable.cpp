// SPDX-License-Identifier: Apache-2.0
// nn-check-securable: the border between what a model means and what can be computed in private.
#include "dialects/nn/NnConstants.h"
#include "dialects/nn/NnShapes.h"
#include "passes/nn/Passes.h"

#include <cmath>

namespace gfs::nn {
#define GEN_PASS_DEF_NNCHECKSECURABLE
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;

namespace {

struct CheckSecurable : gfs::nn::impl::NnCheckSecurableBase<CheckSecurable> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || !function.getBody().hasOneBlock()) {
      function.emitError("expects a function with one block");
      return signalPassFailure();
    }
    bool good = true;
    for (Operation &op : function.getBody().front())
      good &= succeeded(checkOp(op));
    if (!good)
      signalPassFailure();
    markAllAnalysesPreserved();
  }

  /// Operands from `first` on must be constants.
  static LogicalResult checkConstants(Operation &op, unsigned first) {
    for (Value parameter : op.getOperands().drop_front(first))
      if (!gfs::nn::constantValue(parameter))
        return op.emitError("has weights or statistics that the network computes; make them "
                            "initialisers of the model");
    return success();
  }

  static LogicalResult checkFinite(gfs::nn::ConstantOp constant) {
    auto infinite = [](float value) { return !std::isfinite(value); };
    std::optional<float> splat = gfs::nn::splatValue(constant.getValue());
    if (splat ? infinite(*splat)
              : llvm::any_of(gfs::nn::ConstantData(constant.getValue()).values(), infinite))
      return constant.emitError("holds a NaN or an infinity; train or export the model again");
    return success();
  }

  static LogicalResult checkResults(func::ReturnOp exit) {
    auto function = cast<func::FuncOp>(exit->getParentOp());
    for (OpOperand &result : exit->getOpOperands())
      if (gfs::nn::constantValue(result.get())) {
        unsigned index = result.getOperandNumber();
        auto name = function.getResultAttrOfType<StringAttr>(index, gfs::nn::nameAttr);
        return exit.emitError() << "output '" << (name ? name.str() : std::to_string(index))
                                << "' does not depend on the input; remove it from the model";
      }
    return success();
  }

  static LogicalResult checkOp(Operation &op) {
    if (auto exit = dyn_cast<func::ReturnOp>(op))
      return checkResults(exit);
    if (op.getDialect() != op.getContext()->getLoadedDialect<gfs::nn::NnDialect>())
      return op.emitError("is no operation of the nn dialect");
    if (auto constant = dyn_cast<gfs::nn::ConstantOp>(op))
      return checkFinite(constant);
    if (llvm::all_of(op.getOperands(), gfs::nn::constantValue))
      return op.emitError("does not depend on the input; store its result in the model, or remove "
                          "the output that it belongs to");
    if (isa<gfs::nn::Conv2dOp, gfs::nn::LinearOp, gfs::nn::BatchNormOp, gfs::nn::MixedActivationOp>(
            op))
      return checkConstants(op, 1);
    if (gfs::nn::isPostProcess(&op))
      for (Operation *user : op.getUsers())
        if (!isa<func::ReturnOp>(user))
          return op.emitError("is followed by more operations; the client can only apply it to an "
                              "output: cut the model there");
    return success();
  }
};

} // namespace
