// SPDX-License-Identifier: Apache-2.0
// Post-processing at the end of a network.
#include "compiler/import/Handlers.h"

namespace gfs::onnx {

/// From opset 13 along one axis; before, along all axes from `axis` on, as one.
template <class Softmax> static void importSoftmax(Node &node) {
  bool joinsAxes = node.opset() < 13;
  nn::Shape shape = node.shape(0);
  size_t axis = node.axis(node.integer("axis", joinsAxes ? 1 : -1), shape.size());
  llvm::ArrayRef<int64_t> all(shape);
  if (!joinsAxes || nn::elementCount(all.drop_front(axis + 1)) == 1)
    return node.result(node.emit<Softmax>(shape, node.tensor(0), static_cast<uint64_t>(axis)));
  nn::Shape matrix{nn::elementCount(all.take_front(axis)), nn::elementCount(all.drop_front(axis))};
  mlir::Value rows = node.emitReshape(node.tensor(0), matrix);
  node.result(node.emitReshape(node.emit<Softmax>(matrix, rows, uint64_t(1)), shape));
}

static void importArgMax(Node &node) {
  nn::Shape shape = node.shape(0);
  size_t axis = node.axis(node.integer("axis", 0), shape.size());
  if (node.integer("select_last_index", 0) != 0)
    node.unsupported("takes the last of equal elements", "use select_last_index = 0");
  if (node.integer("keepdims", 1) != 0)
    shape[axis] = 1;
  else
    shape.erase(shape.begin() + axis);
  node.result(node.emit<nn::ArgmaxOp>(shape, node.tensor(0), static_cast<uint64_t>(axis)));
}

void addOutputOps(HandlerTable &table) {
  table.on("Softmax", 1, importSoftmax<nn::SoftmaxOp>);
  table.on("LogSoftmax", 1, importSoftmax<nn::LogSoftmaxOp>);
  table.on("ArgMax", 1, importArgMax);
}

} // namespace gfs::onnx
