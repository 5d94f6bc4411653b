// SPDX-License-Identifier: Apache-2.0
// Verifiers of the nn dialect's operations; ids such as conv2d_c1 are explained in NnOps.td.
#include "dialects/nn/NnDialect.h"
#include "dialects/nn/NnShapes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectResourceBlobManager.h"

#include <cmath>

#define GET_OP_CLASSES
#include "dialects/nn/NnOps.cpp.inc"

using namespace mlir;

namespace gfs::nn {

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

static LogicalResult verifyShape(Operation *op, StringRef rule, Value value, StringRef what,
                                 ArrayRef<int64_t> expected) {
  if (shapeOf(value) != expected)
    return op->emitOpError() << "expects " << what << " of shape " << printShape(expected)
                             << ", got " << printShape(shapeOf(value)) << " (" << rule << ")";
  return success();
}

/// Result [input[0], channels, H', W'], H' and W' following from the geometry.
static LogicalResult verifyWindow(Operation *op, StringRef rule, const WindowGeometry &geometry,
                                  Value input, Value result, int64_t channels) {
  ArrayRef<int64_t> shape = shapeOf(input);
  if (shape.size() != 4)
    return op->emitOpError() << "expects an operand with four axes, got " << printShape(shape)
                             << " (" << rule << ")";
  if (!geometry.isValid())
    return op->emitOpError() << "expects two positive kernel extents, strides and dilations and "
                                "four pads that are not negative ("
                             << rule << ")";
  int64_t expected[4] = {shape[0], channels, 0, 0};
  for (unsigned axis = 0; axis < 2; ++axis) {
    expected[2 + axis] = geometry.positions(axis, shape[2 + axis]);
    if (expected[2 + axis] == 0)
      return op->emitOpError() << "expects a window of " << geometry.span(axis)
                               << " to fit into the padded extent "
                               << shape[2 + axis] + geometry.pads[axis] + geometry.pads[2 + axis]
                               << " (" << rule << ")";
  }
  return verifyShape(op, rule, result, "a result", expected);
}

static LogicalResult verifyCovers(Operation *op, StringRef rule, const WindowGeometry &geometry,
                                  Value input) {
  for (unsigned axis = 0; axis < 2; ++axis)
    if (geometry.fewestTaps(axis, shapeOf(input)[2 + axis]) == 0)
      return op->emitOpError() << "expects every window to cover the image, got one in the padding "
                                  "alone ("
                               << rule << ")";
  return success();
}

LogicalResult ConstantOp::verify() {
  // constant_c1
  if (isa<DenseElementsAttr>(getValue()))
    return success();
  auto resource = dyn_cast<DenseF32ResourceElementsAttr>(getValue());
  if (!resource)
    return emitOpError() << "expects a dense value (constant_c1)";
  // A resource printed without its data has none.
  const AsmResourceBlob *blob = resource.getRawHandle().getBlob();
  size_t expected = static_cast<size_t>(resource.getNumElements()) * sizeof(float);
  if (blob && blob->getData().size() != expected)
    return emitOpError() << "expects a resource of " << expected << " bytes, got "
                         << blob->getData().size() << " (constant_c1)";
  return success();
}

LogicalResult Conv2dOp::verify() {
  ArrayRef<int64_t> filter = shapeOf(getWeight()), input = shapeOf(getInput());
  // conv2d_c1
  if (filter.size() != 4)
    return emitOpError() << "expects a weight with four axes, got " << printShape(filter)
                         << " (conv2d_c1)";
  WindowGeometry geometry{filter.drop_front(2), getStrides(), getDilations(), getPads()};
  if (failed(verifyWindow(*this, "conv2d_c1", geometry, getInput(), getResult(), filter[0])))
    return failure();
  // conv2d_c2
  int64_t groups = static_cast<int64_t>(getGroups());
  if (filter[0] % groups != 0 || input[1] % groups != 0 || input[1] / groups != filter[1])
    return emitOpError() << "expects " << groups << " groups to divide " << filter[0]
                         << " output channels and " << input[1]
                         << " input channels to be that many times " << filter[1] << " (conv2d_c2)";
  // conv2d_c3
  return getBias() ? verifyShape(*this, "conv2d_c3", getBias(), "a bias", {filter[0]}) : success();
}

LogicalResult LinearOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput()), weight = shapeOf(getWeight());
  // linear_c1
  if (input.size() != 2 || weight.size() != 2 || input[1] != weight[1])
    return emitOpError() << "expects operands [M, K] and [N, K], got " << printShape(input)
                         << " and " << printShape(weight) << " (linear_c1)";
  if (failed(verifyShape(*this, "linear_c1", getResult(), "a result", {input[0], weight[0]})))
    return failure();
  // linear_c2
  return getBias() ? verifyShape(*this, "linear_c2", getBias(), "a bias", {weight[0]}) : success();
}

LogicalResult MatMulOp::verify() {
  // mat_mul_c1
  ArrayRef<int64_t> lhs = shapeOf(getLhs()), rhs = shapeOf(getRhs());
  if (lhs.size() != 3 || rhs.size() != 3 || lhs[0] != rhs[0] || lhs[2] != rhs[1])
    return emitOpError() << "expects operands [G, M, K] and [G, K, N], got " << printShape(lhs)
                         << " and " << printShape(rhs) << " (mat_mul_c1)";
  return verifyShape(*this, "mat_mul_c1", getResult(), "a result", {lhs[0], lhs[1], rhs[2]});
}

LogicalResult BatchNormOp::verify() {
  // batch_norm_c1
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (input.size() < 2)
    return emitOpError() << "expects an operand with at least two axes, got " << printShape(input)
                         << " (batch_norm_c1)";
  if (failed(verifyShape(*this, "batch_norm_c1", getScale(), "a scale", {input[1]})))
    return failure();
  // batch_norm_c2, written so that a NaN fails.
  double epsilon = getEpsilon().convertToDouble();
  if (!(epsilon >= 0) || std::isinf(epsilon))
    return emitOpError() << "expects a finite epsilon that is not negative (batch_norm_c2)";
  return success();
}

LogicalResult MixedActivationOp::verify() {
  // mixed_activation_c1
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (input.size() < 2)
    return emitOpError() << "expects an operand with at least two axes, got " << printShape(input)
                         << " (mixed_activation_c1)";
  if (failed(verifyShape(*this, "mixed_activation_c1", getA(), "a coefficient", {input[1]})))
    return failure();
  // mixed_activation_c2
  if (!getRelu().empty() && static_cast<int64_t>(getRelu().size()) != input[1])
    return emitOpError() << "expects " << input[1] << " entries of 'relu', got " << getRelu().size()
                         << " (mixed_activation_c2)";
  return success();
}

static int64_t channelsOf(Value value) { return shapeOf(value).size() > 1 ? shapeOf(value)[1] : 1; }

LogicalResult MaxPool2dOp::verify() {
  WindowGeometry geometry = poolGeometry(*this);
  if (failed(verifyWindow(*this, "max_pool2d_c1", geometry, getInput(), getResult(),
                          channelsOf(getInput()))))
    return failure();
  return verifyCovers(*this, "max_pool2d_c2", geometry, getInput());
}

LogicalResult AvgPool2dOp::verify() {
  WindowGeometry geometry = poolGeometry(*this);
  if (failed(verifyWindow(*this, "avg_pool2d_c1", geometry, getInput(), getResult(),
                          channelsOf(getInput()))))
    return failure();
  return getCountIncludePad() ? success()
                              : verifyCovers(*this, "avg_pool2d_c2", geometry, getInput());
}

template <class Op> static LogicalResult verifyBroadcast(Op op, StringRef rule) {
  std::optional<Shape> shape = broadcastShapes(shapeOf(op.getLhs()), shapeOf(op.getRhs()));
  if (!shape)
    return op.emitOpError() << "cannot broadcast " << printShape(shapeOf(op.getLhs())) << " and "
                            << printShape(shapeOf(op.getRhs())) << " (" << rule << ")";
  return verifyShape(op, rule, op.getResult(), "a result", *shape);
}

LogicalResult AddOp::verify() { return verifyBroadcast(*this, "add_c1"); }
LogicalResult SubOp::verify() { return verifyBroadcast(*this, "sub_c1"); }
LogicalResult MulOp::verify() { return verifyBroadcast(*this, "mul_c1"); }

LogicalResult ReshapeOp::verify() {
  int64_t before = elementCount(shapeOf(getInput())), after = elementCount(shapeOf(getResult()));
  if (before != after)
    return emitOpError() << "expects " << before << " elements, got " << after << " (reshape_c1)";
  return success();
}

LogicalResult TransposeOp::verify() {
  // transpose_c1
  ArrayRef<int64_t> input = shapeOf(getInput()), permutation = getPermutation();
  Shape shape;
  SmallVector<bool> seen(input.size(), false);
  bool valid = permutation.size() == input.size();
  for (int64_t axis : permutation) {
    valid = valid && axis >= 0 && axis < int64_t(input.size()) && !seen[axis];
    if (!valid)
      return emitOpError() << "expects a permutation of " << input.size() << " axes (transpose_c1)";
    seen[axis] = true;
    shape.push_back(input[axis]);
  }
  if (!valid)
    return emitOpError() << "expects a permutation of " << input.size() << " axes (transpose_c1)";
  // transpose_c2
  return verifyShape(*this, "transpose_c2", getResult(), "a result", shape);
}

LogicalResult ConcatOp::verify() {
  ArrayRef<int64_t> result = shapeOf(getResult());
  size_t axis = getAxis();
  if (getInputs().empty() || axis >= result.size())
    return emitOpError() << "expects operands and an axis below " << result.size()
                         << " (concat_c1)";
  Shape shape(result);
  shape[axis] = 0;
  for (Value input : getInputs()) {
    Shape expected(result);
    if (shapeOf(input).size() == result.size())
      expected[axis] = shapeOf(input)[axis];
    if (failed(verifyShape(*this, "concat_c1", input, "an operand", expected)))
      return failure();
    shape[axis] += expected[axis];
  }
  return verifyShape(*this, "concat_c1", getResult(), "a result", shape);
}

LogicalResult TakeOp::verify() {
  // take_c1
  ArrayRef<int64_t> input = shapeOf(getInput());
  size_t axis = getAxis();
  if (axis >= input.size())
    return emitOpError() << "expects an axis below " << input.size() << ", got " << axis
                         << " (take_c1)";
  for (int64_t position : getIndices())
    if (position < -1 || position >= input[axis])
      return emitOpError() << "expects indices in -1.." << input[axis] - 1 << ", got " << position
                           << " (take_c1)";
  // take_c2
  Shape shape(input);
  shape[axis] = static_cast<int64_t>(getIndices().size());
  return verifyShape(*this, "take_c2", getResult(), "a result", shape);
}

LogicalResult PadOp::verify() {
  // pad_c1
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (getLow().size() != input.size() || getHigh().size() != input.size())
    return emitOpError() << "expects " << input.size() << " entries in low and high (pad_c1)";
  Shape shape(input);
  for (size_t axis = 0; axis < input.size(); ++axis) {
    int64_t low = getLow()[axis], high = getHigh()[axis];
    if (low < 0 || high < 0 || low > maxElements || high > maxElements)
      return emitOpError() << "expects pads that are not negative, got " << low << " and " << high
                           << " (pad_c1)";
    shape[axis] += low + high;
  }
  if (!getValue().isFinite())
    return emitOpError() << "expects a finite value (pad_c1)";
  // pad_c2
  return verifyShape(*this, "pad_c2", getResult(), "a result", shape);
}

static LogicalResult verifyAxis(Operation *op, StringRef rule, Value input, uint64_t axis) {
  if (axis >= shapeOf(input).size())
    return op->emitOpError() << "expects an axis below " << shapeOf(input).size() << ", got "
                             << axis << " (" << rule << ")";
  return success();
}

LogicalResult SoftmaxOp::verify() { return verifyAxis(*this, "softmax_c1", getInput(), getAxis()); }

LogicalResult LogSoftmaxOp::verify() {
  return verifyAxis(*this, "log_softmax_c1", getInput(), getAxis());
}

LogicalResult ArgmaxOp::verify() {
  if (failed(verifyAxis(*this, "argmax_c1", getInput(), getAxis())))
    return failure();
  Shape without(shapeOf(getInput()));
  without.erase(without.begin() + getAxis());
  if (shapeOf(getResult()) == ArrayRef<int64_t>(without))
    return success();
  Shape kept(shapeOf(getInput()));
  kept[getAxis()] = 1;
  return verifyShape(*this, "argmax_c1", getResult(), "a result", kept);
}

/// The operand's shape with a shorter axis.
template <class Op> static LogicalResult verifyTop(Op op, StringRef rule) {
  if (failed(verifyAxis(op, rule, op.getInput(), op.getAxis())))
    return failure();
  Shape shape(shapeOf(op.getInput()));
  int64_t extent = shape[op.getAxis()];
  ArrayRef<int64_t> result = shapeOf(op.getResult());
  if (result.size() == shape.size())
    shape[op.getAxis()] = std::min(result[op.getAxis()], extent);
  return verifyShape(op, rule, op.getResult(), "a result", shape);
}

LogicalResult TopValuesOp::verify() { return verifyTop(*this, "top_values_c1"); }
LogicalResult TopIndicesOp::verify() { return verifyTop(*this, "top_indices_c1"); }

} // namespace gfs::nn
