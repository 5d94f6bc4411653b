// SPDX-License-Identifier: Apache-2.0
// Everything servers do alone: sums, averages, constants, shapes.
#include "dialects/nn/NnConstants.h"
#include "passes/convert/NnToFixedFit.h"
#include "passes/convert/NnToFixedLowering.h"

#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;

namespace gfs {

std::optional<double> uniformConstant(Value value) {
  std::vector<double> elements = constantValues(value);
  if (elements.empty() || !llvm::all_equal(elements))
    return std::nullopt;
  return elements.front();
}

std::vector<double> constantValues(Value constant) {
  nn::ConstantData data(constant);
  return {data.begin(), data.end()};
}

std::vector<double> broadcastConstant(Value constant, ArrayRef<int64_t> shape) {
  std::vector<double> values = constantValues(constant);
  ArrayRef<int64_t> from = cast<RankedTensorType>(constant.getType()).getShape();
  // Axes are matched from the last; an axis of extent 1 does not move the source.
  SmallVector<size_t> strides(shape.size(), 0);
  size_t stride = 1;
  for (size_t i = 0; i < from.size(); ++i) {
    size_t axis = from.size() - 1 - i;
    strides[shape.size() - 1 - i] = from[axis] == 1 ? 0 : stride;
    stride *= static_cast<size_t>(from[axis]);
  }
  std::vector<double> result(static_cast<size_t>(ShapedType::getNumElements(shape)));
  SmallVector<int64_t> position(shape.size(), 0);
  size_t source = 0;
  for (double &element : result) {
    element = values[source];
    for (size_t axis = shape.size(); axis-- > 0;) {
      source += strides[axis];
      if (++position[axis] < shape[axis])
        break;
      source -= strides[axis] * static_cast<size_t>(shape[axis]);
      position[axis] = 0;
    }
  }
  return result;
}

Value FixedLowering::reshape(Value value, ArrayRef<int64_t> shape) {
  if (typeOf(value).getShape() == shape)
    return value;
  Value result = make<fixed::ReshapeOp>(typeOf(value).withShape(shape), value);
  if (auto range = fixed::calibratedRange(value))
    fixed::setCalibratedRange(result, *range);
  return result;
}

Value FixedLowering::broadcast(Value value, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> extents(shape.size() - typeOf(value).getRank(), 1);
  llvm::append_range(extents, typeOf(value).getShape());
  value = reshape(value, extents);
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (extents[axis] == shape[axis])
      continue;
    extents[axis] = shape[axis];
    auto range = fixed::calibratedRange(value);
    value = make<fixed::TakeOp>(typeOf(value).withShape(extents), value, axis,
                                SmallVector<int64_t>(static_cast<size_t>(shape[axis]), 0));
    if (range)
      fixed::setCalibratedRange(value, *range);
  }
  return value;
}

Value FixedLowering::negate(Value value) {
  return make<fixed::RescaleOp>(value.getType(), value, -1);
}

Value FixedLowering::settleAddend(Value value, double pending, int bound) {
  nn::ReluOp relu = analysis.reluBeside(value);
  if (!relu || analysis.pending(value) == pending)
    return settle(held(value), value, pending, std::numeric_limits<int>::max());
  const Value activated = held(relu.getResult());
  const int scale = activated ? scaleOf(activated) : analysis.activationScale(value);
  return settle(scale < scaleOf(held(value)) ? truncateTo(held(value), scale) : held(value), value,
                pending, bound);
}

Value FixedLowering::settle(Value result, Value value, double pending, int bound) {
  constexpr int64_t fewestUnits = 64;
  if (analysis.pending(value) == pending)
    return result;
  auto [factor, growth] = analysis.settlement(value);
  for (; scaleOf(result) + growth > bound && factor >= 2 * fewestUnits; --growth)
    factor = std::llrint(std::ldexp(analysis.pending(value), growth - 1));
  result =
      make<fixed::RescaleOp>(typeOf(result).withScale(scaleOf(result) + growth), result, factor);
  fixed::setCalibratedRange(result, *fixed::calibratedRange(value));
  return result;
}

void FixedLowering::align(MutableArrayRef<Value> values, int bound) {
  for (Value &value : values)
    if (scaleOf(value) > bound)
      value = truncateTo(value, bound);
  int scale = scaleOf(values.front());
  for (Value value : values)
    scale = std::max(scale, scaleOf(value));
  for (Value &value : values) {
    if (scaleOf(value) == scale)
      continue;
    auto range = fixed::calibratedRange(value);
    value = make<fixed::RescaleOp>(typeOf(value).withScale(scale), value,
                                   int64_t(1) << (scale - scaleOf(value)));
    if (range)
      fixed::setCalibratedRange(value, *range);
  }
}

LogicalResult FixedLowering::addConstant(Operation *op, Value value, ArrayRef<double> constant,
                                         double pending) {
  auto weight = makeWeight(op, typeOf(value).getShape(), constant, 1 / pending, scaleOf(value));
  if (failed(weight))
    return failure();
  return define(op, make<fixed::AddWeightOp>(value.getType(), value, *weight));
}

LogicalResult FixedLowering::lowerSum(Operation *op, bool subtract) {
  Value lhs = op->getOperand(0), rhs = op->getOperand(1), result = op->getResult(0);
  ArrayRef<int64_t> shape = shapeOf(result);
  double pending = analysis.pending(result);
  for (bool constantFirst : {true, false}) {
    Value constant = constantFirst ? lhs : rhs, value = constantFirst ? rhs : lhs;
    if (!constant.getDefiningOp<nn::ConstantOp>())
      continue;
    // c - x = (-x) + c, and x - c = x + (-c).
    Value sum = broadcast(held(value), shape);
    std::vector<double> addend = broadcastConstant(constant, shape);
    if (subtract && constantFirst)
      sum = negate(sum);
    else if (subtract)
      for (double &element : addend)
        element = -element;
    return addConstant(op, sum, addend, pending);
  }
  const int bound = analysis.demand(result);
  Value operands[] = {broadcast(settleAddend(lhs, pending, bound), shape),
                      broadcast(settleAddend(rhs, pending, bound), shape)};
  align(operands, bound);
  return define(op, subtract ? make<fixed::SubOp>(operands[0].getType(), operands[0], operands[1])
                             : make<fixed::AddOp>(operands[0].getType(), operands[0], operands[1]));
}

bool FixedLowering::feedsLinearLayer(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    auto sum = dyn_cast<nn::AddOp>(user);
    bool keeps = isa<nn::TakeOp, nn::ReshapeOp, nn::TransposeOp, nn::AvgPool2dOp>(user) ||
                 (sum && (nn::constantValue(sum.getLhs()) || nn::constantValue(sum.getRhs())));
    return isa<nn::Conv2dOp, nn::LinearOp>(user) || (keeps && feedsLinearLayer(user->getResult(0)));
  });
}

static bool comesFromGate(Value value) {
  return isa_and_nonnull<fixed::ReluOp, fixed::SquareOp, fixed::SplineOp>(value.getDefiningOp());
}

/// Channels that no gate shortened would force their long scale on those beside them, and the layer
/// behind would have to shift all. They are shifted here, in the exchange that opens the gates'
/// operands.
void FixedLowering::shortenBesideGates(MutableArrayRef<Value> values, ValueRange originals) {
  int longest = std::numeric_limits<int>::min();
  for (Value value : values)
    if (comesFromGate(value))
      longest = std::max(longest, scaleOf(value));
  if (longest == std::numeric_limits<int>::min())
    return;
  for (auto [value, original] : llvm::zip(values, originals)) {
    int scale = std::max(longest, analysis.activationScale(original));
    if (!comesFromGate(value) && scaleOf(value) > scale)
      value = truncateTo(value, scale);
  }
}

LogicalResult FixedLowering::lowerConcat(nn::ConcatOp op) {
  double pending = analysis.pending(op.getResult());
  SmallVector<Value> operands;
  for (Value input : op.getInputs())
    operands.push_back(settle(held(input), input, pending, std::numeric_limits<int>::max()));
  if (feedsLinearLayer(op.getResult()))
    shortenBesideGates(operands, op.getInputs());
  align(operands, analysis.demand(op.getResult()));
  return define(op,
                make<fixed::ConcatOp>(makeType(shapeOf(op.getResult()), scaleOf(operands.front())),
                                      operands, op.getAxis()));
}

/// Zeros around the value, and the constant added where they are.
LogicalResult FixedLowering::lowerPad(nn::PadOp op) {
  Value value = held(op.getInput());
  ArrayRef<int64_t> shape = shapeOf(op.getResult());
  std::vector<double> border(static_cast<size_t>(ShapedType::getNumElements(shape)), 0.0);
  size_t inner = 1;
  for (size_t axis = shape.size(); axis-- > 0; inner *= static_cast<size_t>(shape[axis])) {
    int64_t low = op.getLow()[axis], extent = typeOf(value).getShape()[axis];
    for (size_t i = 0; i < border.size(); ++i) {
      int64_t position = static_cast<int64_t>(i / inner) % shape[axis] - low;
      if (position < 0 || position >= extent)
        border[i] = op.getValue().convertToDouble();
    }
    if (extent == shape[axis])
      continue;
    SmallVector<int64_t> indices(static_cast<size_t>(shape[axis]), -1);
    std::iota(indices.begin() + low, indices.begin() + low + extent, 0);
    SmallVector<int64_t> padded(typeOf(value).getShape());
    padded[axis] = shape[axis];
    value = make<fixed::TakeOp>(typeOf(value).withShape(padded), value, axis, indices);
  }
  return addConstant(op, value, border, analysis.pending(op.getResult()));
}

/// 2^k over the number of image positions in each window, window by window, times what the sum is
/// held without.
static std::vector<double> windowFactors(nn::AvgPool2dOp op, double pending) {
  ArrayRef<int64_t> input = op.getInput().getType().getShape(),
                    output = op.getResult().getType().getShape();
  double numerator = std::ldexp(pending, ScaleAnalysis::averageBits(op));
  SmallVector<double> counts[2];
  for (unsigned axis = 0; axis < 2; ++axis) {
    for (int64_t o = 0; o < output[2 + axis]; ++o) {
      int64_t count = 0;
      for (int64_t k = 0; k < op.getKernel()[axis]; ++k) {
        int64_t position =
            o * op.getStrides()[axis] - op.getPads()[axis] + k * op.getDilations()[axis];
        count += position >= 0 && position < input[2 + axis];
      }
      counts[axis].push_back(static_cast<double>(std::max<int64_t>(count, 1)));
    }
  }
  std::vector<double> factors;
  for (int64_t image = 0; image < output[0] * output[1]; ++image)
    for (double rows : counts[0])
      for (double columns : counts[1])
        factors.push_back(numerator / (rows * columns));
  return factors;
}

Value FixedLowering::sumOf(nn::AvgPool2dOp op, Value input) {
  const int bits = ScaleAnalysis::averageBits(op);
  const auto parts = partsOf(op);
  if (!parts)
    return make<fixed::SumPool2dOp>(makeType(shapeOf(op.getResult()), scaleOf(input) + bits), input,
                                    op.getKernel(), op.getStrides(), op.getDilations(),
                                    op.getPads());
  const int64_t ones[] = {1, 1}, none[] = {0, 0, 0, 0};
  auto pool = [&](Value value, ArrayRef<int64_t> kernel, int growth) -> Value {
    SmallVector<int64_t> shape(typeOf(value).getShape());
    shape[2] /= kernel[0];
    shape[3] /= kernel[1];
    return make<fixed::SumPool2dOp>(makeType(shape, scaleOf(value) + growth), value, kernel, kernel,
                                    ArrayRef<int64_t>(ones), ArrayRef<int64_t>(none));
  };
  const auto count = static_cast<double>((*parts)[0] * (*parts)[1]);
  const int partBits = floorLog2(count);
  Value sums = pool(input, *parts, partBits);
  const fixed::RealRange range = analysis.heldRange(op.getInput());
  const double factor = std::ldexp(count, -partBits);
  fixed::setCalibratedRange(sums, {factor * range.min, factor * range.max});
  // Averaging m truncated values leaves 1 / sqrt(m) of their error.
  const int scale = analysis.activationScale(op.getResult()) - (bits - partBits) / 2;
  if (scale < scaleOf(sums))
    sums = truncateTo(sums, scale);
  const int64_t rest[] = {op.getKernel()[0] / (*parts)[0], op.getKernel()[1] / (*parts)[1]};
  return pool(sums, rest, bits - partBits);
}

/// A number of elements that is no power of two leaves a factor in (1/2, 1), and each bit of it is
/// one of the ring for all that the mean is added to: it gets no more than the mean needs.
LogicalResult FixedLowering::divideAtOnce(nn::AvgPool2dOp op, Value sum) {
  constexpr double error = 0x1p-10;
  constexpr int mostBits = 11;
  const std::vector<double> factors = windowFactors(op, analysis.pending(op.getInput()));
  if (!partsOf(op))
    sum = truncateTo(sum, std::min(analysis.activationScale(op.getResult()), scaleOf(sum)));
  auto isOff = [&](int bits) {
    return llvm::any_of(factors, [&](double factor) {
      return std::fabs(std::rint(std::ldexp(factor, bits)) - std::ldexp(factor, bits)) >
             error * std::ldexp(factor, bits);
    });
  };
  int bits = 0;
  while (bits < mostBits && isOff(bits))
    ++bits;
  if (bits == 0 && llvm::all_of(factors, [](double factor) { return factor == 1; }))
    return define(op, sum);
  return scaleAs({sum, bits}, op, op.getResult(), factors, {});
}

LogicalResult FixedLowering::lowerAvgPool2d(nn::AvgPool2dOp op) {
  Value input = held(op.getInput());
  int bound = analysis.demand(op.getInput());
  if (scaleOf(input) > bound)
    input = truncateTo(input, bound);
  Value sum = sumOf(op, input);
  if (dividesUniformly(op) && !dividesAtOnce(op))
    return define(op, sum);
  fixed::setCalibratedRange(sum, analysis.sumRange(op));
  if (dividesAtOnce(op))
    return divideAtOnce(op, sum);
  // Windows over the padding divide by fewer: each element has a factor of its own.
  converted[op.getResult()] = sum;
  return lowerScaling(op, op.getResult(), windowFactors(op, analysis.pending(op.getInput())), {});
}

} // namespace gfs
