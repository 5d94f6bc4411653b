// SPDX-License-Identifier: Apache-2.0
// Verifiers of the fixed dialect's operations; ids such as relu_c1 are explained in FixedOps.td.
#include "dialects/fixed/FixedDialect.h"
#include "dialects/fixed/FixedShapes.h"
#include "runtime/plan/Limits.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

#define GET_OP_CLASSES
#include "dialects/fixed/FixedOps.cpp.inc"

using namespace mlir;

namespace gfs::fixed {

/// The largest `high` of a sign window: two bits below the widest ring.
static constexpr int64_t maxWindowHigh = 62;

static LogicalResult verifyScale(Operation *op, StringRef rule, Value value, int64_t expected) {
  int32_t scale = cast<TensorType>(value.getType()).getScale();
  if (scale != expected)
    return op->emitOpError() << "expects scale " << expected << " of "
                             << (isa<OpResult>(value) && value.getDefiningOp() == op ? "the result"
                                                                                     : "the bias")
                             << ", got " << scale << " (" << rule << ")";
  return success();
}

static LogicalResult verifyShape(Operation *op, StringRef rule, TensorType type,
                                 ArrayRef<int64_t> expected) {
  if (type.getShape() != expected)
    return op->emitOpError() << "expects shape " << printShape(expected) << ", got "
                             << printShape(type.getShape()) << " (" << rule << ")";
  return success();
}

static LogicalResult verifyWindow(Operation *op, StringRef rule, uint64_t low, uint64_t high) {
  if (low >= high || high > maxWindowHigh)
    return op->emitOpError() << "expects low < high <= " << maxWindowHigh << ", got window [" << low
                             << ", " << high << ") (" << rule << ")";
  return success();
}

LogicalResult WeightOp::verify() {
  // weight_c1
  ElementsAttr value = getValue();
  Type element = value.getElementType();
  if (!isa<DenseIntElementsAttr, DenseI32ResourceElementsAttr, DenseI64ResourceElementsAttr>(
          value) ||
      !(element.isSignlessInteger(32) || element.isSignlessInteger(64)))
    return emitOpError() << "expects a dense value with i32 or i64 elements (weight_c1)";
  // weight_c2
  return verifyShape(*this, "weight_c2", getResult().getType(), value.getShapedType().getShape());
}

LogicalResult Conv2dOp::verify() {
  TensorType input = getInput().getType(), weight = getWeight().getType(),
             result = getResult().getType();
  // conv2d_c1
  if (weight.getRank() != 4)
    return emitOpError() << "expects a weight with four axes, got " << printShape(weight.getShape())
                         << " (conv2d_c1)";
  ArrayRef<int64_t> filter = weight.getShape();
  int64_t groups = static_cast<int64_t>(getGroups());
  if (filter[0] % groups != 0 || input.getRank() != 4 || filter[1] * groups != input.getShape()[1])
    return emitOpError() << "expects " << groups << " groups to divide " << filter[0]
                         << " output channels and the operand to have " << filter[1] * groups
                         << " channels (conv2d_c1)";
  WindowGeometry geometry{filter.drop_front(2), getStrides(), getDilations(), getPads()};
  if (failed(verifyWindowShape(*this, "conv2d_c1", geometry, input.getShape(), result.getShape(),
                               filter[0])))
    return failure();
  // conv2d_c2
  if (failed(verifyScale(*this, "conv2d_c2", getResult(),
                         int64_t(input.getScale()) + weight.getScale())))
    return failure();
  // conv2d_c3
  if (!getBias())
    return success();
  if (failed(verifyShape(*this, "conv2d_c3", getBias().getType(), {filter[0]})))
    return failure();
  return verifyScale(*this, "conv2d_c3", getBias(), result.getScale());
}

LogicalResult LinearOp::verify() {
  TensorType input = getInput().getType(), weight = getWeight().getType(),
             result = getResult().getType();
  // linear_c1
  if (input.getRank() != 2 || weight.getRank() != 2 || input.getShape()[1] != weight.getShape()[1])
    return emitOpError() << "expects operands [M, K] and [N, K], got "
                         << printShape(input.getShape()) << " and " << printShape(weight.getShape())
                         << " (linear_c1)";
  int64_t columns = weight.getShape()[0];
  if (failed(verifyShape(*this, "linear_c1", result, {input.getShape()[0], columns})))
    return failure();
  // linear_c2
  if (failed(verifyScale(*this, "linear_c2", getResult(),
                         int64_t(input.getScale()) + weight.getScale())))
    return failure();
  // linear_c3
  if (!getBias())
    return success();
  if (failed(verifyShape(*this, "linear_c3", getBias().getType(), {columns})))
    return failure();
  return verifyScale(*this, "linear_c3", getBias(), result.getScale());
}

LogicalResult ReluOp::verify() {
  TensorType input = getInput().getType();
  if (failed(verifyWindow(*this, "relu_c1", getLow(), getHigh())) ||
      failed(verifyShape(*this, "relu_c2", getResult().getType(), input.getShape())))
    return failure();
  return verifyScale(*this, "relu_c2", getResult(),
                     input.getScale() - static_cast<int64_t>(getShift()));
}

/// Ascending thresholds, not too many, of less than 63 bits, and three coefficients for each piece.
static LogicalResult verifyPieces(SplineOp op) {
  constexpr int64_t limit = int64_t(1) << 62;
  ArrayRef<int64_t> thresholds = op.getThresholds();
  if (thresholds.empty() || thresholds.size() > gfs::plan::maxThresholds)
    return op.emitOpError() << "expects 1 to " << gfs::plan::maxThresholds << " thresholds, got "
                            << thresholds.size() << " (spline_c2)";
  for (auto [i, threshold] : llvm::enumerate(thresholds))
    if (threshold <= -limit || threshold >= limit || (i > 0 && threshold <= thresholds[i - 1]))
      return op.emitOpError() << "expects thresholds that ascend within 62 bits, got " << threshold
                              << " (spline_c2)";
  if (op.getPieces().size() != 3 * (thresholds.size() + 1))
    return op.emitOpError() << "expects " << 3 * (thresholds.size() + 1) << " coefficients of "
                            << thresholds.size() + 1 << " pieces, got " << op.getPieces().size()
                            << " (spline_c3)";
  return success();
}

LogicalResult SplineOp::verify() {
  if (failed(verifyWindow(*this, "spline_c1", getLow(), getHigh())) || failed(verifyPieces(*this)))
    return failure();
  return verifyShape(*this, "spline_c4", getResult().getType(), getInput().getType().getShape());
}

LogicalResult TruncateOp::verify() {
  TensorType input = getInput().getType();
  if (failed(verifyShape(*this, "truncate_c1", getResult().getType(), input.getShape())))
    return failure();
  return verifyScale(*this, "truncate_c1", getResult(),
                     input.getScale() - static_cast<int64_t>(getShift()));
}

LogicalResult SquareOp::verify() {
  TensorType input = getInput().getType();
  if (failed(verifyShape(*this, "square_c1", getResult().getType(), input.getShape())))
    return failure();
  return verifyScale(*this, "square_c1", getResult(),
                     2 * (input.getScale() - static_cast<int64_t>(getShift())));
}

LogicalResult MulOp::verify() {
  TensorType lhs = getLhs().getType(), rhs = getRhs().getType();
  if (failed(verifyShape(*this, "mul_c1", rhs, lhs.getShape())) ||
      failed(verifyShape(*this, "mul_c1", getResult().getType(), lhs.getShape())))
    return failure();
  return verifyScale(*this, "mul_c1", getResult(), int64_t(lhs.getScale()) + rhs.getScale());
}

LogicalResult MatMulOp::verify() {
  TensorType lhs = getLhs().getType(), rhs = getRhs().getType();
  ArrayRef<int64_t> left = lhs.getShape(), right = rhs.getShape();
  if (left.size() != 3 || right.size() != 3 || left[0] != right[0] || left[2] != right[1])
    return emitOpError("expects operands [G, M, K] and [G, K, N] (mat_mul_c1)");
  if (failed(verifyShape(*this, "mat_mul_c1", getResult().getType(), {left[0], left[1], right[2]})))
    return failure();
  return verifyScale(*this, "mat_mul_c1", getResult(), int64_t(lhs.getScale()) + rhs.getScale());
}

LogicalResult MaxPool2dOp::verify() {
  TensorType input = getInput().getType(), result = getResult().getType();
  WindowGeometry geometry{getKernel(), getStrides(), getDilations(), getPads()};
  int64_t channels = input.getRank() > 1 ? input.getShape()[1] : 1;
  if (failed(verifyWindowShape(*this, "max_pool2d_c1", geometry, input.getShape(),
                               result.getShape(), channels)) ||
      failed(verifyWindow(*this, "max_pool2d_c2", getLow(), getHigh())) ||
      failed(verifyScale(*this, "max_pool2d_c3", getResult(), input.getScale())))
    return failure();
  // max_pool2d_c4: output o covers rows o * stride - pad + k * dilation, k < kernel; one of them
  // must be in the image.
  for (unsigned axis = 0; axis < 2; ++axis) {
    for (int64_t o = 0; o < result.getShape()[2 + axis]; ++o) {
      bool covered = false;
      for (int64_t k = 0; k < getKernel()[axis] && !covered; ++k) {
        int64_t position = o * getStrides()[axis] - getPads()[axis] + k * getDilations()[axis];
        covered = position >= 0 && position < input.getShape()[2 + axis];
      }
      if (!covered)
        return emitOpError() << "expects every window to cover the image, got output " << o
                             << " in the padding alone (max_pool2d_c4)";
    }
  }
  return success();
}

LogicalResult SumPool2dOp::verify() {
  TensorType input = getInput().getType(), result = getResult().getType();
  WindowGeometry geometry{getKernel(), getStrides(), getDilations(), getPads()};
  int64_t channels = input.getRank() > 1 ? input.getShape()[1] : 1;
  if (failed(verifyWindowShape(*this, "sum_pool2d_c1", geometry, input.getShape(),
                               result.getShape(), channels)))
    return failure();
  if (result.getScale() < input.getScale())
    return emitOpError() << "expects a result scale of at least " << input.getScale() << ", got "
                         << result.getScale() << " (sum_pool2d_c2)";
  return success();
}

LogicalResult AddWeightOp::verify() {
  if (!getWeight().getDefiningOp<WeightOp>())
    return emitOpError() << "expects the result of fixed.weight as second operand (add_weight_c1)";
  return success();
}

LogicalResult RescaleOp::verify() {
  if (failed(
          verifyShape(*this, "rescale_c1", getResult().getType(), getInput().getType().getShape())))
    return failure();
  if (static_cast<int64_t>(getFactor()) == 0)
    return emitOpError() << "expects a factor other than zero (rescale_c2)";
  return success();
}

LogicalResult ReshapeOp::verify() {
  TensorType input = getInput().getType(), result = getResult().getType();
  if (input.getNumElements() != result.getNumElements())
    return emitOpError() << "expects " << input.getNumElements() << " elements, got "
                         << result.getNumElements() << " (reshape_c1)";
  return verifyScale(*this, "reshape_c1", getResult(), input.getScale());
}

LogicalResult TransposeOp::verify() {
  TensorType input = getInput().getType();
  ArrayRef<int64_t> permutation = getPermutation();
  SmallVector<int64_t> shape;
  SmallVector<bool> seen(input.getRank(), false);
  bool valid = permutation.size() == input.getRank();
  for (int64_t axis : permutation) {
    valid = valid && axis >= 0 && axis < int64_t(input.getRank()) && !seen[axis];
    if (!valid)
      break;
    seen[axis] = true;
    shape.push_back(input.getShape()[axis]);
  }
  if (!valid)
    return emitOpError() << "expects a permutation of " << input.getRank()
                         << " axes (transpose_c1)";
  if (failed(verifyShape(*this, "transpose_c2", getResult().getType(), shape)))
    return failure();
  return verifyScale(*this, "transpose_c2", getResult(), input.getScale());
}

LogicalResult ConcatOp::verify() {
  TensorType result = getResult().getType();
  size_t axis = getAxis();
  if (getInputs().empty() || axis >= result.getRank())
    return emitOpError() << "expects operands and an axis below " << result.getRank()
                         << " (concat_c1)";
  SmallVector<int64_t> shape(result.getShape());
  shape[axis] = 0;
  for (Value input : getInputs()) {
    auto type = cast<TensorType>(input.getType());
    if (type.getRank() != result.getRank())
      return emitOpError() << "expects operands with " << result.getRank() << " axes, got "
                           << printShape(type.getShape()) << " (concat_c1)";
    SmallVector<int64_t> expected(result.getShape());
    expected[axis] = type.getShape()[axis];
    if (failed(verifyShape(*this, "concat_c1", type, expected)))
      return failure();
    shape[axis] += type.getShape()[axis];
    if (type.getScale() != result.getScale())
      return emitOpError() << "expects operands of scale " << result.getScale() << ", got "
                           << type.getScale() << " (concat_c2)";
  }
  return verifyShape(*this, "concat_c1", result, shape);
}

LogicalResult TakeOp::verify() {
  TensorType input = getInput().getType();
  size_t axis = getAxis();
  if (axis >= input.getRank())
    return emitOpError() << "expects an axis below " << input.getRank() << ", got " << axis
                         << " (take_c1)";
  for (int64_t position : getIndices())
    if (position < -1 || position >= input.getShape()[axis])
      return emitOpError() << "expects indices in -1.." << input.getShape()[axis] - 1 << ", got "
                           << position << " (take_c1)";
  SmallVector<int64_t> shape(input.getShape());
  shape[axis] = static_cast<int64_t>(getIndices().size());
  if (failed(verifyShape(*this, "take_c2", getResult().getType(), shape)))
    return failure();
  return verifyScale(*this, "take_c2", getResult(), input.getScale());
}

} // namespace gfs::fixed
