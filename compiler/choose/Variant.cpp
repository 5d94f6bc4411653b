// SPDX-License-Identifier: Apache-2.0
#include "compiler/choose/Variant.h"

using namespace mlir;

namespace gfs {

std::vector<ReluSite> reluSites(func::FuncOp function) {
  std::vector<ReluSite> sites;
  function.walk([&](nn::ReluOp relu) {
    auto type = cast<RankedTensorType>(relu.getType());
    if (type.getRank() < 2)
      return;
    auto channels = static_cast<size_t>(type.getDimSize(1));
    sites.push_back({relu, channels, static_cast<size_t>(type.getNumElements()) / channels});
  });
  return sites;
}

size_t reluCount(const std::vector<ReluSite> &sites) { return keptRelus(sites, {}); }

size_t keptRelus(const std::vector<ReluSite> &sites, const Variant &variant) {
  size_t count = 0;
  for (const ReluSite &site : sites) {
    auto found = variant.activations.find(site.op);
    for (size_t channel = 0; channel < site.channels; ++channel)
      if (found == variant.activations.end() || found->second[channel].relu)
        count += site.elements;
  }
  return count;
}

} // namespace gfs
