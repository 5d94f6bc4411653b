// SPDX-License-Identifier: Apache-2.0
// Real functions of one variable: clips, sigmoids and their relatives, roots and powers.
#include "compiler/import/Handlers.h"

#include <cmath>
#include <limits>

using namespace mlir;
using gfs::nn::FunctionKind;

namespace gfs::onnx {

static Value emitRelu(Node &node, Value value) {
  return node.emit<nn::ReluOp>(Node::shapeOf(value), value);
}

static Value emitFunction(Node &node, FunctionKind kind, Value value,
                          ArrayRef<double> parameters = {}) {
  for (double parameter : parameters)
    if (!std::isfinite(parameter))
      node.malformed("has a parameter that is not finite");
  return node.emit<nn::FunctionOp>(Node::shapeOf(value), kind, value, parameters);
}

/// x between the bounds, the bounds outside; with one bound low + relu(x - low) or x - relu(x -
/// high).
static Value emitClip(Node &node, Value value, double low, double high) {
  if (std::isnan(low) || std::isnan(high) || low > high)
    node.malformed(fmt::format("bounds {} and {}", low, high));
  bool hasLow = low > std::numeric_limits<float>::lowest(),
       hasHigh = high < std::numeric_limits<float>::max();
  if (!hasLow && !hasHigh)
    return value;
  if (!hasHigh)
    return node.emitShifted(emitRelu(node, node.emitShifted(value, -low)), low);
  if (!hasLow)
    return node.emitBinary<nn::SubOp>(value, emitRelu(node, node.emitShifted(value, -high)));
  if (low == high)
    return node.emitShifted(node.emitScaled(value, 0), low);
  return emitFunction(node, FunctionKind::Clip, value, {low, high});
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

template <FunctionKind kind> static void importFunction(Node &node) {
  node.result(emitFunction(node, kind, node.tensor(0)));
}

/// A function whose only parameter is the attribute alpha, positive if `positive`.
template <FunctionKind kind, bool positive> static void importWithAlpha(Node &node) {
  double alpha = node.real("alpha", 1.0);
  if (positive && !(alpha > 0))
    node.unsupported(fmt::format("has alpha = {}", alpha), "only positive values are supported");
  node.result(emitFunction(node, kind, node.tensor(0), {alpha}));
}

static void importHardSigmoid(Node &node) {
  double slope = node.real("alpha", 0.2), offset = node.real("beta", 0.5);
  Value x = node.tensor(0);
  if (slope == 0)
    return node.result(node.emitShifted(node.emitScaled(x, 0), std::clamp(offset, 0.0, 1.0)));
  if (slope < 0)
    x = node.emitScaled(x, -1);
  node.result(emitFunction(node, FunctionKind::HardSigmoid, x, {std::fabs(slope), offset}));
}

static void importSelu(Node &node) {
  double alpha = node.real("alpha", 1.67326319217681884765625),
         gamma = node.real("gamma", 1.05070102214813232421875);
  node.result(emitFunction(node, FunctionKind::Selu, node.tensor(0), {alpha, gamma}));
}

static void importGelu(Node &node) {
  std::string approximation = node.text("approximate", "none");
  if (approximation != "none" && approximation != "tanh")
    node.malformed(fmt::format("approximate = '{}'", approximation));
  node.result(emitFunction(
      node, approximation == "tanh" ? FunctionKind::GeluTanh : FunctionKind::Gelu, node.tensor(0)));
}

void addFunctionOps(HandlerTable &table) {
  table.on("Clip", 6, importClipAttributes);
  table.on("Clip", 11, importClipOperands);
  table.on("HardSigmoid", 6, importHardSigmoid);
  table.on("HardSwish", 14, importFunction<FunctionKind::HardSwish>);
  table.on("ThresholdedRelu", 7, importWithAlpha<FunctionKind::ThresholdedRelu, false>);
  table.on("Sigmoid", 6, importFunction<FunctionKind::Sigmoid>);
  table.on("Tanh", 6, importFunction<FunctionKind::Tanh>);
  table.on("Swish", 24, importWithAlpha<FunctionKind::Silu, true>);
  table.on("Gelu", 20, importGelu);
  table.on("Erf", 9, importFunction<FunctionKind::Erf>);
  table.on("Elu", 6, importWithAlpha<FunctionKind::Elu, false>);
  table.on("Selu", 6, importSelu);
  table.on("Celu", 12, importWithAlpha<FunctionKind::Celu, true>);
  table.on("Softplus", 7, importFunction<FunctionKind::Softplus>);
  table.on("Softsign", 7, importFunction<FunctionKind::Softsign>);
  table.on("Mish", 18, importFunction<FunctionKind::Mish>);
  table.on("Exp", 6, importFunction<FunctionKind::Exp>);
  table.on("Log", 6, importFunction<FunctionKind::Log>);
  table.on("Sqrt", 6, importFunction<FunctionKind::Sqrt>);
  table.on("Reciprocal", 6, importFunction<FunctionKind::Reciprocal>);
}

} // namespace gfs::onnx
