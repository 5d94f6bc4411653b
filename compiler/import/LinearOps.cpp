// SPDX-License-Identifier: Apache-2.0
// Matrix products: by a constant as x * w^T + b, and of two secrets.
#include "compiler/import/Handlers.h"
#include "compiler/import/Windows.h"

#include <numeric>

using namespace mlir;

namespace gfs::onnx {

/// With the last two axes exchanged.
static Value emitTransposed(Node &node, Value matrices) {
  nn::Shape permutation(Node::shapeOf(matrices).size());
  std::iota(permutation.begin(), permutation.end(), int64_t(0));
  std::swap(permutation.back(), permutation[permutation.size() - 2]);
  return node.transpose(OnnxValue{matrices, nullptr}, permutation).tensor;
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
  weight = node.emitScaled(weight, alpha);
  if (!node.has(2))
    return node.result(emitLinear(node, x, weight, {}));
  Value addend = node.emitScaled(node.tensor(2), beta);
  Value bias = asColumnBias(node, addend, Node::shapeOf(weight)[0]);
  Value product = emitLinear(node, x, weight, bias);
  node.result(bias ? product : node.emitBinary<nn::AddOp>(product, addend));
}

static int64_t matrixCount(Value matrices) {
  return nn::elementCount(Node::shapeOf(matrices).drop_back(2));
}

/// x [.., K], weight [N, K]: [.., N], the rows of all batches at once.
static Value emitRowProducts(Node &node, Value x, Value weight) {
  nn::Shape shape(Node::shapeOf(x));
  Value rows = node.emitReshape(x, {nn::elementCount(shape) / shape.back(), shape.back()});
  shape.back() = Node::shapeOf(weight)[0];
  return node.emitReshape(emitLinear(node, rows, weight, {}), shape);
}

/// The leading axes that matrices [.., M, K] and [.., K, N] are broadcast to.
static nn::Shape batchOf(Node &node, Value lhs, Value rhs) {
  ArrayRef<int64_t> left = Node::shapeOf(lhs), right = Node::shapeOf(rhs);
  if (right[right.size() - 2] != left.back())
    node.malformed(fmt::format("cannot multiply matrices of {} and {}", nn::printShape(left),
                               nn::printShape(right)));
  return node.broadcast(left.drop_back(2), right.drop_back(2));
}

/// Matrices repeated to the leading axes `batch`, [G, M, N].
static Value repeatMatrices(Node &node, Value value, const nn::Shape &batch) {
  ArrayRef<int64_t> matrix = Node::shapeOf(value).take_back(2);
  nn::Shape ones(batch.size() + 2 - Node::shapeOf(value).size(), 1);
  ones.append(Node::shapeOf(value).begin(), Node::shapeOf(value).end());
  const int64_t shape[] = {nn::elementCount(batch), matrix[0], matrix[1]};
  OnnxValue result{node.emitReshape(value, ones), nullptr};
  for (size_t axis = 0; axis < batch.size(); ++axis)
    if (ones[axis] != batch[axis]) {
      node.checkExtent(batch[axis]);
      result = node.take(result, axis, std::vector<int64_t>(static_cast<size_t>(batch[axis]), 0));
    }
  return node.emitReshape(result.tensor, shape);
}

/// [.., M, K] times a constant [.., K, N] with a matrix for each position of the leading axes: one
/// convolution with a group for each matrix, whose channels are the columns and whose pixels are
/// the rows.
static Value emitBatched(Node &node, Value lhs, Value rhs) {
  const nn::Shape batch = batchOf(node, lhs, rhs);
  const int64_t rows = Node::shapeOf(lhs).drop_back().back(), inner = Node::shapeOf(lhs).back(),
                columns = Node::shapeOf(rhs).back(), groups = nn::elementCount(batch);
  auto transposed = [&](Value value) {
    return emitTransposed(node, repeatMatrices(node, value, batch));
  };
  Value image = node.emitReshape(transposed(lhs), {1, groups * inner, rows, 1}),
        weight = node.emitReshape(transposed(rhs), {groups * columns, inner, 1, 1});
  int64_t ones[] = {1, 1}, none[] = {0, 0, 0, 0};
  Value product = node.emit<nn::Conv2dOp>({1, groups * columns, rows, 1}, image, weight, Value(),
                                          ArrayRef<int64_t>(ones), ArrayRef<int64_t>(ones),
                                          ArrayRef<int64_t>(none), static_cast<uint64_t>(groups));
  OnnxValue split{node.emitReshape(product, {groups, columns, rows}), nullptr};
  nn::Shape shape(batch);
  shape.append({rows, columns});
  return node.emitReshape(node.transpose(split, {0, 2, 1}).tensor, shape);
}

/// [.., M, K] times [.., K, N], both secret, as attention has them.
static Value emitSecretProducts(Node &node, Value lhs, Value rhs) {
  const nn::Shape batch = batchOf(node, lhs, rhs);
  const int64_t count = nn::elementCount(batch);
  Value left = repeatMatrices(node, lhs, batch), right = repeatMatrices(node, rhs, batch);
  const int64_t rows = Node::shapeOf(left)[1], columns = Node::shapeOf(right)[2];
  nn::Shape shape(batch);
  shape.append({rows, columns});
  return node.emitReshape(node.emit<nn::MatMulOp>({count, rows, columns}, left, right), shape);
}

/// [.., M, K] times [.., K, N].
static Value emitMatrixProducts(Node &node, Value lhs, Value rhs) {
  if (!nn::constantValue(lhs) && !nn::constantValue(rhs))
    return emitSecretProducts(node, lhs, rhs);
  if (nn::constantValue(rhs)) {
    if (matrixCount(rhs) > 1)
      return emitBatched(node, lhs, rhs);
    Value weight = node.emitReshape(rhs, Node::shapeOf(rhs).take_back(2));
    return emitRowProducts(node, lhs, emitTransposed(node, weight));
  }
  // C * x = (x^T * C^T)^T.
  Value columns = emitTransposed(node, rhs);
  if (matrixCount(lhs) > 1)
    return emitTransposed(node, emitBatched(node, columns, emitTransposed(node, lhs)));
  Value weight = node.emitReshape(lhs, Node::shapeOf(lhs).take_back(2));
  return emitTransposed(node, emitRowProducts(node, columns, weight));
}

/// As numpy's matmul: a vector on the left is a row, one on the right a column, and the result
/// lacks that axis.
Value emitMatMul(Node &node, Value lhs, Value rhs) {
  nn::Shape left(Node::shapeOf(lhs)), right(Node::shapeOf(rhs));
  if (left.empty() || right.empty())
    node.malformed("an operand is a scalar");
  bool row = left.size() == 1, column = right.size() == 1;
  if (row)
    left.insert(left.begin(), 1);
  if (column)
    right.push_back(1);
  nn::Shape shape =
      node.broadcast(ArrayRef<int64_t>(left).drop_back(2), ArrayRef<int64_t>(right).drop_back(2));
  if (!row)
    shape.push_back(left[left.size() - 2]);
  if (!column)
    shape.push_back(right.back());
  Value product =
      emitMatrixProducts(node, node.emitReshape(lhs, left), node.emitReshape(rhs, right));
  return node.emitReshape(product, shape);
}

static void importMatMul(Node &node) {
  node.result(emitMatMul(node, node.tensor(0), node.tensor(1)));
}

void addLinearOps(HandlerTable &table) {
  table.on("Gemm", 7, importGemm);
  table.on("MatMul", 1, importMatMul);
}

} // namespace gfs::onnx
