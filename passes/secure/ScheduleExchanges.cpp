// SPDX-License-Identifier: Apache-2.0
// Gives every message the earliest exchange its data allows.
#include "passes/secure/Passes.h"

#include "mlir/IR/Builders.h"

#include <algorithm>

namespace gfs::secure {
#define GEN_PASS_DEF_SECURESCHEDULEEXCHANGES
#include "passes/secure/Passes.h.inc"
} // namespace gfs::secure

using namespace mlir;
using namespace gfs::secure;

namespace {
struct ScheduleExchanges : gfs::secure::impl::SecureScheduleExchangesBase<ScheduleExchanges> {
  void runOnOperation() override {
    auto main = mainFunction(getOperation());
    if (!main)
      return signalPassFailure();
    Builder builder(&getContext());
    // Program order is topological, so one walk finds for each value the interval in which it is
    // ready.
    DenseMap<Value, int64_t> ready;
    int64_t exchanges = 0;
    for (Operation &op : main.getOps()) {
      int64_t interval = 0;
      for (Value operand : op.getOperands())
        interval = std::max(interval, ready.lookup(operand));
      if (unsigned messages = messageCount(&op)) {
        SmallVector<int64_t> exchange;
        for (unsigned m = 0; m < messages; ++m)
          exchange.push_back(interval++);
        op.setAttr("exchange", builder.getDenseI64ArrayAttr(exchange));
        numMessages += messages;
      }
      for (Value result : op.getResults())
        ready[result] = interval;
      exchanges = std::max(exchanges, interval);
    }
    numExchanges += static_cast<unsigned>(exchanges);
    getOperation()->setAttr(exchangesAttr, builder.getI64IntegerAttr(exchanges));
  }
};
} // namespace
