// SPDX-License-Identifier: Apache-2.0
// Verifiers: each looks at its own operation only; whole-program rules are in secure-verify-masks.
#include "dialects/secure/SecureDialect.h"
#include "runtime/plan/Limits.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace gfs::secure;

#define GET_OP_CLASSES
#include "dialects/secure/SecureOps.cpp.inc"

static LogicalResult expectShape(Operation *op, Type type, ArrayRef<int64_t> shape) {
  if (shapeOf(type) == shape)
    return success();
  auto error = op->emitOpError("expects shape ");
  llvm::interleave(shape, error, "x");
  return error << ", got " << type;
}

static LogicalResult expectScale(Operation *op, Type type, int64_t scale) {
  if (scaleOf(type) == scale)
    return success();
  return op->emitOpError("expects scale ") << scale << ", got " << type;
}

/// A gate or local step that changes the scale only, from `from` to `to` = scale.
static LogicalResult expectSameShape(Operation *op, Type from, Type to, int64_t scale) {
  return success(succeeded(expectShape(op, to, shapeOf(from))) &&
                 succeeded(expectScale(op, to, scale)));
}

static LogicalResult expectSameKind(Operation *op, Type from, Type to) {
  if (from.getTypeID() == to.getTypeID())
    return success();
  return op->emitOpError("expects operands and result of one kind, got ") << from << " and " << to;
}

static LogicalResult expectShift(Operation *op, int64_t shift) {
  if (shift >= 0 && shift < 64)
    return success();
  return op->emitOpError("expects a shift in [0, 64), got ") << shift;
}

LogicalResult WeightOp::verify() {
  auto type = getValue().getShapedType();
  if (!type.getElementType().isInteger(64) && !type.getElementType().isInteger(32))
    return emitOpError("expects integers of 32 or 64 bits, got ") << type.getElementType();
  return expectShape(*this, getType(), type.getShape());
}

LogicalResult OpenOp::verify() {
  if (getExchange() && getExchange()->size() != 1)
    return emitOpError("sends one message, but lists ") << getExchange()->size() << " exchanges";
  if (static_cast<int64_t>(getDropped()) < 0 || getDropped() >= 64)
    return emitOpError("expects to drop 0 to 63 bits, got ") << static_cast<int64_t>(getDropped());
  return expectSameShape(*this, getOperand().getType(), getType(), scaleOf(getOperand().getType()));
}

LogicalResult UnmaskOp::verify() {
  return expectSameShape(*this, getOperand().getType(), getType(), scaleOf(getOperand().getType()));
}

/// A comparison gate's shift, and an exchange for each message. Whether the window fits the ring is
/// for secure-verify-masks: an operation does not know the ring.
template <class Op> static LogicalResult verifyComparison(Op op) {
  if (failed(expectShift(op, op.getShift())))
    return failure();
  if (op.getExchange() && op.getExchange()->size() != messageCount(op))
    return op.emitOpError("sends ") << messageCount(op) << " messages, but lists "
                                    << op.getExchange()->size() << " exchanges";
  return success();
}

LogicalResult ReluOp::verify() {
  if (failed(verifyComparison(*this)))
    return failure();
  return expectSameShape(*this, getOperand().getType(), getType(),
                         scaleOf(getOperand().getType()) - static_cast<int64_t>(getShift()));
}

LogicalResult SplineOp::verify() {
  ArrayRef<int64_t> thresholds = getThresholds();
  if (failed(verifyComparison(*this)))
    return failure();
  if (thresholds.empty() || thresholds.size() > gfs::plan::maxThresholds)
    return emitOpError("expects 1 to ")
           << gfs::plan::maxThresholds << " thresholds, got " << thresholds.size();
  if (llvm::adjacent_find(thresholds, std::greater_equal<>()) != thresholds.end())
    return emitOpError("expects thresholds that ascend");
  if (getPieces().size() != 3 * (thresholds.size() + 1))
    return emitOpError("expects ")
           << 3 * (thresholds.size() + 1) << " coefficients, got " << getPieces().size();
  return expectShape(*this, getType(), shapeOf(getOperand().getType()));
}

LogicalResult TruncateOp::verify() {
  if (failed(expectShift(*this, getShift())))
    return failure();
  return expectSameShape(*this, getOperand().getType(), getType(),
                         scaleOf(getOperand().getType()) - static_cast<int64_t>(getShift()));
}

LogicalResult SquareOp::verify() {
  if (failed(expectShift(*this, getShift())))
    return failure();
  return expectSameShape(*this, getOperand().getType(), getType(),
                         2 * (scaleOf(getOperand().getType()) - static_cast<int64_t>(getShift())));
}

LogicalResult MultiplyOp::verify() {
  if (failed(expectShape(*this, getRhs().getType(), shapeOf(getLhs().getType()))))
    return failure();
  return expectSameShape(*this, getLhs().getType(), getType(),
                         scaleOf(getLhs().getType()) + scaleOf(getRhs().getType()));
}

LogicalResult MatMulOp::verify() {
  ArrayRef<int64_t> left = shapeOf(getLhs().getType()), right = shapeOf(getRhs().getType());
  if (left.size() != 3 || right.size() != 3 || left[0] != right[0] || left[2] != right[1])
    return emitOpError("expects operands [G, M, K] and [G, K, N], got ")
           << getLhs().getType() << " and " << getRhs().getType();
  if (failed(expectShape(*this, getType(), {left[0], left[1], right[2]})))
    return failure();
  return expectScale(*this, getType(), scaleOf(getLhs().getType()) + scaleOf(getRhs().getType()));
}

LogicalResult AddWeightOp::verify() {
  if (failed(expectScale(*this, getWeight().getType(), scaleOf(getOperand().getType()))))
    return failure();
  if (elementsOf(getWeight().getType()) != elementsOf(getOperand().getType()))
    return emitOpError("expects a weight for each element, got ") << getWeight().getType();
  return expectSameShape(*this, getOperand().getType(), getType(), scaleOf(getOperand().getType()));
}

/// Bias and result of a linear map with `channels` outputs: scales add, one bias a channel.
static LogicalResult verifyProduct(Operation *op, Type operand, Type weight, Value bias,
                                   Type result, int64_t channels) {
  int64_t scale = scaleOf(operand) + scaleOf(weight);
  if (bias && (failed(expectShape(op, bias.getType(), {channels})) ||
               failed(expectScale(op, bias.getType(), scale))))
    return failure();
  return expectScale(op, result, scale);
}

LogicalResult LinearMapOp::verify() {
  auto operand = shapeOf(getOperand().getType()), weight = shapeOf(getWeight().getType());
  if (operand.size() != 2 || weight.size() != 2 || operand[1] != weight[1])
    return emitOpError("expects [M][K] and [N][K], got ")
           << getOperand().getType() << " and " << getWeight().getType();
  if (failed(expectShape(*this, getType(), {operand[0], weight[0]})))
    return failure();
  return verifyProduct(*this, getOperand().getType(), getWeight().getType(), getBias(), getType(),
                       weight[0]);
}

/// Output extent of a window that slides over an axis, or -1 if the attributes make no sense.
static int64_t slidingExtent(int64_t in, int64_t kernel, int64_t stride, int64_t dilation,
                             int64_t padLow, int64_t padHigh) {
  constexpr int64_t bound = int64_t(1) << 31;
  for (int64_t x : {in, kernel, stride, dilation})
    if (x < 1 || x > bound)
      return -1;
  if (padLow < 0 || padHigh < 0 || padLow > bound || padHigh > bound || kernel > bound / dilation)
    return -1;
  int64_t span = in + padLow + padHigh - ((kernel - 1) * dilation + 1);
  return span < 0 ? -1 : span / stride + 1;
}

static LogicalResult verifyWindows(Operation *op, Type operand, ArrayRef<int64_t> kernel,
                                   ArrayRef<int64_t> strides, ArrayRef<int64_t> dilations,
                                   ArrayRef<int64_t> pads, int64_t channels, Type result) {
  auto in = shapeOf(operand);
  if (in.size() != 4 || kernel.size() != 2 || strides.size() != 2 || dilations.size() != 2 ||
      pads.size() != 4)
    return op->emitOpError(
        "expects an NCHW operand, two kernel extents, strides and dilations, and four pads");
  int64_t height = slidingExtent(in[2], kernel[0], strides[0], dilations[0], pads[0], pads[2]);
  int64_t width = slidingExtent(in[3], kernel[1], strides[1], dilations[1], pads[1], pads[3]);
  if (height < 1 || width < 1)
    return op->emitOpError("expects windows that fit the padded image");
  return expectShape(op, result, {in[0], channels, height, width});
}

LogicalResult Conv2dOp::verify() {
  auto operand = shapeOf(getOperand().getType()), weight = shapeOf(getWeight().getType());
  auto groups = static_cast<int64_t>(getGroups());
  if (operand.size() != 4 || weight.size() != 4)
    return emitOpError("expects NCHW and [O][I/groups][kh][kw], got ")
           << getOperand().getType() << " and " << getWeight().getType();
  if (groups < 1 || operand[1] % groups || weight[0] % groups || weight[1] != operand[1] / groups)
    return emitOpError("expects channels that divide into ") << groups << " groups";
  if (failed(verifyWindows(*this, getOperand().getType(), weight.drop_front(2), getStrides(),
                           getDilations(), getPads(), weight[0], getType())))
    return failure();
  return verifyProduct(*this, getOperand().getType(), getWeight().getType(), getBias(), getType(),
                       weight[0]);
}

LogicalResult SumPoolOp::verify() {
  Type operand = getOperand().getType();
  if (failed(expectSameKind(*this, operand, getType())))
    return failure();
  if (scaleOf(getType()) < scaleOf(operand))
    return emitOpError("expects a scale of at least ") << scaleOf(operand) << ", got " << getType();
  return verifyWindows(*this, operand, getKernel(), getStrides(), getDilations(), getPads(),
                       shapeOf(operand).size() == 4 ? shapeOf(operand)[1] : 0, getType());
}

LogicalResult ScaleOp::verify() {
  if (failed(expectSameKind(*this, getOperand().getType(), getType())))
    return failure();
  return expectShape(*this, getType(), shapeOf(getOperand().getType()));
}

LogicalResult ReshapeOp::verify() {
  Type from = getOperand().getType();
  if (failed(expectSameKind(*this, from, getType())))
    return failure();
  if (elementsOf(from) != elementsOf(getType()))
    return emitOpError("expects ") << elementsOf(from) << " elements, got " << getType();
  return success();
}

LogicalResult TakeOp::verify() {
  Type from = getOperand().getType();
  auto axis = static_cast<int64_t>(getAxis());
  SmallVector<int64_t> shape(shapeOf(from));
  if (failed(expectSameKind(*this, from, getType())))
    return failure();
  if (axis < 0 || axis >= static_cast<int64_t>(shape.size()))
    return emitOpError("expects an axis of the operand, got ") << axis;
  for (int64_t index : getIndices())
    if (index < -1 || index >= shape[axis])
      return emitOpError("expects indices in [-1, ") << shape[axis] << "), got " << index;
  shape[axis] = static_cast<int64_t>(getIndices().size());
  return expectSameShape(*this, withShapeAndScale(from, shape, scaleOf(from)), getType(),
                         scaleOf(from));
}

LogicalResult TransposeOp::verify() {
  Type from = getOperand().getType();
  auto shape = shapeOf(from);
  if (failed(expectSameKind(*this, from, getType())))
    return failure();
  SmallVector<int64_t> expected;
  llvm::SmallBitVector seen(static_cast<unsigned>(shape.size()));
  for (int64_t axis : getPermutation()) {
    if (axis < 0 || axis >= static_cast<int64_t>(shape.size()) ||
        seen.test(static_cast<unsigned>(axis)))
      return emitOpError("expects a permutation of the operand's axes");
    seen.set(static_cast<unsigned>(axis));
    expected.push_back(shape[axis]);
  }
  if (!seen.all())
    return emitOpError("expects a permutation of the operand's axes");
  if (failed(expectShape(*this, getType(), expected)))
    return failure();
  return expectScale(*this, getType(), scaleOf(from));
}

LogicalResult ConcatOp::verify() {
  if (getOperands().empty())
    return emitOpError("expects at least one operand");
  Type first = getOperands().front().getType();
  auto axis = static_cast<int64_t>(getAxis());
  SmallVector<int64_t> shape(shapeOf(first));
  if (axis < 0 || axis >= static_cast<int64_t>(shape.size()))
    return emitOpError("expects an axis of the operands, got ") << axis;
  shape[axis] = 0;
  for (Value operand : getOperands()) {
    SmallVector<int64_t> part(shapeOf(operand.getType()));
    if (failed(expectSameKind(*this, operand.getType(), getType())) ||
        failed(expectScale(*this, operand.getType(), scaleOf(getType()))))
      return failure();
    if (part.size() != shape.size())
      return emitOpError("expects operands of one rank, got ") << operand.getType();
    int64_t extent = std::exchange(part[axis], shape[axis]);
    if (part != shape)
      return emitOpError("expects operands that agree outside axis ")
             << axis << ", got " << operand.getType();
    shape[axis] += extent;
  }
  return expectShape(*this, getType(), shape);
}
