// SPDX-License-Identifier: Apache-2.0
// From a step of the plan to the dealer's launches.
#include "runtime/gates/device/DealScript.h"

namespace gfs::device {

std::optional<DealScript> makeDealScript(const DealSite &site) {
  DealScript script(site);
  switch (site.step.gate_case()) {
  case plan::Step::kInput:
  case plan::Step::kOutput:
  case plan::Step::kUnmask:
  case plan::Step::kAddWeight:
    return script; // no mask, nothing dealt
  case plan::Step::kOpen:
    dealOpen(site, script);
    return script;
  case plan::Step::kLinear:
    dealLinear(site, script);
    return script;
  case plan::Step::kRelu:
    if (site.step.relu().window().protocol() == plan::SignWindow::DCF)
      dealSpline(site, script);
    else
      dealRelu(site, script);
    return script;
  case plan::Step::kTruncate:
    dealTruncate(site, script);
    return script;
  case plan::Step::kSquare:
    dealSquare(site, script);
    return script;
  case plan::Step::kMultiply:
    dealMultiply(site, script);
    return script;
  case plan::Step::kSpline:
    dealSpline(site, script);
    return script;
  case plan::Step::kAdd:
  case plan::Step::kSub:
  case plan::Step::kScale:
    dealCombination(site, script);
    return script;
  case plan::Step::kTake:
    dealTake(site, script);
    return script;
  case plan::Step::kTranspose:
    dealTranspose(site, script);
    return script;
  case plan::Step::kConcat:
    dealConcat(site, script);
    return script;
  case plan::Step::kSumPool:
    dealSumPool(site, script);
    return script;
  default:
    return std::nullopt;
  }
}

} // namespace gfs::device
