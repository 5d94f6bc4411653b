// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/Node.h"

#include "compiler/import/Constants.h"
#include "dialects/nn/NnElements.h"
#include "dialects/nn/NnFolds.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;

namespace gfs::onnx {

/// Known integers are shapes and indices: anything larger is not what they are for.
static constexpr int64_t maxKnownIntegers = int64_t(1) << 20;
/// The longest axis that a slice, pad, tile or resize may make.
static constexpr int64_t maxTakenExtent = int64_t(1) << 24;

ArrayRef<int64_t> OnnxValue::shape() const {
  return integers ? ArrayRef<int64_t>(integers->shape) : Node::shapeOf(tensor);
}

Node::Node(GraphState &state, NodeProto &proto, std::string name)
    : state(state), proto(proto), name(std::move(name)),
      location(NameLoc::get(state.builder.getStringAttr(this->name))) {}

void Node::unsupported(std::string reason, std::string hint) const {
  throw Refusal{Refusal::Kind::Unsupported, std::move(reason), std::move(hint)};
}

void Node::malformed(std::string reason) const {
  throw Refusal{Refusal::Kind::Malformed, std::move(reason),
                "check the model with onnx.checker, or export it again"};
}

// --- Attributes ---------------------------------------------------------------------------------
AttributeProto *Node::find(StringRef name) {
  asked.insert(name.str());
  for (AttributeProto &attribute : *proto.mutable_attribute())
    if (attribute.name() == name)
      return &attribute;
  return nullptr;
}

AttributeProto *Node::find(StringRef name, AttributeProto::AttributeType type) {
  AttributeProto *attribute = find(name);
  // Old writers leave the type out.
  if (attribute && attribute->has_type() && attribute->type() != type)
    malformed(fmt::format("attribute '{}' is of type {}, not {}", name.str(),
                          AttributeProto::AttributeType_Name(attribute->type()),
                          AttributeProto::AttributeType_Name(type)));
  return attribute;
}

int64_t Node::integer(StringRef name, int64_t fallback) {
  const AttributeProto *attribute = find(name, AttributeProto::INT);
  return attribute ? attribute->i() : fallback;
}

double Node::real(StringRef name, double fallback) {
  const AttributeProto *attribute = find(name, AttributeProto::FLOAT);
  return attribute ? double(attribute->f()) : fallback;
}

std::string Node::text(StringRef name, std::string fallback) {
  const AttributeProto *attribute = find(name, AttributeProto::STRING);
  return attribute ? attribute->s() : fallback;
}

std::vector<int64_t> Node::integers(StringRef name, std::vector<int64_t> fallback) {
  const AttributeProto *attribute = find(name, AttributeProto::INTS);
  if (!attribute)
    return fallback;
  return {attribute->ints().begin(), attribute->ints().end()};
}

std::vector<float> Node::reals(StringRef name) {
  const AttributeProto *attribute = find(name, AttributeProto::FLOATS);
  if (!attribute)
    return {};
  return {attribute->floats().begin(), attribute->floats().end()};
}

std::vector<std::string> Node::texts(StringRef name) {
  const AttributeProto *attribute = find(name, AttributeProto::STRINGS);
  if (!attribute)
    return {};
  return {attribute->strings().begin(), attribute->strings().end()};
}

tensor::TensorProto *Node::tensorAttribute(StringRef name) {
  AttributeProto *attribute = find(name, AttributeProto::TENSOR);
  return attribute ? attribute->mutable_t() : nullptr;
}

void Node::ignore(std::initializer_list<StringRef> names) {
  for (StringRef name : names)
    asked.insert(name.str());
}

void Node::refuseUnknownAttributes() const {
  for (const AttributeProto &attribute : proto.attribute())
    if (!asked.contains(attribute.name()))
      unsupported(fmt::format("attribute '{}' is not known", attribute.name()),
                  "export the model with standard ONNX operators");
}

// --- Operands -----------------------------------------------------------------------------------
bool Node::has(size_t i) const {
  return i < operandCount() && !proto.input(static_cast<int>(i)).empty();
}

const OnnxValue &Node::operand(size_t i) const {
  if (!has(i))
    malformed(fmt::format("operand {} is missing", i));
  return state.values[proto.input(static_cast<int>(i))];
}

Value Node::tensor(size_t i) const {
  const OnnxValue &value = operand(i);
  if (value.integers)
    unsupported(fmt::format("operand {} holds integers", i),
                "only tensors of floats can be computed on privately");
  return value.tensor;
}

/// Operators whose results are truth values.
static bool comparesOrDecides(StringRef op) {
  static const std::set<StringRef> names{
      "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "Not", "And", "Or",
      "Xor",     "Where"};
  return names.contains(op);
}

const IntegerTensor &Node::known(size_t i) const {
  const OnnxValue &value = operand(i);
  if (!value.integers && comparesOrDecides(proto.op_type()))
    unsupported("decides by values that depend on the input, which nobody may know",
                "write it with Relu, Clip, Max, Min or an activation (torch.onnx.export with "
                "dynamo=False keeps some that dynamo=True spells out, Softplus for one), or cut "
                "the model before it (--outputs)");
  if (!value.integers)
    unsupported(fmt::format("operand {} must be known at compile time", i),
                "export the model with constant shapes and indices, for instance with "
                "onnx-simplifier");
  return *value.integers;
}

std::optional<nn::ConstantData> Node::constant(size_t i) const {
  ElementsAttr value = nn::constantValue(tensor(i));
  if (!value)
    return std::nullopt;
  if (nn::splatValue(value))
    spend(value.getShapedType().getShape());
  return nn::ConstantData(value);
}

Value Node::constantTensor(size_t i, StringRef what) const {
  Value value = tensor(i);
  if (!nn::constantValue(value))
    unsupported(fmt::format("{} must be a constant", what.str()),
                "make it an initialiser of the model; products of two computed tensors are not "
                "supported here");
  return value;
}

double Node::scalar(size_t i, StringRef what) const {
  if (operand(i).integers && operand(i).integers->values.size() == 1)
    return static_cast<double>(operand(i).integers->values[0]);
  Value value = constantTensor(i, what);
  if (nn::elementCount(shapeOf(value)) != 1)
    malformed(fmt::format("{} must be one number", what.str()));
  return nn::ConstantData(value)[0];
}

std::optional<std::vector<int64_t>> Node::integersOf(StringRef name, int64_t since, size_t i) {
  if (opset() < since) {
    if (!hasAttribute(name))
      return std::nullopt;
    return integers(name, {});
  }
  if (!has(i))
    return std::nullopt;
  return known(i).values;
}

size_t Node::axis(int64_t axis, size_t rank) const {
  auto extent = static_cast<int64_t>(rank);
  if (axis < -extent || axis >= extent)
    malformed(fmt::format("axis {} of a tensor with {} axes", axis, rank));
  return static_cast<size_t>(axis < 0 ? axis + extent : axis);
}

// --- Building -----------------------------------------------------------------------------------
ArrayRef<int64_t> Node::shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

nn::Shape Node::broadcast(ArrayRef<int64_t> lhs, ArrayRef<int64_t> rhs) const {
  std::optional<nn::Shape> shape = nn::broadcastShapes(lhs, rhs);
  if (!shape)
    malformed(fmt::format("shapes {} and {} do not fit", nn::printShape(lhs), nn::printShape(rhs)));
  return *shape;
}

void Node::checkShape(ArrayRef<int64_t> shape) const {
  if (!nn::isValidShape(shape))
    unsupported(fmt::format("a tensor of shape {} is empty or has more than 2^31 elements",
                            nn::printShape(shape)),
                "check the shapes of the inputs (--shape)");
}

void Node::checkExtent(int64_t extent) const {
  if (extent <= 0 || extent > maxTakenExtent)
    unsupported(fmt::format("an axis of {} positions", extent),
                "check the shapes of the inputs (--shape)");
}

size_t Node::integerCount(ArrayRef<int64_t> shape) const {
  int64_t count = 1;
  for (int64_t extent : shape) {
    if (extent < 0 || (extent > 0 && count > maxKnownIntegers / extent))
      unsupported(fmt::format("computes with {} integers", nn::printShape(shape)),
                  "export the model with constant shapes, for instance with onnx-simplifier");
    count *= extent;
  }
  return static_cast<size_t>(count);
}

void Node::spend(ArrayRef<int64_t> shape) const {
  checkShape(shape);
  if (nn::elementCount(shape) > state.constantBudget)
    unsupported("constants computed in the graph are far larger than the model",
                "simplify the model, for instance with onnx-simplifier");
  state.constantBudget -= nn::elementCount(shape);
}

Value Node::finish(Operation *op) {
  std::string problem;
  ScopedDiagnosticHandler handler(op->getContext(), [&](Diagnostic &diagnostic) {
    if (problem.empty())
      problem = diagnostic.str();
    return success();
  });
  if (failed(verify(op, /*verifyRecursively=*/false))) {
    op->erase();
    malformed(problem);
  }
  Value result = op->getResult(0);
  bool folds = op->getNumOperands() > 0 && llvm::all_of(op->getOperands(), nn::constantValue);
  if (!folds)
    return result;
  if (!nn::foldsWithoutMemory(op)) {
    spend(shapeOf(result));
    for (Value operand : op->getOperands()) // splats are written out
      if (nn::splatValue(nn::constantValue(operand)))
        spend(shapeOf(operand));
  }
  ElementsAttr value = nn::foldConstants(op);
  if (!value)
    return result;
  op->erase();
  return nn::ConstantOp::create(state.builder, location, value);
}

Value Node::emitConstant(ArrayRef<int64_t> shape, std::vector<float> values) {
  checkShape(shape);
  return nn::ConstantOp::create(state.builder, location,
                                nn::makeConstant(context(), shape, std::move(values), name));
}

Value Node::emitSplat(ArrayRef<int64_t> shape, double value) {
  checkShape(shape);
  return nn::ConstantOp::create(state.builder, location,
                                nn::makeSplat(context(), shape, static_cast<float>(value)));
}

Value Node::emitScaled(Value value, double factor) {
  if (factor == 1)
    return value;
  Value product = emitBinary<nn::MulOp>(value, emitSplat({}, factor));
  if (auto mul = product.getDefiningOp<nn::MulOp>()) // not computed at once
    mul->setAttr(nn::publicFactorAttr, UnitAttr::get(context()));
  return product;
}

Value Node::emitShifted(Value value, double offset) {
  return offset == 0 ? value : emitBinary<nn::AddOp>(value, emitSplat({}, offset));
}

OnnxValue Node::emitTensor(tensor::TensorProto &tensor) {
  if (tensor.data_location() == tensor::TensorProto::EXTERNAL)
    unsupported("an attribute kept in another file", "save the model as one file");
  return takeTensor(state, tensor, name);
}

Value Node::emitReshape(Value value, ArrayRef<int64_t> shape) {
  return reshape(OnnxValue{value, nullptr}, shape).tensor;
}

OnnxValue Node::integerValue(nn::Shape shape, std::vector<int64_t> values) const {
  integerCount(shape);
  return {{}, std::make_shared<IntegerTensor>(IntegerTensor{std::move(shape), std::move(values)})};
}

OnnxValue Node::reshape(const OnnxValue &value, ArrayRef<int64_t> shape) {
  if (value.integers) {
    if (nn::elementCount(shape) != static_cast<int64_t>(value.integers->values.size()))
      malformed(fmt::format("cannot reshape {} to {}", nn::printShape(value.shape()),
                            nn::printShape(shape)));
    return integerValue(nn::Shape(shape), value.integers->values);
  }
  if (value.shape() == shape)
    return value;
  return {emit<nn::ReshapeOp>(shape, value.tensor), nullptr};
}

OnnxValue Node::transpose(const OnnxValue &value, ArrayRef<int64_t> permutation) {
  std::vector<bool> seen(value.shape().size(), false);
  nn::Shape shape;
  for (int64_t from : permutation) {
    size_t source = axis(from, seen.size());
    if (from < 0 || seen[source])
      malformed("perm is not a permutation");
    seen[source] = true;
    shape.push_back(value.shape()[source]);
  }
  if (shape.size() != seen.size())
    malformed("perm is not a permutation");
  if (!value.integers)
    return {emit<nn::TransposeOp>(shape, value.tensor, permutation), nullptr};
  std::vector<int64_t> moved(value.integers->values.size());
  nn::transposeElements(value.shape(), permutation, value.integers->values.data(), moved.data());
  return integerValue(shape, std::move(moved));
}

OnnxValue Node::take(const OnnxValue &value, size_t axis, ArrayRef<int64_t> indices) {
  bool whole = static_cast<int64_t>(indices.size()) == value.shape()[axis] &&
               llvm::all_of(llvm::enumerate(indices), [](auto index) {
                 return index.value() == static_cast<int64_t>(index.index());
               });
  if (whole)
    return value;
  nn::Shape shape(value.shape());
  shape[axis] = static_cast<int64_t>(indices.size());
  if (!value.integers) {
    checkExtent(shape[axis]);
    return {emit<nn::TakeOp>(shape, value.tensor, static_cast<uint64_t>(axis), indices), nullptr};
  }
  std::vector<int64_t> moved(integerCount(shape));
  nn::takeElements(value.shape(), axis, indices, value.integers->values.data(), moved.data());
  return integerValue(shape, std::move(moved));
}

OnnxValue Node::concat(ArrayRef<OnnxValue> values, size_t axis) {
  nn::Shape shape(values.front().shape());
  bool integers = values.front().integers != nullptr;
  shape[axis] = 0;
  for (const OnnxValue &value : values) {
    nn::Shape expected = shape;
    if (value.shape().size() == shape.size())
      expected[axis] = value.shape()[axis];
    if (value.shape() != ArrayRef<int64_t>(expected) || (value.integers != nullptr) != integers)
      malformed(fmt::format("cannot join {} and {}", nn::printShape(values.front().shape()),
                            nn::printShape(value.shape())));
    shape[axis] += expected[axis];
  }
  if (!integers) {
    SmallVector<Value> tensors;
    for (const OnnxValue &value : values)
      tensors.push_back(value.tensor);
    return {emit<nn::ConcatOp>(shape, ValueRange(tensors), static_cast<uint64_t>(axis)), nullptr};
  }
  std::vector<int64_t> joined(integerCount(shape));
  int64_t start = 0;
  for (const OnnxValue &value : values) {
    nn::placeElements(value.shape(), shape, axis, start, value.integers->values.data(),
                      joined.data());
    start += value.shape()[axis];
  }
  return integerValue(shape, std::move(joined));
}

void Node::result(size_t i, OnnxValue value) {
  if (i < resultCount() && !proto.output(static_cast<int>(i)).empty())
    state.values[proto.output(static_cast<int>(i))] = std::move(value);
}

void Node::markQuantised(const std::shared_ptr<const Quantisation> &quantisation) {
  for (const std::string &output : proto.output())
    if (auto made = state.values.find(output); made != state.values.end() && made->second.tensor)
      made->second.quantised = quantisation;
}

} // namespace gfs::onnx
