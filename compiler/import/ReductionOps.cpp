// SPDX-License-Identifier: Apache-2.0
// Means, sums and extrema over axes, as poolings over the whole of an image.
#include "compiler/import/Handlers.h"

using namespace mlir;

namespace gfs::onnx {
namespace {

/// What a reduction keeps and what it joins.
struct Reduction {
  std::vector<bool> joined; ///< By axis.
  nn::Shape result;
  int64_t count = 1; ///< Elements that one result is made of.
};

Reduction readReduction(Node &node, int64_t axesOperandSince) {
  nn::Shape shape = node.shape(0);
  bool keep = node.integer("keepdims", 1) != 0;
  std::optional<std::vector<int64_t>> given = node.integersOf("axes", axesOperandSince, 1);
  // Asked for in any case: an attribute nobody asks for is refused as unknown.
  bool emptyJoinsNone = node.integer("noop_with_empty_axes", 0) != 0;
  Reduction reduction;
  reduction.joined.assign(shape.size(), (!given || given->empty()) && !emptyJoinsNone);
  for (int64_t axis : given.value_or(std::vector<int64_t>()))
    reduction.joined[node.axis(axis, shape.size())] = true;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (reduction.joined[axis])
      reduction.count *= shape[axis];
    if (!reduction.joined[axis] || keep)
      reduction.result.push_back(reduction.joined[axis] ? 1 : shape[axis]);
  }
  return reduction;
}

/// The operand with the joined axes last, as an image [.., .., H, W] to be reduced to one pixel: an
/// NCHW operand whose H and W are joined stays as it is.
Value asReducedImage(Node &node, const Reduction &reduction) {
  nn::Shape shape = node.shape(0), order, kept;
  for (bool last : {false, true})
    for (size_t axis = 0; axis < shape.size(); ++axis)
      if (reduction.joined[axis] == last)
        order.push_back(static_cast<int64_t>(axis));
  OnnxValue value{node.tensor(0), nullptr};
  if (!llvm::is_sorted(order))
    value = node.transpose(value, order);
  ArrayRef<int64_t> moved = value.shape();
  size_t joined = static_cast<size_t>(llvm::count(reduction.joined, true));
  if (moved.size() == 4 && joined == 2)
    return value.tensor;
  return node.emitReshape(value.tensor,
                          {1, nn::elementCount(moved.drop_back(joined)), reduction.count, 1});
}

template <class Pool, class... Flags> Value emitPooled(Node &node, Value image, Flags... flags) {
  ArrayRef<int64_t> shape = Node::shapeOf(image);
  int64_t ones[] = {1, 1}, none[] = {0, 0, 0, 0};
  return node.emit<Pool>({shape[0], shape[1], 1, 1}, image, shape.take_back(2),
                         ArrayRef<int64_t>(ones), ArrayRef<int64_t>(ones), ArrayRef<int64_t>(none),
                         flags...);
}

Value emitMean(Node &node, Value image, int64_t) {
  return emitPooled<nn::AvgPool2dOp>(node, image, true);
}
Value emitSum(Node &node, Value image, int64_t count) {
  return node.emitScaled(emitMean(node, image, count), static_cast<double>(count));
}
Value emitMax(Node &node, Value image, int64_t) { return emitPooled<nn::MaxPool2dOp>(node, image); }
/// min(x) = -max(-x).
Value emitMin(Node &node, Value image, int64_t count) {
  return node.emitScaled(emitMax(node, node.emitScaled(image, -1), count), -1);
}
Value emitSumOfSquares(Node &node, Value image, int64_t count) {
  return emitSum(node, node.emit<nn::SquareOp>(Node::shapeOf(image), image), count);
}
/// |x| = 2 relu(x) - x.
Value emitSumOfMagnitudes(Node &node, Value image, int64_t count) {
  Value positive = node.emit<nn::ReluOp>(Node::shapeOf(image), image);
  return emitSum(node, node.emitBinary<nn::SubOp>(node.emitScaled(positive, 2), image), count);
}

using Reduce = Value (*)(Node &node, Value image, int64_t count);

template <Reduce reduce, int axesOperandSince> void importReduction(Node &node) {
  constexpr bool computesOnEach = reduce == emitSumOfSquares || reduce == emitSumOfMagnitudes;
  Reduction reduction = readReduction(node, axesOperandSince);
  if (reduction.count == 1 && !computesOnEach)
    return node.result(node.emitReshape(node.tensor(0), reduction.result));
  Value result = reduce(node, asReducedImage(node, reduction), reduction.count);
  node.result(node.emitReshape(result, reduction.result));
}

} // namespace

void addReductionOps(HandlerTable &table) {
  table.on("ReduceMean", 1, importReduction<emitMean, 18>);
  table.on("ReduceSum", 1, importReduction<emitSum, 13>);
  table.on("ReduceMax", 1, importReduction<emitMax, 18>);
  table.on("ReduceMin", 1, importReduction<emitMin, 18>);
  table.on("ReduceSumSquare", 1, importReduction<emitSumOfSquares, 18>);
  table.on("ReduceL1", 1, importReduction<emitSumOfMagnitudes, 18>);
}

} // namespace gfs::onnx
