// SPDX-License-Identifier: Apache-2.0
#include "compiler/export/Functions.h"

using gfs::nn::FunctionKind;

namespace gfs::onnx {

/// The operator of a kind that is one operator; null for the others.
static const char *operatorOf(FunctionKind kind) {
  switch (kind) {
  case FunctionKind::HardSigmoid:
    return "HardSigmoid";
  case FunctionKind::HardSwish:
    return "HardSwish";
  case FunctionKind::ThresholdedRelu:
    return "ThresholdedRelu";
  case FunctionKind::Sigmoid:
    return "Sigmoid";
  case FunctionKind::Tanh:
    return "Tanh";
  case FunctionKind::Gelu:
  case FunctionKind::GeluTanh:
    return "Gelu";
  case FunctionKind::Erf:
    return "Erf";
  case FunctionKind::Elu:
    return "Elu";
  case FunctionKind::Selu:
    return "Selu";
  case FunctionKind::Celu:
    return "Celu";
  case FunctionKind::Softplus:
    return "Softplus";
  case FunctionKind::Softsign:
    return "Softsign";
  case FunctionKind::Mish:
    return "Mish";
  case FunctionKind::Exp:
    return "Exp";
  case FunctionKind::Log:
    return "Log";
  case FunctionKind::Sqrt:
    return "Sqrt";
  case FunctionKind::Reciprocal:
    return "Reciprocal";
  default:
    return nullptr;
  }
}

void exportFunction(GraphBuilder &graph, nn::FunctionOp op, const std::string &input,
                    const std::string &result) {
  llvm::ArrayRef<double> parameters = op.getParameters();
  auto scalar = [&](double value, const char *suffix) {
    auto single = static_cast<float>(value);
    return graph.floats({}, {&single, 1}, result + suffix);
  };
  if (const char *type = operatorOf(op.getKind())) {
    NodeProto &node = graph.node(type, {input}, result);
    const char *names[] = {"alpha", op.getKind() == FunctionKind::Selu ? "gamma" : "beta"};
    for (size_t i = 0; i < parameters.size(); ++i)
      GraphBuilder::setReal(node, names[i], parameters[i]);
    if (op.getKind() == FunctionKind::GeluTanh)
      GraphBuilder::setText(node, "approximate", "tanh");
  } else if (op.getKind() == FunctionKind::Clip) {
    std::string low = scalar(parameters[0], ".low"), high = scalar(parameters[1], ".high");
    graph.node("Clip", {input, low, high}, result);
  } else if (op.getKind() == FunctionKind::Power) {
    graph.node("Pow", {input, scalar(parameters[0], ".exponent")}, result);
  } else if (op.getKind() == FunctionKind::Rsqrt) {
    std::string root = graph.unique(result + ".root");
    graph.node("Sqrt", {input}, root);
    graph.node("Reciprocal", {root}, result);
  } else { // silu: x sigmoid(a x)
    std::string scaled = input, gate = graph.unique(result + ".gate");
    if (parameters[0] != 1) {
      scaled = graph.unique(result + ".scaled");
      graph.node("Mul", {input, scalar(parameters[0], ".alpha")}, scaled);
    }
    graph.node("Sigmoid", {scaled}, gate);
    graph.node("Mul", {input, gate}, result);
  }
}

} // namespace gfs::onnx
