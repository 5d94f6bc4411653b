// SPDX-License-Identifier: Apache-2.0
// Arithmetic, element by element: on tensors, on constants, and on the integers of shape
// computations.
#include "compiler/import/Handlers.h"
#include "dialects/nn/NnElements.h"

#include <cmath>

using namespace mlir;

namespace gfs::onnx {

// --- Known integers
// -------------------------------------------------------------------------------
using IntegerFunction = int64_t (*)(int64_t, int64_t);

// Wrapping, as ONNX's int64 does.
static int64_t addWrapped(int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); }
static int64_t subWrapped(int64_t a, int64_t b) { return int64_t(uint64_t(a) - uint64_t(b)); }
static int64_t mulWrapped(int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); }
static int64_t divWrapped(int64_t a, int64_t b) { return b == -1 ? subWrapped(0, a) : a / b; }
/// The remainder with the divisor's sign.
static int64_t modWrapped(int64_t a, int64_t b) {
  int64_t rest = b == -1 ? 0 : a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static bool bothKnown(Node &node) { return node.operand(0).integers && node.operand(1).integers; }

static OnnxValue combineKnown(Node &node, IntegerFunction function) {
  const IntegerTensor &lhs = node.known(0), &rhs = node.known(1);
  nn::Shape shape = node.broadcast(lhs.shape, rhs.shape);
  std::vector<int64_t> values(node.integerCount(shape));
  if (!values.empty())
    nn::combineElements(lhs.shape, rhs.shape, shape, lhs.values.data(), rhs.values.data(),
                        values.data(), function);
  return node.integerValue(shape, std::move(values));
}

template <IntegerFunction function> static void importIntegerOp(Node &node) {
  node.result(0, combineKnown(node, function));
}

static void checkDivisors(Node &node) {
  if (llvm::is_contained(node.known(1).values, 0))
    node.malformed("divides integers by zero");
}

// --- Tensors
// --------------------------------------------------------------------------------------
template <class Op, IntegerFunction function> static void importArithmetic(Node &node) {
  if (bothKnown(node))
    return node.result(0, combineKnown(node, function));
  node.result(node.emitBinary<Op>(node.tensor(0), node.tensor(1)));
}

static Value emitFunction(Node &node, nn::FunctionKind kind, Value value,
                          ArrayRef<double> parameters = {}) {
  return node.emit<nn::FunctionOp>(Node::shapeOf(value), kind, value, parameters);
}

static Value emitSquare(Node &node, Value value) {
  return node.emit<nn::SquareOp>(Node::shapeOf(value), value);
}

static void importMul(Node &node) {
  if (!bothKnown(node) && node.tensor(0) == node.tensor(1))
    return node.result(emitSquare(node, node.tensor(0)));
  importArithmetic<nn::MulOp, mulWrapped>(node);
}

static void importDiv(Node &node) {
  if (bothKnown(node)) {
    checkDivisors(node);
    return node.result(0, combineKnown(node, divWrapped));
  }
  Value dividend = node.tensor(0);
  std::optional<nn::ConstantData> divisor = node.constant(1);
  if (!divisor) // a / b = a * (1 / b)
    return node.result(node.emitBinary<nn::MulOp>(
        dividend, emitFunction(node, nn::FunctionKind::Reciprocal, node.tensor(1))));
  std::vector<float> inverse(divisor->size());
  std::transform(divisor->begin(), divisor->end(), inverse.begin(),
                 [](float value) { return 1 / value; });
  node.result(
      node.emitBinary<nn::MulOp>(dividend, node.emitConstant(node.shape(1), std::move(inverse))));
}

static void importMod(Node &node) {
  node.ignore({"fmod"});
  checkDivisors(node);
  node.result(0, combineKnown(node, modWrapped));
}

static Value emitSum(Node &node) {
  Value sum = node.tensor(0);
  for (size_t i = 1; i < node.operandCount(); ++i)
    sum = node.emitBinary<nn::AddOp>(sum, node.tensor(i));
  return sum;
}

static void importSum(Node &node) { node.result(emitSum(node)); }

static void importMean(Node &node) {
  node.result(node.emitScaled(emitSum(node), 1.0 / static_cast<double>(node.operandCount())));
}

static void importNeg(Node &node) {
  if (node.operand(0).integers) {
    std::vector<int64_t> values = node.known(0).values;
    for (int64_t &value : values)
      value = subWrapped(0, value);
    return node.result(0, node.integerValue(node.shape(0), std::move(values)));
  }
  node.result(node.emitScaled(node.tensor(0), -1));
}

/// Element by element on a constant.
template <class Function> static void importOnConstant(Node &node, Function function) {
  std::optional<nn::ConstantData> data = node.constant(0);
  if (!data)
    node.unsupported("its operand is computed from the input",
                     "this operator is only supported on constants");
  std::vector<float> values(data->size());
  std::transform(data->begin(), data->end(), values.begin(), function);
  node.result(node.emitConstant(node.shape(0), std::move(values)));
}

/// Small powers are products; what is left becomes a piecewise polynomial on the calibrated range.
static Value emitPower(Node &node, Value base, double exponent) {
  if (exponent == 1)
    return base;
  if (exponent == 2)
    return emitSquare(node, base);
  if (exponent == 3)
    return node.emitBinary<nn::MulOp>(emitSquare(node, base), base);
  if (exponent == 4)
    return emitSquare(node, emitSquare(node, base));
  if (exponent == 0.5)
    return emitFunction(node, nn::FunctionKind::Sqrt, base);
  if (exponent == -0.5)
    return emitFunction(node, nn::FunctionKind::Rsqrt, base);
  if (exponent == -1)
    return emitFunction(node, nn::FunctionKind::Reciprocal, base);
  if (!std::isfinite(exponent))
    node.malformed("raises to a power that is not finite");
  if (exponent == 0)
    node.unsupported(fmt::format("raises to the power {}", exponent),
                     "export the model without it");
  return emitFunction(node, nn::FunctionKind::Power, base, exponent);
}

/// x / (bias + alpha * m)^beta, m being the mean of x^2 over `size` neighbouring channels, those
/// outside counting as zero: an average pooling of [N, 1, C, rest].
static void importLrn(Node &node) {
  nn::Shape shape = node.shape(0);
  int64_t size = node.integer("size", 0);
  double alpha = node.real("alpha", 1e-4), beta = node.real("beta", 0.75),
         bias = node.real("bias", 1);
  if (shape.size() < 2 || size <= 0 || size > 2 * shape[1] + 1)
    node.malformed(fmt::format("a window of {} channels of {}", size, nn::printShape(shape)));
  Value x = node.tensor(0);
  int64_t rest = nn::elementCount(ArrayRef<int64_t>(shape).drop_front(2));
  nn::Shape image{shape[0], 1, shape[1], rest};
  int64_t kernel[] = {size, 1}, ones[] = {1, 1}, pads[] = {(size - 1) / 2, 0, size / 2, 0};
  Value mean = node.emit<nn::AvgPool2dOp>(image, node.emitReshape(emitSquare(node, x), image),
                                          ArrayRef<int64_t>(kernel), ArrayRef<int64_t>(ones),
                                          ArrayRef<int64_t>(ones), ArrayRef<int64_t>(pads), true);
  Value scaled = node.emitScaled(mean, alpha);
  Value shifted = node.emitBinary<nn::AddOp>(scaled, node.emitSplat({}, bias));
  Value divisor = node.emitReshape(shifted, shape);
  node.result(node.emitBinary<nn::MulOp>(x, emitPower(node, divisor, -beta)));
}

static void importPow(Node &node) {
  if (nn::elementCount(node.shape(1)) != 1)
    node.unsupported(fmt::format("raises to powers of shape {}", nn::printShape(node.shape(1))),
                     "only one exponent for all elements is supported: use a Pow for each");
  double exponent = node.scalar(1, "the exponent");
  Value base = node.tensor(0);
  if (nn::constantValue(base))
    return importOnConstant(
        node, [&](float value) { return static_cast<float>(std::pow(value, exponent)); });
  nn::Shape shape = node.broadcast(Node::shapeOf(base), node.shape(1));
  node.result(node.emitReshape(emitPower(node, base, exponent), shape));
}

template <float (*function)(float)> static void importFunction(Node &node) {
  importOnConstant(node, function);
}

static int64_t equal(int64_t a, int64_t b) { return a == b; }
static int64_t less(int64_t a, int64_t b) { return a < b; }
static int64_t greater(int64_t a, int64_t b) { return a > b; }
static int64_t both(int64_t a, int64_t b) { return a && b; }
static int64_t either(int64_t a, int64_t b) { return a || b; }

static void importNot(Node &node) {
  std::vector<int64_t> values = node.known(0).values;
  for (int64_t &value : values)
    value = !value;
  node.result(0, node.integerValue(node.shape(0), std::move(values)));
}

void addElementwiseOps(HandlerTable &table) {
  table.on("Add", 7, importArithmetic<nn::AddOp, addWrapped>);
  table.on("Sub", 7, importArithmetic<nn::SubOp, subWrapped>);
  table.on("Mul", 7, importMul);
  table.on("Div", 7, importDiv);
  table.on("Mod", 10, importMod);
  table.on("Sum", 6, importSum);
  table.on("Mean", 6, importMean);
  table.on("Neg", 6, importNeg);
  table.on("Pow", 7, importPow);
  table.on("LRN", 1, importLrn);
  table.on("Floor", 6, importFunction<std::floor>);
  table.on("Ceil", 6, importFunction<std::ceil>);
  table.on("Equal", 7, importIntegerOp<equal>);
  table.on("Less", 7, importIntegerOp<less>);
  table.on("Greater", 7, importIntegerOp<greater>);
  table.on("And", 7, importIntegerOp<both>);
  table.on("Or", 7, importIntegerOp<either>);
  table.on("Not", 1, importNot);
}

} // namespace gfs::onnx
