// SPDX-License-Identifier: Apache-2.0
// Convolution and batch normalisation.
#include "compiler/import/Handlers.h"
#include "compiler/import/Windows.h"

using namespace mlir;

namespace gfs::onnx {

Value emitConvolution(Node &node, Value operand, Value weights, Value bias) {
  nn::Shape input(Node::shapeOf(operand)), filter(Node::shapeOf(weights));
  if (input.size() != filter.size() || filter.size() < 3)
    node.malformed(fmt::format("operand {} and weight {} have different numbers of axes",
                               nn::printShape(input), nn::printShape(filter)));
  Window window = readWindow(node, input, ArrayRef<int64_t>(filter).drop_front(2));
  int64_t groups = node.integer("group", 1);
  if (groups <= 0)
    node.malformed(fmt::format("group {}", groups));
  Value weight = asImage(node, weights);
  if (node.shapeOf(weight).take_back(2) != ArrayRef<int64_t>(window.kernel))
    node.malformed("kernel_shape differs from the weight's shape");
  Value image = asImage(node, operand);
  Value result = node.emit<nn::Conv2dOp>(
      pooledShape(node, window, input, filter[0]), image, weight, bias,
      ArrayRef<int64_t>(window.strides), ArrayRef<int64_t>(window.dilations),
      ArrayRef<int64_t>(window.pads), static_cast<uint64_t>(groups));
  return fromImage(node, result, input.size());
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
  node.result(node.emit<nn::BatchNormOp>(node.shape(0), input, parameters[0], parameters[1],
                                         parameters[2], parameters[3],
                                         llvm::APFloat(node.real("epsilon", 1e-5))));
}

void addConvOps(HandlerTable &table) {
  table.on("Conv", 1, importConv);
  table.on("BatchNormalization", 7, importBatchNorm);
}

} // namespace gfs::onnx
