// SPDX-License-Identifier: Apache-2.0
// Everything that multiplies by weights: how many bits the weights get, and their rounding.
#include "dialects/nn/NnConstants.h"
#include "passes/convert/NnToFixedFit.h"
#include "passes/convert/NnToFixedLowering.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace gfs {

/// With fewer signed bits than this, a layer's largest weight is as good as rounded away.
static constexpr int leastWeightBits = 3;
/// A truncation is an exchange: one that gives the weights fewer bits is made only where they have
/// next to none.
static constexpr int leastWorthwhileShift = 3;

/// Infinite if a value is not finite.
template <class Real> static double largestMagnitude(ArrayRef<Real> values) {
  const nn::Extremes<Real> extremes(values);
  return extremes.finite ? std::max(std::fabs(extremes.least), std::fabs(extremes.greatest))
                         : std::numeric_limits<Real>::infinity();
}

double FixedLowering::weightFactor(Operation *op, Value input) const {
  return analysis.pending(input) / analysis.pending(op->getResult(0));
}

FailureOr<FixedLowering::LinearFormat> FixedLowering::chooseFormat(Operation *op, Value input,
                                                                   double largestWeight) {
  Value x = held(input);
  double largest = largestWeight * weightFactor(op, input);
  if (largest == 0)
    return LinearFormat{x, 0};
  // |w| 2^f < 2^(f + floorLog2(|w|) + 1): so many bits, and one for the sign.
  int unscaledBits = floorLog2(largest) + 2;
  auto weightScale = [&](int inputScale) {
    return std::min(analysis.demand(op->getResult(0)) - inputScale,
                    static_cast<int>(options.maxWeightBits) - unscaledBits);
  };
  const int shifted = std::min(analysis.activationScale(input), scaleOf(x)),
            bits = weightScale(scaleOf(x)) + unscaledBits,
            least = static_cast<int>(options.minWeightBits);
  // Weights whose rounding does as much harm as the operand's have so many.
  int wanted = least;
  if (auto scale = analysis.wantedWeightScale(op);
      scale && scaleOf(x) - shifted >= leastWorthwhileShift)
    wanted = std::max(least, std::min(static_cast<int>(std::lround(*scale)) + unscaledBits,
                                      static_cast<int>(options.maxWeightBits)));
  if (bits < wanted && shifted < scaleOf(x)) {
    Value &cut = truncated[input];
    if (!cut)
      cut = truncateTo(x, shifted);
    x = cut;
  }
  int scale = weightScale(scaleOf(x));
  if (scale + unscaledBits < leastWeightBits)
    return LogicalResult(op->emitOpError()
                         << "has " << std::max(scale + unscaledBits, 0)
                         << " bits left for its weights in a ring of " << options.ringBits
                         << " bits: choose a wider ring (--ring) or smaller activations "
                            "(--activation-bits)");
  return LinearFormat{x, scale};
}

template <class Real>
FailureOr<Value> FixedLowering::makeWeight(Operation *op, ArrayRef<int64_t> shape,
                                           ArrayRef<Real> values, double factor, int scale) {
  double unit = std::ldexp(factor, scale);
  if (!(largestMagnitude(values) * std::fabs(unit) < 0x1p62))
    return LogicalResult(op->emitOpError(
        "has a weight or bias that no ring of 64 bits can hold next to its values"));
  auto integer = [&](size_t i) -> int64_t { return std::llrint(double(values[i]) * unit); };
  return make<fixed::WeightOp>(
      makeType(shape, scale),
      fixed::makeWeightValue(builder.getContext(), shape, integer, fixed::layerName(op)));
}

template FailureOr<Value> FixedLowering::makeWeight(Operation *, ArrayRef<int64_t>,
                                                    ArrayRef<double>, double, int);

/// Weight and bias of a convolution or matrix product, next to its operand.
FailureOr<FixedLowering::LinearOperands> FixedLowering::makeOperands(Operation *op, Value input,
                                                                     Value weight, Value bias) {
  nn::ConstantData values(weight);
  auto format = chooseFormat(op, input, largestMagnitude(values.values()));
  if (failed(format))
    return failure();
  LinearOperands made{format->input, nullptr, nullptr,
                      scaleOf(format->input) + format->weightScale};
  auto fixedWeight = makeWeight(op, shapeOf(weight), values.values(), weightFactor(op, input),
                                format->weightScale);
  if (failed(fixedWeight))
    return failure();
  made.weight = *fixedWeight;
  if (!bias)
    return made;
  auto fixedBias = makeWeight(op, shapeOf(bias), nn::ConstantData(bias).values(),
                              1 / analysis.pending(op->getResult(0)), made.scale);
  if (failed(fixedBias))
    return failure();
  made.bias = *fixedBias;
  return made;
}

LogicalResult FixedLowering::lowerConv2d(nn::Conv2dOp op) {
  auto operands = makeOperands(op, op.getInput(), op.getWeight(), op.getBias());
  if (failed(operands))
    return failure();
  return define(op, make<fixed::Conv2dOp>(makeType(shapeOf(op.getResult()), operands->scale),
                                          operands->input, operands->weight, operands->bias,
                                          op.getStrides(), op.getDilations(), op.getPads(),
                                          op.getGroups()));
}

LogicalResult FixedLowering::lowerLinear(nn::LinearOp op) {
  auto operands = makeOperands(op, op.getInput(), op.getWeight(), op.getBias());
  if (failed(operands))
    return failure();
  return define(op, make<fixed::LinearOp>(makeType(shapeOf(op.getResult()), operands->scale),
                                          operands->input, operands->weight, operands->bias));
}

LogicalResult FixedLowering::lowerBatchNorm(nn::BatchNormOp op) {
  std::vector<double> factors = constantValues(op.getScale()),
                      offsets = constantValues(op.getBias());
  std::vector<double> means = constantValues(op.getMean()), variances = constantValues(op.getVar());
  for (size_t c = 0; c < factors.size(); ++c) {
    factors[c] /= std::sqrt(variances[c] + op.getEpsilon().convertToDouble());
    offsets[c] -= means[c] * factors[c];
  }
  return lowerScaling(op, op.getInput(), factors, offsets);
}

/// A depthwise convolution with one weight a channel. A tensor [N, C, …] is seen as the image [N,
/// C, rest, 1]; with a factor for each element, [1, elements, 1, 1].
LogicalResult FixedLowering::lowerScaling(Operation *op, Value input, ArrayRef<double> factors,
                                          ArrayRef<double> offsets) {
  auto format = chooseFormat(op, input, largestMagnitude(factors));
  return failed(format) ? failure() : scaleAs(*format, op, input, factors, offsets);
}

LogicalResult FixedLowering::scaleAs(const LinearFormat &format, Operation *op, Value input,
                                     ArrayRef<double> factors, ArrayRef<double> offsets) {
  ArrayRef<int64_t> shape = typeOf(format.input).getShape();
  int64_t elements = typeOf(format.input).getNumElements(),
          channels = static_cast<int64_t>(factors.size());
  int64_t batch = channels == elements ? 1 : shape[0];
  int scale = scaleOf(format.input) + format.weightScale;
  auto weight =
      makeWeight(op, {channels, 1, 1, 1}, factors, weightFactor(op, input), format.weightScale);
  if (failed(weight))
    return failure();
  Value bias;
  if (!offsets.empty()) {
    auto made = makeWeight(op, {channels}, offsets, 1 / analysis.pending(op->getResult(0)), scale);
    if (failed(made))
      return failure();
    bias = *made;
  }
  Value image = reshape(format.input, {batch, channels, elements / (batch * channels), 1});
  Value product = make<fixed::Conv2dOp>(typeOf(image).withScale(scale), image, *weight, bias,
                                        ArrayRef<int64_t>{1, 1}, ArrayRef<int64_t>{1, 1},
                                        ArrayRef<int64_t>{0, 0, 0, 0}, channels);
  return define(op, reshape(product, shape));
}

/// The factors along axis 1, if all other axes agree on them.
static std::optional<std::vector<double>> channelFactors(ArrayRef<double> factors,
                                                         ArrayRef<int64_t> shape) {
  if (shape.size() < 2)
    return std::nullopt;
  size_t channels = static_cast<size_t>(shape[1]), rest = 1;
  for (int64_t extent : shape.drop_front(2))
    rest *= static_cast<size_t>(extent);
  std::vector<double> result(channels);
  for (size_t c = 0; c < channels; ++c)
    result[c] = factors[c * rest];
  for (size_t i = 0; i < factors.size(); ++i)
    if (factors[i] != result[i / rest % channels])
      return std::nullopt;
  return result;
}

/// The product's scale is the sum of both: factors that are longer than activations need be are
/// truncated, the longest first, before they are broadcast, where the product would not fit or not
/// leave a linear layer behind it the usual bits for its weights. A bit or two are not worth the
/// exchange.
SmallVector<Value> FixedLowering::shortenFactors(Operation *product) {
  constexpr int weightBits = 12, leastGain = 3;
  Value factors[] = {product->getOperand(0), product->getOperand(1)},
        result = product->getResult(0);
  SmallVector<Value> values = {held(factors[0]), held(factors[1])};
  auto overhang = [&](size_t i) {
    return scaleOf(values[i]) - analysis.activationScale(factors[i]);
  };
  const int fits = analysis.demand(result),
            wanted = fits - (feedsLinearLayer(result) ? weightBits : 0);
  size_t first = overhang(0) >= overhang(1) ? 0 : 1;
  for (size_t i : {first, 1 - first}) {
    int scale = scaleOf(values[0]) + scaleOf(values[1]);
    if (scale > fits ? overhang(i) <= 0 : scale <= wanted || overhang(i) < leastGain)
      continue;
    Value &cut = truncated[factors[i]];
    if (!cut)
      cut = truncateTo(values[i], analysis.activationScale(factors[i]));
    values[i] = cut;
  }
  return values;
}

LogicalResult FixedLowering::lowerMatMul(nn::MatMulOp op) {
  SmallVector<Value> operands = shortenFactors(op);
  const int scale = scaleOf(operands[0]) + scaleOf(operands[1]);
  return define(op, make<fixed::MatMulOp>(makeType(shapeOf(op.getResult()), scale), operands[0],
                                          operands[1]));
}

LogicalResult FixedLowering::lowerMul(nn::MulOp op) {
  Value lhs = op.getLhs(), rhs = op.getRhs();
  ArrayRef<int64_t> shape = shapeOf(op.getResult());
  if (lhs.getDefiningOp<nn::ConstantOp>())
    std::swap(lhs, rhs);
  if (!rhs.getDefiningOp<nn::ConstantOp>()) {
    SmallVector<Value> operands = shortenFactors(op);
    for (Value &operand : operands)
      operand = broadcast(operand, shape);
    return define(op,
                  make<fixed::MulOp>(makeType(shape, scaleOf(operands[0]) + scaleOf(operands[1])),
                                     operands[0], operands[1]));
  }
  if (shapeOf(lhs) != shape)
    return op.emitOpError("multiplies a value by a constant of a larger shape");
  if (!isLinearMul(op)) // the magnitude stays pending
    return define(op, *uniformConstant(rhs) < 0 ? negate(held(lhs)) : held(lhs));
  std::vector<double> factors = broadcastConstant(rhs, shape);
  return lowerScaling(op, lhs, channelFactors(factors, shape).value_or(factors), {});
}

} // namespace gfs
