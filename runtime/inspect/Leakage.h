// SPDX-License-Identifier: Apache-2.0
// What each role sees of an inference, counted from its plan.
#pragma once

#include "runtime/inspect/PlanSummary.h"

namespace gfs::inspect {

/// One thing somebody sees or learns.
struct Sight {
  std::string kind; ///< "from client", "computes", "learns", …
  std::string text;
  std::vector<std::string> details;
};

/// A role and all it sees, if everybody follows the protocol.
struct RoleSight {
  std::string role;
  std::vector<Sight> sights;
};

/// The roles in the order plan holders, servers, dealer, client, model owner, observer, coalitions.
std::vector<RoleSight> leakage(const Program &program, const Summary &summary);
/// The same as text, a paragraph a role.
std::string leakageText(const std::vector<RoleSight> &roles);

} // namespace gfs::inspect
