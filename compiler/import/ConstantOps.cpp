// SPDX-License-Identifier: Apache-2.0
// Constants, shapes, and conversions between floats and integers.
#include "compiler/import/Constants.h"
#include "compiler/import/Handlers.h"
#include "dialects/nn/NnElements.h"

#include <cmath>

using namespace mlir;

namespace gfs::onnx {

using Type = tensor::TensorProto;

static void importConstant(Node &node) {
  if (Type *tensor = node.tensorAttribute("value"))
    return node.result(0, node.emitTensor(*tensor));
  if (node.hasAttribute("value_int"))
    return node.result(0, node.integerValue({}, {node.integer("value_int", 0)}));
  if (node.hasAttribute("value_ints")) {
    std::vector<int64_t> values = node.integers("value_ints", {});
    return node.result(0, node.integerValue({static_cast<int64_t>(values.size())}, values));
  }
  if (node.hasAttribute("value_float"))
    return node.result(node.emitSplat({}, node.real("value_float", 0)));
  if (node.hasAttribute("value_floats")) {
    std::vector<float> values = node.reals("value_floats");
    return node.result(node.emitConstant({static_cast<int64_t>(values.size())}, values));
  }
  node.unsupported("holds strings or a sparse tensor", "use a dense tensor of numbers");
}

static void importConstantOfShape(Node &node) {
  nn::Shape shape{ArrayRef<int64_t>(node.known(0).values)};
  Type *value = node.tensorAttribute("value");
  if (!value)
    return node.result(node.emitSplat(shape, 0));
  OnnxValue single = node.emitTensor(*value);
  if (single.integers) {
    if (single.integers->values.size() != 1)
      node.malformed("the value is not one number");
    size_t count = node.integerCount(shape);
    return node.result(
        0, node.integerValue(shape, std::vector<int64_t>(count, single.integers->values[0])));
  }
  if (nn::elementCount(single.shape()) != 1)
    node.malformed("the value is not one number");
  node.result(node.emitSplat(shape, nn::ConstantData(single.tensor)[0]));
}

static void importShape(Node &node) {
  ArrayRef<int64_t> shape = node.operand(0).shape();
  auto rank = static_cast<int64_t>(shape.size());
  auto clamp = [&](int64_t axis) {
    return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
  };
  int64_t start = clamp(std::max(node.integer("start", 0), -rank)),
          end = clamp(std::max(node.integer("end", rank), -rank));
  std::vector<int64_t> extents(shape.begin() + start, shape.begin() + std::max(start, end));
  node.result(0, node.integerValue({static_cast<int64_t>(extents.size())}, extents));
}

static void importSize(Node &node) {
  node.result(0, node.integerValue({}, {nn::elementCount(node.operand(0).shape())}));
}

static void importCast(Node &node) {
  node.ignore({"saturate", "round_mode"});
  int64_t to = node.integer("to", Type::UNDEFINED);
  bool toFloat =
      to == Type::FLOAT || to == Type::DOUBLE || to == Type::FLOAT16 || to == Type::BFLOAT16;
  const OnnxValue &value = node.operand(0);
  if (toFloat && !value.integers)
    return node.result(0, value); // computed in f32 here, and with more bits than f16 later
  if (toFloat) {
    const IntegerTensor &integers = node.known(0);
    return node.result(
        node.emitConstant(integers.shape, {integers.values.begin(), integers.values.end()}));
  }
  if (to == Type::STRING || to == Type::UNDEFINED)
    node.unsupported(fmt::format("casts to type {}", to), "only numbers are supported");
  std::vector<int64_t> values;
  if (value.integers) {
    values = value.integers->values;
  } else {
    std::optional<nn::ConstantData> data = node.constant(0);
    if (!data)
      node.unsupported("rounds a tensor that is computed from the input",
                       "remove the cast: all tensors are computed as numbers with a fraction");
    node.integerCount(value.shape());
    for (float element : *data) {
      if (!(std::abs(element) < 0x1p62f))
        node.malformed(fmt::format("cannot cast {} to an integer", element));
      values.push_back(static_cast<int64_t>(element));
    }
  }
  if (to == Type::BOOL)
    for (int64_t &element : values)
      element = element != 0;
  node.result(0, node.integerValue(nn::Shape(value.shape()), std::move(values)));
}

static void importRange(Node &node) {
  for (size_t i = 0; i < 3; ++i)
    if (node.known(i).values.size() != 1)
      node.malformed("start, limit and delta must be one number each");
  int64_t start = node.known(0).values[0], limit = node.known(1).values[0],
          delta = node.known(2).values[0];
  constexpr int64_t bound = int64_t(1) << 40;
  if (delta == 0 || std::max({std::abs(start), std::abs(limit), std::abs(delta)}) > bound)
    node.malformed(fmt::format("a range from {} to {} by {}", start, limit, delta));
  int64_t count = std::max<int64_t>(0, (limit - start + delta - (delta > 0 ? 1 : -1)) / delta);
  std::vector<int64_t> values(node.integerCount({count}));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = start + static_cast<int64_t>(i) * delta;
  node.result(0, node.integerValue({count}, values));
}

/// `value` where `mask` is 1, zero where it is 0. What a constant holds elsewhere, which may be
/// infinite, does not count.
static Value emitMasked(Node &node, Value value, ArrayRef<int64_t> maskShape,
                        std::vector<float> mask) {
  if (!nn::constantValue(value))
    return node.emitBinary<nn::MulOp>(value, node.emitConstant(maskShape, std::move(mask)));
  nn::Shape shape = node.broadcast(Node::shapeOf(value), maskShape);
  node.spend(shape);
  std::vector<float> masked(static_cast<size_t>(nn::elementCount(shape)));
  nn::combineElements(Node::shapeOf(value), maskShape, shape, nn::ConstantData(value).begin(),
                      mask.data(), masked.data(),
                      [](float element, float kept) { return kept != 0 ? element : 0; });
  return node.emitConstant(shape, std::move(masked));
}

/// condition ? x : y of tensors, the condition being known: the sum of both, masked.
static void importTensorWhere(Node &node) {
  const IntegerTensor &condition = node.known(0);
  std::vector<float> mask(condition.values.size()), others(mask.size());
  for (size_t i = 0; i < mask.size(); ++i) {
    mask[i] = condition.values[i] != 0 ? 1 : 0;
    others[i] = 1 - mask[i];
  }
  Value x = emitMasked(node, node.tensor(1), condition.shape, std::move(mask)),
        y = emitMasked(node, node.tensor(2), condition.shape, std::move(others));
  node.result(node.emitBinary<nn::AddOp>(x, y));
}

/// condition ? x : y.
static void importWhere(Node &node) {
  if (!node.operand(1).integers || !node.operand(2).integers)
    return importTensorWhere(node);
  const IntegerTensor &condition = node.known(0), &x = node.known(1), &y = node.known(2);
  nn::Shape shape = node.broadcast(node.broadcast(condition.shape, x.shape), y.shape);
  // y where the condition is zero, else nothing; then x where it is not.
  std::vector<int64_t> chosen(node.integerCount(shape)), fromY(chosen.size()), mask(chosen.size());
  if (!chosen.empty()) {
    auto second = [](int64_t, int64_t b) { return b; };
    auto first = [](int64_t a, int64_t) { return a; };
    nn::combineElements(condition.shape, shape, shape, condition.values.data(), chosen.data(),
                        mask.data(), first);
    nn::combineElements(shape, y.shape, shape, chosen.data(), y.values.data(), fromY.data(),
                        second);
    nn::combineElements(shape, x.shape, shape, chosen.data(), x.values.data(), chosen.data(),
                        second);
    for (size_t i = 0; i < chosen.size(); ++i)
      chosen[i] = mask[i] != 0 ? chosen[i] : fromY[i];
  }
  node.result(0, node.integerValue(shape, std::move(chosen)));
}

void addConstantOps(HandlerTable &table) {
  table.on("Constant", 1, importConstant);
  table.on("ConstantOfShape", 9, importConstantOfShape);
  table.on("Shape", 1, importShape);
  table.on("Size", 1, importSize);
  table.on("Cast", 6, importCast);
  table.on("Range", 11, importRange);
  table.on("Where", 9, importWhere);
}

} // namespace gfs::onnx
