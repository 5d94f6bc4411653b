// SPDX-License-Identifier: Apache-2.0
// Activations: ReLU, and those that are sums of ReLUs.
#include "compiler/import/Handlers.h"

using namespace mlir;

namespace gfs::onnx {

static Value emitRelu(Node &node, Value value) {
  return node.emit<nn::ReluOp>(Node::shapeOf(value), value);
}

static void importRelu(Node &node) {
  if (node.operand(0).integers)
    node.unsupported("its operand holds integers", "only tensors of floats are supported");
  node.result(emitRelu(node, node.tensor(0)));
}

/// slope * x + (1 - slope) * relu(x).
static void importLeakyRelu(Node &node) {
  double slope = node.real("alpha", 0.01);
  Value x = node.tensor(0);
  node.result(node.emitBinary<nn::AddOp>(node.emitScaled(x, slope),
                                         node.emitScaled(emitRelu(node, x), 1 - slope)));
}

/// The same with slopes that are constants, one per channel or element.
static void importPRelu(Node &node) {
  Value x = node.tensor(0), slopes = node.constantTensor(1, "the slope");
  Value rest = node.emitShifted(node.emitScaled(slopes, -1), 1);
  node.result(node.emitBinary<nn::AddOp>(node.emitBinary<nn::MulOp>(x, slopes),
                                         node.emitBinary<nn::MulOp>(emitRelu(node, x), rest)));
}

/// |x| = 2 relu(x) - x.
static void importAbs(Node &node) {
  Value x = node.tensor(0);
  node.result(node.emitBinary<nn::SubOp>(node.emitScaled(emitRelu(node, x), 2), x));
}

/// max(a, b) = b + relu(a - b); min(a, b) = a - relu(a - b).
template <bool largest> static void importExtremum(Node &node) {
  Value result = node.tensor(0);
  for (size_t i = 1; i < node.operandCount(); ++i) {
    Value other = node.tensor(i);
    Value excess = emitRelu(node, node.emitBinary<nn::SubOp>(result, other));
    result = largest ? node.emitBinary<nn::AddOp>(other, excess)
                     : node.emitBinary<nn::SubOp>(result, excess);
  }
  node.result(result);
}

void addActivationOps(HandlerTable &table) {
  table.on("Relu", 6, importRelu);
  table.on("LeakyRelu", 6, importLeakyRelu);
  table.on("PRelu", 7, importPRelu);
  table.on("Abs", 6, importAbs);
  table.on("Max", 6, importExtremum<true>);
  table.on("Min", 6, importExtremum<false>);
}

} // namespace gfs::onnx
