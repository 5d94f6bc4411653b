// SPDX-License-Identifier: Apache-2.0
// Matrix products by a constant, as x * w^T + b.
#include "compiler/import/Handlers.h"

using namespace mlir;

namespace gfs::onnx {

static Value emitTransposed(Node &node, Value matrix) {
  return node.transpose(OnnxValue{matrix, nullptr}, {1, 0}).tensor;
}

static Value emitScaled(Node &node, Value value, double factor) {
  return factor == 1 ? value : node.emitBinary<nn::MulOp>(value, node.emitSplat({}, factor));
}

/// x [M, K], weight [N, K]: [M, N].
static Value emitLinear(Node &node, Value x, Value weight, Value bias) {
  ArrayRef<int64_t> rows = Node::shapeOf(x), columns = Node::shapeOf(weight);
  if (rows.size() != 2 || columns.size() != 2 || rows[1] != columns[1])
    node.malformed(fmt::format("cannot multiply matrices of {} and {} (transposed)",
                               nn::printShape(rows), nn::printShape(columns)));
  return node.emit<nn::LinearOp>({rows[0], columns[0]}, x, weight, bias);
}

/// A bias of one number per column, if the operand is that: [N], [1, N], [1] or a scalar.
static Value asColumnBias(Node &node, Value bias, int64_t columns) {
  ArrayRef<int64_t> shape = Node::shapeOf(bias);
  if (!nn::constantValue(bias) || shape.size() > 2 || (shape.size() == 2 && shape[0] != 1))
    return {};
  if (nn::elementCount(shape) == columns)
    return node.emitReshape(bias, {columns});
  if (nn::elementCount(shape) == 1)
    return node.emitBinary<nn::AddOp>(node.emitReshape(bias, {1}), node.emitSplat({columns}, 0));
  return {};
}

static void importGemm(Node &node) {
  double alpha = node.real("alpha", 1), beta = node.real("beta", 1);
  Value x = node.tensor(0), weight = node.constantTensor(1, "the second operand");
  if (node.shape(0).size() != 2 || node.shape(1).size() != 2)
    node.malformed("operands that are not matrices");
  if (node.integer("transA", 0) != 0)
    x = emitTransposed(node, x);
  if (node.integer("transB", 0) == 0)
    weight = emitTransposed(node, weight);
  weight = emitScaled(node, weight, alpha);
  if (!node.has(2))
    return node.result(emitLinear(node, x, weight, {}));
  Value addend = emitScaled(node, node.tensor(2), beta);
  Value bias = asColumnBias(node, addend, Node::shapeOf(weight)[0]);
  Value product = emitLinear(node, x, weight, bias);
  node.result(bias ? product : node.emitBinary<nn::AddOp>(product, addend));
}

/// The constant as a matrix: batch axes of a weight must be 1.
static Value asMatrix(Node &node, Value value) {
  ArrayRef<int64_t> shape = Node::shapeOf(value);
  if (shape.size() == 1)
    return node.emitReshape(value, {shape[0], 1});
  if (shape.size() < 2 || nn::elementCount(shape.drop_back(2)) != 1)
    node.unsupported(fmt::format("a batch of {} constant matrices", nn::printShape(shape)),
                     "split it into one product for each");
  return node.emitReshape(value, shape.take_back(2));
}

static void importMatMul(Node &node) {
  Value lhs = node.tensor(0), rhs = node.tensor(1);
  bool leftConstant = nn::constantValue(lhs) != nullptr,
       rightConstant = nn::constantValue(rhs) != nullptr;
  if (!leftConstant && !rightConstant)
    node.unsupported("both operands are computed from the input",
                     "only products with a constant matrix are supported");
  nn::Shape left = node.shape(0), right = node.shape(1);
  if (left.empty() || right.empty())
    node.malformed("an operand is a scalar");
  if (rightConstant) {
    // [.., M, K] * [K, N]: the rows of all batches at once.
    int64_t columns = right.size() == 1 ? 1 : right.back(), inner = left.back();
    Value weight = emitTransposed(node, asMatrix(node, rhs));
    Value rows = node.emitReshape(lhs, {nn::elementCount(left) / inner, inner});
    nn::Shape shape(left);
    shape.pop_back();
    for (size_t extra = left.size(); extra < right.size(); ++extra)
      shape.insert(shape.begin(), 1);
    if (right.size() > 1)
      shape.push_back(columns);
    return node.result(node.emitReshape(emitLinear(node, rows, weight, {}), shape));
  }
  // C * x = (x^T * C^T)^T.
  if (left.size() != 2 || right.size() != 2)
    node.unsupported(
        fmt::format("a constant {} times {}", nn::printShape(left), nn::printShape(right)),
        "only matrices can have the constant on the left");
  node.result(emitTransposed(node, emitLinear(node, emitTransposed(node, rhs), lhs, {})));
}

void addLinearOps(HandlerTable &table) {
  table.on("Gemm", 7, importGemm);
  table.on("MatMul", 1, importMatMul);
}

} // namespace gfs::onnx
