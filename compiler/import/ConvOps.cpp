// SPDX-License-Identifier: Apache-2.0
// Convolution and batch normalisation.
#include "compiler/import/Handlers.h"
#include "compiler/import/Windows.h"

using namespace mlir;

namespace gfs::onnx {

/// Images N*D C H W of a volume's planes as images N*D' C*K H W: what a window of K planes sees at
/// each of its D' positions, so that the rest is a convolution of images. Channels of one group
/// stay side by side.
static Value gatherDepth(Node &node, Value planes, const WindowAxis &depth, int64_t groups) {
  nn::Shape shape(Node::shapeOf(planes));
  const int64_t batch = shape[0] / depth.extent, positions = depth.positions(node);
  std::vector<int64_t> indices;
  for (int64_t position = 0; position < positions; ++position)
    for (int64_t tap = 0; tap < depth.kernel; ++tap) {
      int64_t plane = position * depth.stride + tap * depth.dilation - depth.before;
      indices.push_back(plane >= 0 && plane < depth.extent ? plane : -1); // zeros
    }
  node.checkExtent(static_cast<int64_t>(indices.size()));
  OnnxValue value{node.emitReshape(planes, {batch, depth.extent, shape[1], shape[2], shape[3]}),
                  nullptr};
  value = node.take(value, 1, indices);
  if (groups > 1) {
    value = node.reshape(value, {batch * positions, depth.kernel, shape[1], shape[2], shape[3]});
    value = node.transpose(value, {0, 2, 1, 3, 4});
  }
  return node.emitReshape(value.tensor,
                          {batch * positions, depth.kernel * shape[1], shape[2], shape[3]});
}

/// O C/g K H W as O C/g*K H W, channels in gatherDepth's order.
static Value gatherWeights(Node &node, Value weights, int64_t groups) {
  nn::Shape shape(Node::shapeOf(weights));
  OnnxValue value{weights, nullptr};
  if (groups == 1)
    value = node.transpose(value, {0, 2, 1, 3, 4});
  return node.emitReshape(value.tensor, {shape[0], shape[1] * shape[2], shape[3], shape[4]});
}

Value emitConvolution(Node &node, Value operand, Value weights, Value bias, const Window &along,
                      int64_t groups) {
  nn::Shape input(Node::shapeOf(operand));
  const bool volume = input.size() == 5;
  Value weight = volume ? gatherWeights(node, weights, groups) : asImage(node, weights),
        image = asImage(node, operand);
  if (volume)
    image = gatherDepth(node, image, along.depth, groups);
  const nn::Shape shape{Node::shapeOf(image)[0], Node::shapeOf(weight)[0],
                        along.rows.positions(node), along.columns.positions(node)};
  const ImageWindow window(along.rows, along.columns);
  Value result =
      node.emit<nn::Conv2dOp>(shape, image, weight, bias, ArrayRef<int64_t>(window.strides),
                              ArrayRef<int64_t>(window.dilations), ArrayRef<int64_t>(window.pads),
                              static_cast<uint64_t>(groups));
  return fromImage(node, result, input.size(), input[0]);
}

Value emitConvolution(Node &node, Value operand, Value weights, Value bias) {
  ArrayRef<int64_t> input = Node::shapeOf(operand), filter = Node::shapeOf(weights);
  if (input.size() != filter.size() || filter.size() < 3)
    node.malformed(fmt::format("operand {} and weight {} have different numbers of axes",
                               nn::printShape(input), nn::printShape(filter)));
  Window window = readWindow(node, input, filter.drop_front(2));
  int64_t groups = node.integer("group", 1);
  if (groups <= 0)
    node.malformed(fmt::format("group {}", groups));
  for (auto [axis, extent] : llvm::zip(window.spatial(input.size() - 2), filter.drop_front(2)))
    if (axis->kernel != extent)
      node.malformed("kernel_shape differs from the weight's shape");
  return emitConvolution(node, operand, weights, bias, window, groups);
}

static void importConv(Node &node) {
  Value weight = node.constantTensor(1, "the weight"),
        bias = node.has(2) ? node.constantTensor(2, "the bias") : Value();
  node.result(emitConvolution(node, node.tensor(0), weight, bias));
}

static void importBatchNorm(Node &node) {
  node.ignore({"momentum"});
  if (node.integer("training_mode", 0) != 0 || node.integer("spatial", 1) != 1)
    node.unsupported("normalises with the statistics of its own input",
                     "export the model in inference mode (model.eval())");
  Value input = node.tensor(0);
  if (node.shape(0).size() < 2)
    node.malformed("an operand without channels");
  Value parameters[4];
  const char *names[] = {"the scale", "the bias", "the mean", "the variance"};
  for (size_t i = 0; i < 4; ++i)
    parameters[i] = node.constantTensor(1 + i, names[i]);
  // A volume's planes are normalised as the images that convolutions make of them.
  const nn::Shape shape = node.shape(0);
  Value image = shape.size() == 5 ? asImage(node, input) : input;
  Value result = node.emit<nn::BatchNormOp>(Node::shapeOf(image), image, parameters[0],
                                            parameters[1], parameters[2], parameters[3],
                                            llvm::APFloat(node.real("epsilon", 1e-5)));
  node.result(shape.size() == 5 ? fromImage(node, result, 5, shape[0]) : result);
}

void addConvOps(HandlerTable &table) {
  table.on("Conv", 1, importConv);
  table.on("BatchNormalization", 7, importBatchNorm);
}

} // namespace gfs::onnx
