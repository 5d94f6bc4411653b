// SPDX-License-Identifier: Apache-2.0
// Post-processing at the end of a network.
#include "compiler/import/Handlers.h"

namespace gfs::onnx {

/// From opset 13 along one axis; before, along all axes from `axis` on, as one: the
/// reshape to all axes is dropped where it comes last.
template <class Softmax> static void importSoftmax(Node &node) {
  bool joinsAxes = node.opset() < 13;
  nn::Shape shape = node.shape(0);
  size_t axis = node.axis(node.integer("axis", joinsAxes ? 1 : -1), shape.size());
  llvm::ArrayRef<int64_t> all(shape);
  if (!joinsAxes || nn::elementCount(all.drop_front(axis + 1)) == 1)
    return node.result(node.emit<Softmax>(shape, node.tensor(0), static_cast<uint64_t>(axis)));
  nn::Shape joined(all.take_front(axis));
  joined.push_back(nn::elementCount(all.drop_front(axis)));
  mlir::Value rows = node.emitReshape(node.tensor(0), joined);
  mlir::Value result = node.emit<Softmax>(joined, rows, static_cast<uint64_t>(axis));
  node.result(node.emitReshape(result, shape));
}

static void importArgMax(Node &node) {
  nn::Shape shape = node.shape(0);
  size_t axis = node.axis(node.integer("axis", 0), shape.size());
  bool last = node.integer("select_last_index", 0) != 0;
  if (node.integer("keepdims", 1) != 0)
    shape[axis] = 1;
  else
    shape.erase(shape.begin() + axis);
  node.result(node.emit<nn::ArgmaxOp>(shape, node.tensor(0), static_cast<uint64_t>(axis), last));
}

/// Values and positions of the K largest or smallest; sorted, whether that is asked for or not.
static void importTopK(Node &node) {
  node.ignore({"sorted"});
  nn::Shape shape = node.shape(0);
  std::vector<int64_t> count =
      node.opset() < 10 ? std::vector<int64_t>{node.integer("k", 0)} : node.known(1).values;
  bool largest = node.integer("largest", 1) != 0;
  size_t axis = node.axis(node.integer("axis", -1), shape.size());
  if (count.size() != 1 || count[0] < 1 || count[0] > shape[axis])
    node.malformed(fmt::format("selects other than 1 to {} elements", shape[axis]));
  shape[axis] = count[0];
  mlir::Value input = node.tensor(0);
  node.result(node.emit<nn::TopValuesOp>(shape, input, static_cast<uint64_t>(axis), largest));
  if (node.resultCount() > 1)
    node.result(1, {node.emit<nn::TopIndicesOp>(shape, input, static_cast<uint64_t>(axis), largest),
                    nullptr});
}

void addOutputOps(HandlerTable &table) {
  table.on("Softmax", 1, importSoftmax<nn::SoftmaxOp>);
  table.on("LogSoftmax", 1, importSoftmax<nn::LogSoftmaxOp>);
  table.on("ArgMax", 1, importArgMax);
  table.on("TopK", 1, importTopK);
}

} // namespace gfs::onnx
