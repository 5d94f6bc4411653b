// SPDX-License-Identifier: Apache-2.0
// nn-fold-constants: arithmetic among constants.
#include "dialects/nn/NnConstants.h"
#include "dialects/nn/NnShapes.h"
#include "passes/nn/Passes.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace gfs::nn {
#define GEN_PASS_DEF_NNFOLDCONSTANTS
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;

namespace {

constexpr int64_t largestNewConstant = int64_t(1) << 24;

/// The operand's element that goes into element `i` of the broadcast result.
size_t sourceIndex(size_t i, ArrayRef<int64_t> operand, ArrayRef<int64_t> result) {
  size_t source = 0, stride = 1;
  for (size_t back = 1; back <= result.size(); ++back) {
    auto extent = static_cast<size_t>(result[result.size() - back]);
    size_t position = i % extent;
    i /= extent;
    if (back > operand.size())
      break;
    auto own = static_cast<size_t>(operand[operand.size() - back]);
    source += own == 1 ? 0 : position * stride;
    stride *= own;
  }
  return source;
}

template <class Op, class Combine>
LogicalResult fold(Op op, PatternRewriter &rewriter, Combine combine) {
  ElementsAttr lhs = gfs::nn::constantValue(op.getLhs()), rhs = gfs::nn::constantValue(op.getRhs());
  if (!lhs || !rhs)
    return rewriter.notifyMatchFailure(op, "an operand is no constant");
  auto shape = op.getResult().getType().getShape();
  int64_t count = gfs::nn::elementCount(shape);
  if (count > largestNewConstant && count > std::max(lhs.getNumElements(), rhs.getNumElements()))
    return rewriter.notifyMatchFailure(op, "the constant would be too large");
  gfs::nn::ConstantData a(lhs), b(rhs);
  auto shapeOf = [](Value v) { return cast<RankedTensorType>(v.getType()).getShape(); };
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = combine(a[sourceIndex(i, shapeOf(op.getLhs()), shape)],
                        b[sourceIndex(i, shapeOf(op.getRhs()), shape)]);
  ElementsAttr value =
      gfs::nn::makeConstant(op.getContext(), shape, std::move(values), gfs::nn::layerName(op));
  rewriter.replaceOpWithNewOp<gfs::nn::ConstantOp>(op, value);
  return success();
}

template <class Op, class Combine> struct FoldArithmetic : OpRewritePattern<Op> {
  FoldArithmetic(MLIRContext *context, Pass::Statistic &folded)
      : OpRewritePattern<Op>(context), folded(folded) {}
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    if (failed(fold(op, rewriter, Combine())))
      return failure();
    ++folded;
    return success();
  }
  Pass::Statistic &folded;
};

struct FoldConstants : gfs::nn::impl::NnFoldConstantsBase<FoldConstants> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldArithmetic<gfs::nn::AddOp, std::plus<float>>,
                 FoldArithmetic<gfs::nn::SubOp, std::minus<float>>,
                 FoldArithmetic<gfs::nn::MulOp, std::multiplies<float>>>(&getContext(), numFolded);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
