// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/Cut.h"

#include <algorithm>
#include <set>

namespace gfs::onnx {

using Kind = NodeVerdict::Kind;

static bool isTail(const NodeVerdict &verdict) {
  return verdict.kind == Kind::Refused || verdict.kind == Kind::Behind;
}

/// Operators whose constants are trained: a client cannot be asked to compute them.
static bool isLayer(const std::string &op) {
  static const std::set<std::string, std::less<>> layers = {
      "Conv",        "ConvTranspose", "DeformConv",
      "Gemm",        "MatMul",        "Einsum",
      "QLinearConv", "QLinearMatMul", "BatchNormalization",
      "PRelu",       "ConvInteger",   "InstanceNormalization",
      "LSTM",        "GRU",           "LayerNormalization",
      "RNN",         "MatMulInteger", "GroupNormalization"};
  return layers.contains(op.substr(op.rfind('.') + 1));
}

Cut findCut(const GraphProto &graph, const std::vector<int> &order,
            const std::vector<NodeVerdict> &verdicts, const std::vector<std::string> &outputs,
            const std::function<ValueKind(const std::string &)> &kindOf) {
  std::set<std::string> needed(outputs.begin(), outputs.end()); // what the client needs
  Cut cut;
  for (size_t i = 0; i < order.size(); ++i) {
    const NodeProto &node = graph.node(order[i]);
    if (!isTail(verdicts[i]))
      continue;
    needed.insert(node.input().begin(), node.input().end());
    ++cut.nodesBehind;
    bool trained =
        std::any_of(node.input().begin(), node.input().end(),
                    [&](const std::string &name) { return kindOf(name) == ValueKind::Constant; });
    cut.layersBehind += trained && isLayer(verdicts[i].op);
  }
  bool anyPrivate = false;
  for (size_t i = 0; i < order.size(); ++i) {
    anyPrivate |= verdicts[i].kind == Kind::Private;
    if (!isTail(verdicts[i]))
      for (const std::string &name : graph.node(order[i]).output())
        if (needed.contains(name) && kindOf(name) == ValueKind::Computed)
          cut.outputs.push_back(name);
  }
  if (!anyPrivate)
    cut.outputs.clear();
  return cut;
}

} // namespace gfs::onnx
