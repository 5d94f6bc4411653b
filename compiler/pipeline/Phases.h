// SPDX-License-Identifier: Apache-2.0
// The phases of a compilation: their names in --compile-to, progress lines and the documentation.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace gfs {

enum class Phase { Import, Optimise, Fixed, Secure, Plan, Write };

struct PhaseInfo {
  Phase phase;
  std::string_view name;
  std::string_view sentence; ///< What it does, for people.
};

constexpr std::array<PhaseInfo, 6> allPhases = {{
    {Phase::Import, "import", "read the model and check that every node is supported"},
    {Phase::Optimise, "optimise", "fold constants and batch norms, reorder activations"},
    {Phase::Fixed, "fixed", "measure ranges and choose fixed-point formats and sign windows"},
    {Phase::Secure, "secure",
     "turn integers into two-party steps, schedule messages, prove that masks are used once"},
    {Phase::Plan, "plan", "write down steps, memory and costs"},
    {Phase::Write, "write", "mask the weights, draw keys, write the files"},
}};

constexpr const PhaseInfo &info(Phase phase) { return allPhases[static_cast<size_t>(phase)]; }

constexpr std::optional<Phase> phaseNamed(std::string_view name) {
  for (const PhaseInfo &phase : allPhases)
    if (phase.name == name)
      return phase.phase;
  return std::nullopt;
}

} // namespace gfs
