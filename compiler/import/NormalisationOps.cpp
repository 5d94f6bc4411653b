// SPDX-License-Identifier: Apache-2.0
// Normalisations by what the servers compute of the value itself, in private: a mean and a
// variance, a root's inverse as a function of the variance, and a product.
//
//   y = (x - E x) / sqrt(E (x - E x)^2 + epsilon) * scale + bias
//
// The means are over the axes that an operator says. Ba, Kiros, Hinton: Layer Normalization (2016);
// Ulyanov, Vedaldi, Lempitsky: Instance Normalization (2016); Wu, He: Group Normalization (2018);
// Zhang, Sennrich: Root Mean Square Layer Normalization (2019).
#include "compiler/import/Handlers.h"
#include "compiler/import/Reductions.h"

#include <cmath>

using namespace mlir;
using gfs::nn::FunctionKind;

namespace gfs::onnx {
namespace {

/// 1 / sqrt(E value^2 + epsilon).
Value emitInverseDeviation(Node &node, Value value, const std::vector<bool> &joined,
                           double epsilon) {
  if (!(epsilon >= 0))
    node.malformed(fmt::format("has epsilon = {}", epsilon));
  Value square = node.emit<nn::SquareOp>(Node::shapeOf(value), value);
  Value variance = node.emitShifted(emitMeans(node, square, joined), epsilon);
  return node.emit<nn::FunctionOp>(Node::shapeOf(variance), FunctionKind::Rsqrt, variance,
                                   ArrayRef<double>());
}

/// Of a value and the axes that its means are over; all in shapes that broadcast to the value's.
struct Normalisation {
  Value mean, centred, inverse; ///< E x, x - E x, and what that is multiplied by.
};

Normalisation normalise(Node &node, Value value, const std::vector<bool> &joined, double epsilon) {
  Normalisation result;
  result.mean = emitMeans(node, value, joined);
  result.centred = node.emitBinary<nn::SubOp>(value, result.mean);
  result.inverse = emitInverseDeviation(node, result.centred, joined, epsilon);
  return result;
}

std::vector<bool> lastAxes(size_t rank, size_t first) {
  std::vector<bool> joined(rank, false);
  std::fill(joined.begin() + static_cast<ptrdiff_t>(first), joined.end(), true);
  return joined;
}

/// The trained operand i, reshaped.
Value emitTrained(Node &node, size_t i, StringRef what, ArrayRef<int64_t> shape) {
  Value trained = node.constantTensor(i, what);
  if (nn::elementCount(Node::shapeOf(trained)) != nn::elementCount(shape))
    node.malformed(fmt::format("{} of shape {}", what.str(), nn::printShape(node.shape(i))));
  return node.emitReshape(trained, shape);
}

/// Channels in groups; a scale and a bias for each of `trained` elements of a group: one, or one
/// for each channel. A factor of both, of few elements, is multiplied by the scale first.
void normaliseGroups(Node &node, int64_t groups, bool perChannel) {
  const nn::Shape shape = node.shape(0);
  if (shape.size() < 2 || groups < 1 || shape[1] % groups != 0)
    node.malformed(
        fmt::format("{} groups of an operand of shape {}", groups, nn::printShape(shape)));
  const int64_t channels = shape[1] / groups,
                rest = nn::elementCount(ArrayRef<int64_t>(shape).drop_front(2)),
                trained = perChannel ? channels : 1;
  Value scale = emitTrained(node, 1, "the scale", {1, groups, trained, 1}),
        bias = emitTrained(node, 2, "the bias", {1, groups, trained, 1}),
        value = node.emitReshape(node.tensor(0), {shape[0], groups, channels, rest});
  const double epsilon = node.real("epsilon", 1e-5);
  const Normalisation all = normalise(node, value, lastAxes(4, 2), epsilon);
  Value factor = node.emitBinary<nn::MulOp>(all.inverse, scale);
  Value result = node.emitBinary<nn::AddOp>(node.emitBinary<nn::MulOp>(all.centred, factor), bias);
  node.result(node.emitReshape(result, shape));
}

void importInstanceNormalization(Node &node) {
  if (node.shape(0).size() < 3)
    node.malformed(fmt::format("an operand of shape {}", nn::printShape(node.shape(0))));
  normaliseGroups(node, node.shape(0)[1], true);
}

template <bool perChannel> void importGroupNormalization(Node &node) {
  node.ignore({"stash_type"});
  normaliseGroups(node, node.integer("num_groups", 0), perChannel);
}

/// What LayerNormalization and RMSNormalization share: the axes, and what was trained for these.
struct LastAxes {
  std::vector<bool> joined;
  nn::Shape trained;

  explicit LastAxes(Node &node) {
    node.ignore({"stash_type"});
    const nn::Shape shape = node.shape(0);
    const size_t first = node.axis(node.integer("axis", -1), shape.size());
    joined = lastAxes(shape.size(), first);
    trained.assign(shape.begin() + static_cast<ptrdiff_t>(first), shape.end());
  }
  Value of(Node &node, size_t i, StringRef what) const {
    Value operand = node.constantTensor(i, what);
    if (node.broadcast(Node::shapeOf(operand), trained) != trained)
      node.malformed(fmt::format("{} of shape {} for {}", what.str(), nn::printShape(node.shape(i)),
                                 nn::printShape(trained)));
    return operand;
  }
};

void importLayerNormalization(Node &node) {
  const LastAxes axes(node);
  const Normalisation all =
      normalise(node, node.tensor(0), axes.joined, node.real("epsilon", 1e-5));
  Value result = node.emitBinary<nn::MulOp>(all.centred, all.inverse);
  result = node.emitBinary<nn::MulOp>(result, axes.of(node, 1, "the scale"));
  if (node.has(2))
    result = node.emitBinary<nn::AddOp>(result, axes.of(node, 2, "the bias"));
  node.result(result);
  node.result(1, {all.mean, nullptr});
  node.result(2, {all.inverse, nullptr});
}

void importRmsNormalization(Node &node) {
  const LastAxes axes(node);
  Value x = node.tensor(0);
  Value inverse = emitInverseDeviation(node, x, axes.joined, node.real("epsilon", 1e-5));
  node.result(node.emitBinary<nn::MulOp>(node.emitBinary<nn::MulOp>(x, inverse),
                                         axes.of(node, 1, "the scale")));
}

void importMeanVarianceNormalization(Node &node) {
  const size_t rank = node.shape(0).size();
  std::vector<bool> joined(rank, false);
  for (int64_t axis : node.integers("axes", {0, 2, 3}))
    joined[node.axis(axis, rank)] = true;
  // The standard adds 1e-9 to the deviation.
  const Normalisation all = normalise(node, node.tensor(0), joined, 1e-18);
  node.result(node.emitBinary<nn::MulOp>(all.centred, all.inverse));
}

/// x over the sum of magnitudes, or over the root of the sum of squares, along an axis.
void importLpNormalization(Node &node) {
  const nn::Shape shape = node.shape(0);
  const size_t axis = node.axis(node.integer("axis", -1), shape.size());
  const int64_t p = node.integer("p", 2);
  std::vector<bool> joined(shape.size(), false);
  joined[axis] = true;
  const auto count = static_cast<double>(shape[axis]);
  Value x = node.tensor(0), inverse;
  if (p == 2) {
    inverse = node.emitScaled(emitInverseDeviation(node, x, joined, 0), 1 / std::sqrt(count));
  } else if (p == 1) {
    Value positive = node.emit<nn::ReluOp>(shape, x); // |x| = 2 relu(x) - x
    Value magnitude = node.emitBinary<nn::SubOp>(node.emitScaled(positive, 2), x);
    Value sum = node.emitScaled(emitMeans(node, magnitude, joined), count);
    inverse = node.emit<nn::FunctionOp>(Node::shapeOf(sum), FunctionKind::Reciprocal, sum,
                                        ArrayRef<double>());
  } else {
    node.malformed(fmt::format("has p = {}", p));
  }
  node.result(node.emitBinary<nn::MulOp>(x, inverse));
}

} // namespace

void addNormalisationOps(HandlerTable &table) {
  table.on("InstanceNormalization", 6, importInstanceNormalization);
  table.on("GroupNormalization", 18, importGroupNormalization<false>);
  table.on("GroupNormalization", 21, importGroupNormalization<true>);
  table.on("LayerNormalization", 17, importLayerNormalization);
  table.on("RMSNormalization", 23, importRmsNormalization);
  table.on("MeanVarianceNormalization", 9, importMeanVarianceNormalization);
  table.on("LpNormalization", 1, importLpNormalization);
}

} // namespace gfs::onnx
