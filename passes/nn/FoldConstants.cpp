// SPDX-License-Identifier: Apache-2.0
// nn-fold-constants: what can be computed from constants alone.
#include "dialects/nn/NnConstants.h"
#include "dialects/nn/NnFolds.h"
#include "passes/nn/Passes.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace gfs::nn {
#define GEN_PASS_DEF_NNFOLDCONSTANTS
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;

namespace {

constexpr int64_t largestNewConstant = int64_t(1) << 24;

struct FoldOperation : RewritePattern {
  FoldOperation(MLIRContext *context, Pass::Statistic &folded)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context), folded(folded) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (op->getNumOperands() == 0 || op->getNumResults() != 1 ||
        !llvm::all_of(op->getOperands(), gfs::nn::constantValue))
      return rewriter.notifyMatchFailure(op, "an operand is no constant");
    int64_t largest = largestNewConstant;
    for (Value operand : op->getOperands())
      largest = std::max(largest, cast<ShapedType>(operand.getType()).getNumElements());
    if (cast<ShapedType>(op->getResult(0).getType()).getNumElements() > largest)
      return rewriter.notifyMatchFailure(op, "the constant would be too large");
    ElementsAttr value = gfs::nn::foldConstants(op);
    if (!value)
      return rewriter.notifyMatchFailure(op, "not an operation that folds");
    rewriter.replaceOpWithNewOp<gfs::nn::ConstantOp>(op, value);
    ++folded;
    return success();
  }
  Pass::Statistic &folded;
};

struct FoldConstants : gfs::nn::impl::NnFoldConstantsBase<FoldConstants> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldOperation>(&getContext(), numFolded);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
