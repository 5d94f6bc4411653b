// SPDX-License-Identifier: Apache-2.0
// Operators that networks have and private computation does not do: why, and what to do instead.
#include "compiler/import/Handlers.h"

namespace gfs::onnx {

NotSupported whyNotSupported(std::string_view opOrDomain) {
  static const NotSupported norm{"takes roots of sums of powers of its window",
                                 "use AveragePool or MaxPool instead"};
  static const NotSupported control{
      "what is computed may not depend on secret data, and subgraphs are not followed",
      "export a traced model, or remove the branch with onnx-simplifier"};
  static const NotSupported position{
      "positions that depend on secret data cannot be looked up in private",
      "cut the model before it (--outputs) and let the client do the rest"};
  static const NotSupported dynamic{"scales depend on secret data",
                                    "quantise the model statically, or export it in float32"};
  static const NotSupported runtime{
      "is ONNX Runtime's own, not standard ONNX",
      "quantise with quant_format=QuantFormat.QDQ, or save the model before it is optimised for a "
      "machine"};
  static const std::map<std::string_view, const NotSupported &> reasons{
      {"com.microsoft", runtime},
      {"LpPool", norm},
      {"GlobalLpPool", norm},
      {"If", control},
      {"Loop", control},
      {"Scan", control},
      {"NonMaxSuppression", position},
      {"NonZero", position},
      {"RoiAlign", position},
      {"MaxRoiPool", position},
      {"MaxUnpool", position},
      {"GridSample", position},
      {"GatherElements", position},
      {"GatherND", position},
      {"ScatterND", position},
      {"ScatterElements", position},
      {"Compress", position},
      {"Unique", position},
      {"DynamicQuantizeLinear", dynamic},
      {"MatMulInteger", dynamic},
      {"ConvInteger", dynamic},
  };
  auto found = reasons.find(opOrDomain);
  return found == reasons.end() ? NotSupported() : found->second;
}

} // namespace gfs::onnx
