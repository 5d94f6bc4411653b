// SPDX-License-Identifier: Apache-2.0
// Activations: ReLU, and those that are sums of ReLUs.
#include "compiler/import/Handlers.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace gfs::onnx {

static Value emitRelu(Node &node, Value value) {
  return node.emit<nn::ReluOp>(Node::shapeOf(value), value);
}

/// value + offset.
static Value emitShifted(Node &node, Value value, double offset) {
  return offset == 0 ? value : node.emitBinary<nn::AddOp>(value, node.emitSplat({}, offset));
}

static Value emitScaled(Node &node, Value value, double factor) {
  return factor == 1 ? value : node.emitBinary<nn::MulOp>(value, node.emitSplat({}, factor));
}

/// low + relu(x - low) - relu(x - high): x between the bounds, the bounds outside. A bound that is
/// infinite falls away.
static Value emitClip(Node &node, Value value, double low, double high) {
  if (std::isnan(low) || std::isnan(high) || low > high)
    node.malformed(fmt::format("bounds {} and {}", low, high));
  bool hasLow = low > std::numeric_limits<float>::lowest(),
       hasHigh = high < std::numeric_limits<float>::max();
  if (!hasLow && !hasHigh)
    return value;
  if (!hasHigh)
    return emitShifted(node, emitRelu(node, emitShifted(node, value, -low)), low);
  Value above = emitRelu(node, emitShifted(node, value, -high));
  if (!hasLow)
    return node.emitBinary<nn::SubOp>(value, above);
  Value from = emitRelu(node, emitShifted(node, value, -low));
  return emitShifted(node, node.emitBinary<nn::SubOp>(from, above), low);
}

static void importRelu(Node &node) {
  if (node.operand(0).integers)
    node.unsupported("its operand holds integers", "only tensors of floats are supported");
  node.result(emitRelu(node, node.tensor(0)));
}

static void importClipAttributes(Node &node) {
  double low = node.real("min", std::numeric_limits<float>::lowest()),
         high = node.real("max", std::numeric_limits<float>::max());
  node.result(emitClip(node, node.tensor(0), low, high));
}

static void importClipOperands(Node &node) {
  double low = std::numeric_limits<float>::lowest(), high = std::numeric_limits<float>::max();
  if (node.has(1))
    low = node.scalar(1, "the lower bound");
  if (node.has(2))
    high = node.scalar(2, "the upper bound");
  if (!node.operand(0).integers)
    return node.result(emitClip(node, node.tensor(0), low, high));
  std::vector<int64_t> values = node.known(0).values;
  for (int64_t &value : values)
    value = static_cast<int64_t>(std::clamp(static_cast<double>(value), low, high));
  node.result(0, node.integerValue(node.shape(0), std::move(values)));
}

/// slope * x + (1 - slope) * relu(x).
static void importLeakyRelu(Node &node) {
  double slope = node.real("alpha", 0.01);
  Value x = node.tensor(0);
  node.result(node.emitBinary<nn::AddOp>(emitScaled(node, x, slope),
                                         emitScaled(node, emitRelu(node, x), 1 - slope)));
}

/// The same with slopes that are constants, one per channel or element.
static void importPRelu(Node &node) {
  Value x = node.tensor(0), slopes = node.constantTensor(1, "the slope");
  Value rest = emitShifted(node, emitScaled(node, slopes, -1), 1);
  node.result(node.emitBinary<nn::AddOp>(node.emitBinary<nn::MulOp>(x, slopes),
                                         node.emitBinary<nn::MulOp>(emitRelu(node, x), rest)));
}

static Value emitHardSigmoid(Node &node, Value x, double slope, double offset) {
  return emitClip(node, emitShifted(node, emitScaled(node, x, slope), offset), 0, 1);
}

static void importHardSigmoid(Node &node) {
  node.result(
      emitHardSigmoid(node, node.tensor(0), node.real("alpha", 0.2), node.real("beta", 0.5)));
}

static void importHardSwish(Node &node) {
  Value x = node.tensor(0);
  node.result(node.emitBinary<nn::MulOp>(x, emitHardSigmoid(node, x, 1.0 / 6, 0.5)));
}

/// |x| = 2 relu(x) - x.
static void importAbs(Node &node) {
  Value x = node.tensor(0);
  node.result(node.emitBinary<nn::SubOp>(emitScaled(node, emitRelu(node, x), 2), x));
}

/// max(a, b) = b + relu(a - b); min(a, b) = a - relu(a - b).
template <bool largest> static void importExtremum(Node &node) {
  Value result = node.tensor(0);
  for (size_t i = 1; i < node.operandCount(); ++i) {
    Value other = node.tensor(i);
    Value excess = emitRelu(node, node.emitBinary<nn::SubOp>(result, other));
    result = largest ? node.emitBinary<nn::AddOp>(other, excess)
                     : node.emitBinary<nn::SubOp>(result, excess);
  }
  node.result(result);
}

void addActivationOps(HandlerTable &table) {
  table.on("Relu", 6, importRelu);
  table.on("Clip", 6, importClipAttributes);
  table.on("Clip", 11, importClipOperands);
  table.on("LeakyRelu", 6, importLeakyRelu);
  table.on("PRelu", 7, importPRelu);
  table.on("HardSigmoid", 6, importHardSigmoid);
  table.on("HardSwish", 14, importHardSwish);
  table.on("Abs", 6, importAbs);
  table.on("Max", 6, importExtremum<true>);
  table.on("Min", 6, importExtremum<false>);
}

} // namespace gfs::onnx
