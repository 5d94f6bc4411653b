// SPDX-License-Identifier: Apache-2.0
// The schedule runs every phase once, in order, after its operands; and values that live at one
// time do not overlap.
#include "runtime/plan/VerifyContext.h"

#include <algorithm>
#include <map>

namespace gfs::plan {

namespace {

/// Positions in the schedule between which a value's memory must be its own, both included.
struct Lifetime {
  int first = -1;
  int last = -1;
};

class ScheduleVerifier {
public:
  explicit ScheduleVerifier(const VerifyContext &context)
      : v(context), progress(static_cast<size_t>(context.plan.steps_size())),
        maker(context.counts.size()), lifetimes(context.counts.size()) {
    for (int index = 0; index < v.plan.steps_size(); ++index)
      if (!v.plan.steps(index).has_output())
        maker[v.plan.steps(index).result()] = static_cast<uint32_t>(index);
  }

  void verify() {
    for (position = 0; position < v.plan.schedule_size(); ++position) {
      const Action &action = v.plan.schedule(position);
      if (action.has_run())
        runPhase(action.run());
      else if (action.has_exchange())
        exchange();
      else
        v.refuse(fmt::format("schedule entry {} is empty", position));
    }
    for (uint32_t id = 0; id < progress.size(); ++id)
      v.requireStep(done(id), id, "the schedule runs {} of its {} phases", progress[id].phases,
                    phaseCount(v.step(id)));
    verifyMemory();
  }

private:
  struct Progress {
    unsigned phases = 0;
    int exchange = -1; ///< Number of the exchange after the latest phase.
  };

  bool done(uint32_t id) const { return progress[id].phases == phaseCount(v.step(id)); }

  void runPhase(const RunPhase &run) {
    v.require(run.step() < progress.size(), "schedule entry {}: step {} does not exist", position,
              run.step());
    uint32_t id = run.step();
    const Step &step = v.step(id);
    Progress &state = progress[id];
    unsigned phases = phaseCount(step);
    v.requireStep(run.phase() == state.phases && run.phase() < phases, id,
                  "schedule entry {} runs phase {} where phase {} of {} is next", position,
                  run.phase(), state.phases, phases);
    if (run.phase() == 0)
      for (uint32_t operand : step.operands())
        v.requireStep(done(maker[operand]), id, "schedule entry {} runs it before {} is complete",
                      position, describeStep(v.plan, maker[operand]));
    v.requireStep(run.phase() == 0 || state.exchange < exchanges, id,
                  "schedule entry {} runs phase {} without an exchange before it", position,
                  run.phase());
    state.phases += 1;
    state.exchange = exchanges;
    pending |= run.phase() + 1 < phases;

    if (!step.has_output()) {
      Lifetime &result = lifetimes[step.result()];
      if (run.phase() == 0)
        result.first = position;
      result.last = position;
    }
    for (uint32_t operand : step.operands())
      lifetimes[operand].last = position;
  }

  void exchange() {
    v.require(pending, "schedule entry {}: exchange without a message", position);
    pending = false;
    exchanges += 1;
  }

  /// Sweeps over the schedule with the set of memory ranges in use, ordered by their first word.
  void verifyMemory() const {
    std::vector<uint32_t> byStart(lifetimes.size());
    for (uint32_t id = 0; id < byStart.size(); ++id)
      byStart[id] = id;
    std::vector<uint32_t> byEnd = byStart;
    std::sort(byStart.begin(), byStart.end(),
              [&](uint32_t a, uint32_t b) { return lifetimes[a].first < lifetimes[b].first; });
    std::sort(byEnd.begin(), byEnd.end(),
              [&](uint32_t a, uint32_t b) { return lifetimes[a].last < lifetimes[b].last; });
    std::map<uint64_t, uint32_t> live; // first word -> value
    size_t ended = 0;
    for (uint32_t id : byStart) {
      for (; lifetimes[byEnd[ended]].last < lifetimes[id].first; ++ended)
        live.erase(v.value(byEnd[ended]).offset());
      uint64_t from = v.value(id).offset(), to = from + v.counts[id];
      auto next = live.lower_bound(from);
      if (next != live.end())
        v.require(next->first >= to, "values {} and {} overlap while both are in use", id,
                  next->second);
      if (next != live.begin()) {
        auto before = std::prev(next);
        v.require(before->first + v.counts[before->second] <= from,
                  "values {} and {} overlap while both are in use", id, before->second);
      }
      live.emplace(from, id);
    }
  }

  const VerifyContext &v;
  std::vector<Progress> progress;
  std::vector<uint32_t> maker;
  std::vector<Lifetime> lifetimes;
  int position = 0;
  int exchanges = 0;
  bool pending = false; ///< A phase has written a message that was not exchanged yet.
};

} // namespace

void verifySchedule(const VerifyContext &context) { ScheduleVerifier(context).verify(); }

} // namespace gfs::plan
