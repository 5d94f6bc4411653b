// SPDX-License-Identifier: Apache-2.0
// What the parts of verifyPlan() share. Not for use outside this folder.
#pragma once

#include "runtime/base/Error.h"
#include "runtime/plan/Plan.h"

#include <vector>

namespace gfs::plan {

constexpr uint64_t maxElements = uint64_t(1) << 31;
constexpr int maxSteps = 1 << 20;
constexpr int maxRank = 8;

/// The plan under test, its element counts, and how it is refused.
struct VerifyContext {
  const Plan &plan;
  const std::string &name;
  std::vector<uint64_t> counts; ///< Elements by value id; valid once the values were checked.

  [[noreturn]] void refuse(const std::string &cause) const {
    throw Error(ExitCode::InvalidInput, fmt::format("{}: {}", name, cause),
                "make the plan again with this version's gfscc");
  }
  /// Refuses unless `holds`. `cause` says what was expected and what was found.
  template <class... Args>
  void require(bool holds, fmt::format_string<Args...> cause, Args &&...args) const {
    if (!holds)
      refuse(fmt::format(cause, std::forward<Args>(args)...));
  }
  template <class... Args>
  void requireStep(bool holds, uint32_t step, fmt::format_string<Args...> cause,
                   Args &&...args) const {
    if (holds)
      return;
    std::string place = describeStep(plan, step);
    if (!plan.steps(static_cast<int>(step)).name().empty())
      place = fmt::format("step {}, {}", step, place); // names need not be unique
    refuse(fmt::format("{}: {}", place, fmt::format(cause, std::forward<Args>(args)...)));
  }

  const Value &value(uint32_t id) const { return plan.values(static_cast<int>(id)); }
  const Step &step(uint32_t id) const { return plan.steps(static_cast<int>(id)); }
  bool masked(uint32_t id) const { return value(id).kind() == Value::MASKED; }
};

/// a * b, or refusal by returning false when it leaves `limit`.
inline bool multiplyWithin(uint64_t a, uint64_t b, uint64_t limit, uint64_t &product) {
  if (a != 0 && b > limit / a)
    return false;
  product = a * b;
  return true;
}

/// Operands, kinds, shapes and parameters of one step. Its value ids are known to be in range.
void verifyGate(const VerifyContext &context, uint32_t step);
/// Phases, exchanges, and the memory of values that live at the same time.
void verifySchedule(const VerifyContext &context);

} // namespace gfs::plan
