// SPDX-License-Identifier: Apache-2.0
#include "passes/secure/Schedule.h"

#include <algorithm>

using namespace mlir;

namespace gfs::secure {

int64_t Schedule::ready(Value value) const {
  Operation *producer = value.getDefiningOp();
  return producer ? intervals(producer).back() : 0;
}

FailureOr<Schedule> Schedule::read(func::FuncOp main) {
  Schedule schedule;
  for (Operation &op : main.getOps()) {
    int64_t start = 0;
    for (Value operand : op.getOperands())
      start = std::max(start, schedule.ready(operand));

    auto exchanges = exchangesOf(&op);
    if (exchanges.size() != messageCount(&op))
      return op.emitOpError("sends ")
             << messageCount(&op) << " messages, but has " << exchanges.size()
             << " exchanges; run secure-schedule-exchanges first";
    int64_t earliest = start;
    for (int64_t exchange : exchanges) {
      if (exchange < earliest)
        return op.emitOpError("sends in exchange ")
               << exchange << ", but its data is ready for exchange " << earliest << " only";
      earliest = exchange + 1;
    }

    // Phase p writes the message of exchange e_p, so it runs just before; the last phase reads the
    // last message.
    auto &phases = schedule.phases[&op];
    phases.assign(exchanges.begin(), exchanges.end());
    phases.push_back(exchanges.empty() ? start : exchanges.back() + 1);
    schedule.numExchanges = std::max(schedule.numExchanges, phases.back());
  }
  return schedule;
}

} // namespace gfs::secure
