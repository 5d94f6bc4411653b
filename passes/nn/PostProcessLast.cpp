// SPDX-License-Identifier: Apache-2.0
// nn-post-process-last: what the client computes of an output commutes with a transpose behind it,
//
//   transpose(f(x)) = f(transpose(x)), along the axis that f's becomes,
//
// and comes last then. A transpose of shares costs nothing.
#include "dialects/nn/NnConstants.h"
#include "dialects/nn/NnDialect.h"
#include "passes/nn/Passes.h"

#include "mlir/IR/PatternMatch.h"

namespace gfs::nn {
#define GEN_PASS_DEF_NNPOSTPROCESSLAST
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;
using namespace gfs::nn;

namespace {

constexpr StringLiteral axisAttr = "axis";

/// What the client computes, if nothing but this transpose uses it and that is only returned; else
/// null.
Operation *postProcessBefore(TransposeOp transpose) {
  Operation *made = transpose.getInput().getDefiningOp();
  return made && isPostProcess(made) && made->hasOneUse() &&
                 llvm::all_of(transpose->getUsers(), llvm::IsaPred<func::ReturnOp>)
             ? made
             : nullptr;
}

/// The permutation and the axis for f's operand, of which f's result may lack the axis.
std::pair<SmallVector<int64_t>, int64_t> ofOperand(ArrayRef<int64_t> permutation, int64_t axis,
                                                   bool axisIsLost) {
  SmallVector<int64_t> moved(permutation);
  if (!axisIsLost)
    return {moved, llvm::find(moved, axis) - moved.begin()};
  for (int64_t &from : moved)
    from += from >= axis ? 1 : 0;
  moved.push_back(axis);
  return {moved, static_cast<int64_t>(moved.size()) - 1};
}

void exchange(IRRewriter &rewriter, Operation *post, TransposeOp transpose) {
  Value operand = post->getOperand(0);
  ArrayRef<int64_t> shape = cast<RankedTensorType>(operand.getType()).getShape();
  auto [permutation, axis] =
      ofOperand(transpose.getPermutation(), post->getAttrOfType<IntegerAttr>(axisAttr).getInt(),
                transpose.getPermutation().size() < shape.size());
  SmallVector<int64_t> moved;
  for (int64_t from : permutation)
    moved.push_back(shape[static_cast<size_t>(from)]);
  rewriter.setInsertionPointAfter(transpose);
  Value before =
      TransposeOp::create(rewriter, transpose.getLoc(), tensorType(rewriter.getContext(), moved),
                          operand, ArrayRef<int64_t>(permutation));
  Operation *last = rewriter.clone(*post);
  last->setOperand(0, before);
  last->setAttr(axisAttr, rewriter.getI64IntegerAttr(axis));
  last->getResult(0).setType(transpose.getType());
  rewriter.replaceOp(transpose, last);
  rewriter.eraseOp(post);
}

struct PostProcessLast : gfs::nn::impl::NnPostProcessLastBase<PostProcessLast> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    for (TransposeOp transpose : llvm::to_vector(getOperation().getOps<TransposeOp>()))
      if (Operation *post = postProcessBefore(transpose)) {
        exchange(rewriter, post, transpose);
        ++numMoved;
      }
  }
};

} // namespace
