// SPDX-License-Identifier: Apache-2.0
#include "compiler/report/Activations.h"

#include "dialects/nn/NnConstants.h"

using namespace mlir;

namespace gfs {

using Json = nlohmann::ordered_json;

/// What a x^2 + b x + c is called.
static std::string polynomialKind(float a, float b, float c) {
  if (a != 0)
    return "quadratic";
  if (b != 0)
    return b == 1 && c == 0 ? "identity" : "linear";
  return c != 0 ? "constant" : "zero";
}

/// One kind per channel, empty for operations that are no activations.
static std::vector<std::string> channelKinds(Operation *op, size_t channels) {
  if (isa<nn::ReluOp>(op))
    return std::vector<std::string>(channels, "relu");
  if (isa<nn::SquareOp>(op))
    return std::vector<std::string>(channels, "quadratic");
  if (auto function = dyn_cast<nn::FunctionOp>(op))
    return std::vector<std::string>(channels, nn::stringifyFunctionKind(function.getKind()).str());
  auto mixed = dyn_cast<nn::MixedActivationOp>(op);
  if (!mixed)
    return {};
  if (!nn::constantValue(mixed.getA()) || !nn::constantValue(mixed.getB()) ||
      !nn::constantValue(mixed.getC()))
    return std::vector<std::string>(channels, "quadratic");
  nn::ConstantData a(mixed.getA()), b(mixed.getB()), c(mixed.getC());
  std::vector<std::string> kinds;
  for (size_t channel = 0; channel < channels; ++channel)
    kinds.push_back(mixed.isRelu(channel) ? "relu"
                                          : polynomialKind(a[channel], b[channel], c[channel]));
  return kinds;
}

Json activationsJson(func::FuncOp function) {
  Json list = Json::array();
  function.walk([&](Operation *op) {
    if (op->getNumResults() != 1)
      return;
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type)
      return;
    size_t channels = type.getRank() < 2 ? 1 : static_cast<size_t>(type.getDimSize(1));
    std::vector<std::string> kinds = channelKinds(op, channels);
    if (kinds.empty())
      return;
    Json counts = Json::object();
    for (const std::string &kind : kinds)
      counts[kind] = counts.value(kind, 0) + 1;
    list.push_back({{"layer", nn::layerName(op)},
                    {"channels", channels},
                    {"elements", type.getNumElements()},
                    {"kinds", std::move(counts)},
                    {"per_channel", kinds}});
  });
  return list;
}

} // namespace gfs
