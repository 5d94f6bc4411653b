// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear, DequantizeLinear and the operators on integers of 8 bits, as operators on reals.
#include "compiler/import/Handlers.h"
#include "compiler/import/Quantisation.h"
#include "compiler/import/Windows.h"

#include <cmath>

using namespace mlir;

namespace gfs::onnx {

bool Quantisation::isPlain() const {
  return scales == std::vector<double>{1} && zeros == std::vector<double>{0};
}

/// The range of an ONNX element type; both 0 where sums are held that are never clamped.
static std::optional<std::pair<double, double>> rangeOf(int32_t elementType) {
  using Proto = tensor::TensorProto;
  switch (elementType) {
  case Proto::UINT8:
    return std::pair(0.0, 255.0);
  case Proto::INT8:
    return std::pair(-128.0, 127.0);
  case Proto::UINT16:
    return std::pair(0.0, 65535.0);
  case Proto::INT16:
    return std::pair(-32768.0, 32767.0);
  case Proto::INT32:
    return std::pair(0.0, 0.0);
  default:
    return std::nullopt;
  }
}

std::shared_ptr<const Quantisation> plainQuantisation(int32_t elementType) {
  using Proto = tensor::TensorProto;
  if (elementType != Proto::UINT8 && elementType != Proto::INT8)
    return nullptr;
  auto [low, high] = *rangeOf(elementType);
  return std::make_shared<Quantisation>(Quantisation{{1}, {0}, 0, low, high});
}

/// Operators that are the same on integers as on the reals they stand for.
static bool movesOrCompares(StringRef op) {
  static const std::set<StringRef> names{
      "Identity",  "Dropout",       "Reshape",      "Flatten",     "Squeeze", "Unsqueeze",
      "Transpose", "Slice",         "Gather",       "Split",       "Expand",  "Tile",
      "MaxPool",   "GlobalMaxPool", "DepthToSpace", "SpaceToDepth"};
  return names.contains(op);
}

static bool isQuantisedOperator(StringRef op) {
  return op == "QuantizeLinear" || op == "DequantizeLinear" || op.starts_with("QLinear");
}

void checkQuantisedOperands(Node &node, StringRef op) {
  if (movesOrCompares(op) || isQuantisedOperator(op))
    return;
  for (size_t i = 0; i < node.operandCount(); ++i)
    if (node.has(i) && node.operand(i).quantised && !node.operand(i).quantised->isPlain())
      node.unsupported("computes on quantised integers",
                       "export the model with pairs of QuantizeLinear and DequantizeLinear (QDQ)");
}

void passQuantisation(Node &node, StringRef op) {
  if (!movesOrCompares(op) || !node.has(0) || !node.operand(0).quantised)
    return;
  std::shared_ptr<const Quantisation> quantised = node.operand(0).quantised;
  if (quantised->scales.size() > 1 || quantised->zeros.size() > 1)
    node.unsupported("moves elements that are quantised along an axis",
                     "quantise activations with one scale");
  node.markQuantised(quantised);
}

/// Scale and zero point from operands `scale` and `scale + 1`; the zero point's type is the
/// integers'.
static Quantisation readQuantisation(Node &node, size_t scale, size_t rank, int64_t axis) {
  Quantisation result;
  node.constantTensor(scale, "the scale");
  std::optional<nn::ConstantData> scales = node.constant(scale);
  result.scales.assign(scales->begin(), scales->end());
  result.zeros.assign(1, 0.0);
  int32_t type = tensor::TensorProto::UINT8;
  if (node.has(scale + 1)) {
    const IntegerTensor &zeros = node.known(scale + 1);
    result.zeros.assign(zeros.values.begin(), zeros.values.end());
    type = zeros.elementType;
  }
  std::optional<std::pair<double, double>> range = rangeOf(type);
  if (!range)
    node.unsupported("quantises to a type other than 8, 16 or 32 bits",
                     "quantise to int8 or uint8");
  std::tie(result.low, result.high) = *range;
  bool positive =
      llvm::all_of(result.scales, [](double value) { return value > 0 && std::isfinite(value); });
  if (!positive || result.zeros.empty())
    node.malformed("scales must be positive");
  if (result.scales.size() > 1 || result.zeros.size() > 1)
    result.axis = node.axis(axis, rank);
  return result;
}

/// Numbers for each element of `shape`, along the quantisation's axis.
static Value emitAlongAxis(Node &node, const Quantisation &quantisation, ArrayRef<int64_t> shape,
                           llvm::function_ref<double(double scale, double zero)> number) {
  size_t count = std::max(quantisation.scales.size(), quantisation.zeros.size());
  std::vector<float> numbers;
  for (size_t i = 0; i < count; ++i)
    numbers.push_back(
        static_cast<float>(number(quantisation.scales[quantisation.scales.size() > 1 ? i : 0],
                                  quantisation.zeros[quantisation.zeros.size() > 1 ? i : 0])));
  if (count == 1)
    return node.emitSplat({}, numbers[0]);
  nn::Shape along(shape.size() - quantisation.axis, 1);
  along[0] = static_cast<int64_t>(count);
  if (shape[quantisation.axis] != along[0])
    node.malformed(fmt::format("{} scales for an axis of {}", count, shape[quantisation.axis]));
  return node.emitConstant(along, std::move(numbers));
}

/// value * factor + offset, both as emitAlongAxis makes them.
static Value emitAffine(Node &node, Value value, const Quantisation &quantisation,
                        llvm::function_ref<double(double, double)> factor,
                        llvm::function_ref<double(double, double)> offset) {
  ArrayRef<int64_t> shape = Node::shapeOf(value);
  Value scaled =
      node.emitBinary<nn::MulOp>(value, emitAlongAxis(node, quantisation, shape, factor));
  return node.emitBinary<nn::AddOp>(scaled, emitAlongAxis(node, quantisation, shape, offset));
}

Value emitIntegers(Node &node, const OnnxValue &value) {
  if (value.quantised->isPlain())
    return value.tensor;
  return emitAffine(
      node, value.tensor, *value.quantised, [](double scale, double) { return 1 / scale; },
      [](double, double zero) { return zero; });
}

/// What operand i stands for under `quantisation`: of known integers, of a value that was quantised
/// so, or otherwise, from its integers: (q - zero) * scale.
static Value emitReal(Node &node, size_t i, const Quantisation &quantisation) {
  const OnnxValue &operand = node.operand(i);
  Value integers;
  if (operand.integers) {
    const IntegerTensor &known = node.known(i);
    integers = node.emitConstant(known.shape, {known.values.begin(), known.values.end()});
  } else if (!operand.quantised) {
    node.malformed(fmt::format("operand {} does not hold integers", i));
  } else if (operand.quantised->scales == quantisation.scales &&
             operand.quantised->zeros == quantisation.zeros) {
    return operand.tensor;
  } else {
    integers = emitIntegers(node, operand);
  }
  return emitAffine(
      node, integers, quantisation, [](double scale, double) { return scale; },
      [](double scale, double zero) { return -zero * scale; });
}

/// `real` inside the range that the integers can stand for.
static OnnxValue emitQuantised(Node &node, Value real, Quantisation quantisation) {
  ArrayRef<int64_t> shape = Node::shapeOf(real);
  auto bound = [&](double integer) {
    return [integer](double scale, double zero) { return (integer - zero) * scale; };
  };
  auto shared = std::make_shared<const Quantisation>(quantisation);
  if (quantisation.low == quantisation.high)
    return {real, nullptr, false, shared};
  if (quantisation.scales.size() == 1 && quantisation.zeros.size() == 1) {
    double bounds[] = {bound(quantisation.low)(quantisation.scales[0], quantisation.zeros[0]),
                       bound(quantisation.high)(quantisation.scales[0], quantisation.zeros[0])};
    return {
        node.emit<nn::FunctionOp>(shape, nn::FunctionKind::Clip, real, ArrayRef<double>(bounds)),
        nullptr, false, shared};
  }
  // low + relu(x - low) - relu(x - high), with bounds along the axis.
  Value low = emitAlongAxis(node, quantisation, shape, bound(quantisation.low)),
        high = emitAlongAxis(node, quantisation, shape, bound(quantisation.high));
  Value from = node.emit<nn::ReluOp>(shape, node.emitBinary<nn::SubOp>(real, low)),
        above = node.emit<nn::ReluOp>(shape, node.emitBinary<nn::SubOp>(real, high));
  Value inside = node.emitBinary<nn::AddOp>(node.emitBinary<nn::SubOp>(from, above), low);
  return {inside, nullptr, false, shared};
}

static void importQuantize(Node &node) {
  node.ignore({"saturate", "output_dtype", "precision"});
  Quantisation quantisation =
      readQuantisation(node, 1, node.shape(0).size(), node.integer("axis", 1));
  node.result(0, emitQuantised(node, node.tensor(0), std::move(quantisation)));
}

static void importDequantize(Node &node) {
  node.ignore({"output_dtype"});
  Quantisation quantisation =
      readQuantisation(node, 1, node.shape(0).size(), node.integer("axis", 1));
  node.result(emitReal(node, 0, quantisation));
}

/// x, its scale and zero, w, its scales and zeros, the result's scale and zero, a bias in units of
/// both scales.
static void importQLinearConv(Node &node) {
  size_t rank = node.shape(0).size();
  Quantisation input = readQuantisation(node, 1, rank, 1),
               filter = readQuantisation(node, 4, rank, 0),
               output = readQuantisation(node, 6, rank, 1);
  Value weight = emitReal(node, 3, filter), bias;
  if (node.has(8)) {
    Quantisation products = filter;
    for (double &scale : products.scales)
      scale *= input.scales[0];
    products.zeros = {0};
    bias = emitReal(node, 8, products);
  }
  Value result = emitConvolution(node, emitReal(node, 0, input), weight, bias);
  node.result(0, emitQuantised(node, result, std::move(output)));
}

static void importQLinearMatMul(Node &node) {
  Quantisation left = readQuantisation(node, 1, node.shape(0).size(), -1),
               right = readQuantisation(node, 4, node.shape(3).size(), -1),
               output = readQuantisation(node, 6, 1, 0);
  Value product = emitMatMul(node, emitReal(node, 0, left), emitReal(node, 3, right));
  node.result(0, emitQuantised(node, product, std::move(output)));
}

void addQuantisedOps(HandlerTable &table) {
  table.on("QuantizeLinear", 10, importQuantize);
  table.on("DequantizeLinear", 10, importDequantize);
  table.on("QLinearConv", 10, importQLinearConv);
  table.on("QLinearMatMul", 10, importQLinearMatMul);
}

} // namespace gfs::onnx
