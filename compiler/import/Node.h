// SPDX-License-Identifier: Apache-2.0
// What an operator's handler sees of its node: operands, attributes, and ways to build results.
#pragma once

#include "compiler/import/onnx.pb.h"
#include "dialects/nn/NnConstants.h"
#include "dialects/nn/NnDialect.h"
#include "dialects/nn/NnShapes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringMap.h"

#include <fmt/format.h>
#include <memory>
#include <optional>
#include <set>

namespace gfs::onnx {

/// Thrown by handlers, caught for each node: why it cannot be imported, and what to try.
struct Refusal {
  enum class Kind { Malformed, Unsupported };
  Kind kind;
  std::string reason, hint;
};

/// Integers (and truth values) known at import: shapes, axes, indices and what is computed from
/// them.
struct IntegerTensor {
  nn::Shape shape;
  std::vector<int64_t> values;
  int32_t elementType = 0; ///< ONNX's, of an initialiser; 0 for what is computed.
};

struct Quantisation;

/// What a name of the graph stands for: a tensor of floats, which may be an nn.constant, or known
/// integers.
struct OnnxValue {
  mlir::Value tensor;
  std::shared_ptr<const IntegerTensor> integers;
  bool refused = false; ///< Result of a refused node: its users are passed over in silence.
  /// The tensor holds what these integers stand for; null for a tensor of floats.
  std::shared_ptr<const Quantisation> quantised = nullptr;

  llvm::ArrayRef<int64_t> shape() const;
};

/// Another batch than the one that the model was exported with; both 0: the same.
struct BatchChange {
  int64_t exported = 0, wanted = 0;
};

/// What the nodes of one graph share.
struct GraphState {
  mlir::OpBuilder builder;
  int64_t opset = 0;
  /// Elements that constants computed at import may still have in all.
  int64_t constantBudget = 0;
  llvm::StringMap<OnnxValue> values; ///< Looked up, never iterated over.
  BatchChange batch = {};
};

class Node {
public:
  Node(GraphState &state, NodeProto &proto, std::string name);

  // --- Refusals: thrown, never returned --------------------------------------------------------
  [[noreturn]] void unsupported(std::string reason, std::string hint) const;
  [[noreturn]] void malformed(std::string reason) const;

  int64_t opset() const { return state.opset; }
  const BatchChange &batchChange() const { return state.batch; }

  // --- Attributes: those never asked for are refused at the end --------------------------------
  bool hasAttribute(llvm::StringRef name) { return find(name) != nullptr; }
  int64_t integer(llvm::StringRef name, int64_t fallback);
  double real(llvm::StringRef name, double fallback);
  std::string text(llvm::StringRef name, std::string fallback);
  std::vector<int64_t> integers(llvm::StringRef name, std::vector<int64_t> fallback);
  std::vector<float> reals(llvm::StringRef name);
  std::vector<std::string> texts(llvm::StringRef name);
  /// The elements may be moved away.
  tensor::TensorProto *tensorAttribute(llvm::StringRef name);
  /// Attributes without a meaning for inference.
  void ignore(std::initializer_list<llvm::StringRef> names);
  void refuseUnknownAttributes() const;

  // --- Operands --------------------------------------------------------------------------------
  size_t operandCount() const { return static_cast<size_t>(proto.input_size()); }
  bool has(size_t i) const;
  const OnnxValue &operand(size_t i) const;
  /// A tensor of floats, constant or not.
  mlir::Value tensor(size_t i) const;
  nn::Shape shape(size_t i) const { return nn::Shape(operand(i).shape()); }
  /// Refuses operands that are not known integers.
  const IntegerTensor &known(size_t i) const;
  /// The floats of a constant operand; nullopt if it is computed from the input.
  std::optional<nn::ConstantData> constant(size_t i) const;
  /// A float operand that must be constant.
  mlir::Value constantTensor(size_t i, llvm::StringRef what) const;
  /// The one element of a constant.
  double scalar(size_t i, llvm::StringRef what) const;
  /// Attribute `name` before opset `since`, operand i from then on; nullopt if left out.
  std::optional<std::vector<int64_t>> integersOf(llvm::StringRef name, int64_t since, size_t i);
  /// 0 <= axis < rank, counting from the end if negative.
  size_t axis(int64_t axis, size_t rank) const;

  // --- Building --------------------------------------------------------------------------------
  mlir::MLIRContext *context() const { return state.builder.getContext(); }
  /// Creates an operation of one result, and computes it at once if its operands are constants.
  template <class Op, class... Args>
  mlir::Value emit(llvm::ArrayRef<int64_t> shape, Args &&...args) {
    checkShape(shape);
    return finish(Op::create(state.builder, location, nn::tensorType(context(), shape),
                             std::forward<Args>(args)...));
  }
  mlir::Value emitConstant(llvm::ArrayRef<int64_t> shape, std::vector<float> values);
  mlir::Value emitSplat(llvm::ArrayRef<int64_t> shape, double value);
  /// lhs op rhs with broadcasting.
  template <class Op> mlir::Value emitBinary(mlir::Value lhs, mlir::Value rhs) {
    return emit<Op>(broadcast(shapeOf(lhs), shapeOf(rhs)), lhs, rhs);
  }
  /// value * factor, a number of the operator's own.
  mlir::Value emitScaled(mlir::Value value, double factor);
  mlir::Value emitShifted(mlir::Value value, double offset); ///< value + offset.
  mlir::Value emitReshape(mlir::Value value, llvm::ArrayRef<int64_t> shape);

  // The same for tensors and known integers.
  OnnxValue reshape(const OnnxValue &value, llvm::ArrayRef<int64_t> shape);
  OnnxValue transpose(const OnnxValue &value, llvm::ArrayRef<int64_t> permutation);
  OnnxValue take(const OnnxValue &value, size_t axis, llvm::ArrayRef<int64_t> indices);
  OnnxValue concat(llvm::ArrayRef<OnnxValue> values, size_t axis);
  /// Takes the elements of an attribute over.
  OnnxValue emitTensor(tensor::TensorProto &tensor);
  OnnxValue integerValue(nn::Shape shape, std::vector<int64_t> values) const;

  static llvm::ArrayRef<int64_t> shapeOf(mlir::Value value);
  nn::Shape broadcast(llvm::ArrayRef<int64_t> lhs, llvm::ArrayRef<int64_t> rhs) const;
  /// Refuses extents of zero and absurd sizes.
  void checkShape(llvm::ArrayRef<int64_t> shape) const;
  /// Refuses an extent that an axis built from indices must not have.
  void checkExtent(int64_t extent) const;
  /// Elements of a tensor of known integers (which may be empty); refuses more than shapes and
  /// indices need.
  size_t integerCount(llvm::ArrayRef<int64_t> shape) const;
  /// Accounts for a constant that will be held in memory.
  void spend(llvm::ArrayRef<int64_t> shape) const;

  // --- Results ---------------------------------------------------------------------------------
  size_t resultCount() const { return static_cast<size_t>(proto.output_size()); }
  void result(mlir::Value value) { result(0, OnnxValue{value, nullptr}); }
  void result(size_t i, OnnxValue value);
  /// The tensors among the results stand for integers.
  void markQuantised(const std::shared_ptr<const Quantisation> &quantisation);

private:
  AttributeProto *find(llvm::StringRef name);
  AttributeProto *find(llvm::StringRef name, AttributeProto::AttributeType type);
  mlir::Value finish(mlir::Operation *op);

  GraphState &state;
  NodeProto &proto;
  std::string name;
  mlir::Location location;
  std::set<std::string, std::less<>> asked;
};

} // namespace gfs::onnx
