// SPDX-License-Identifier: Apache-2.0
// Adds up what the gates say they cost: the same statements that the runtime's counters are
// compared with.
#include "passes/secure/Passes.h"
#include "passes/secure/PlanSteps.h"
#include "runtime/gates/Gate.h"

#include "mlir/IR/Builders.h"

namespace gfs::secure {
#define GEN_PASS_DEF_SECURESUMMARIZECOST
#include "passes/secure/Passes.h.inc"
} // namespace gfs::secure

using namespace mlir;
using namespace gfs;
using namespace gfs::secure;

/// A plan of one step: a gate's cost depends on its own step, the ring and the weight mode only.
static Cost costOf(Operation *op, const plan::Plan &header) {
  plan::Plan plan = header;
  plan::Step step = planStep(op, [&](Value weight) {
    plan.add_weights()->set_elements(static_cast<uint64_t>(elementsOf(weight.getType())));
    return static_cast<uint32_t>(plan.weights_size() - 1);
  });
  for (Value operand : planOperands(op)) {
    step.add_operands(static_cast<uint32_t>(plan.values_size()));
    *plan.add_values() = planValue(operand.getType());
  }
  step.set_result(static_cast<uint32_t>(plan.values_size()));
  *plan.add_values() = planValue(op->getResult(0).getType());
  *plan.add_steps() = std::move(step);
  return makeGate(plan, 0)->cost();
}

namespace {
struct SummarizeCost : gfs::secure::impl::SecureSummarizeCostBase<SummarizeCost> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto main = mainFunction(module);
    if (!main)
      return signalPassFailure();
    auto bits = module->getAttrOfType<IntegerAttr>(ringBitsAttr);
    if (!bits || !module->hasAttr(weightModeAttr)) {
      module.emitError("expects ") << ringBitsAttr << " and " << weightModeAttr;
      return signalPassFailure();
    }
    plan::Plan header;
    header.set_ring_bits(static_cast<uint32_t>(bits.getInt()));
    header.set_weight_mode(planWeightMode(module));

    int64_t messages = 0, messageBytes = 0, dealt0 = 0, dealt1 = 0, relus = 0;
    for (Operation &op : main.getOps()) {
      auto reshape = dyn_cast<ReshapeOp>(op);
      if (isa<WeightOp, func::ReturnOp>(op) || (reshape && isView(reshape)))
        continue;
      Cost cost = costOf(&op, header);
      for (uint64_t bytes : cost.messageBytes)
        messageBytes += static_cast<int64_t>(bytes);
      messages += static_cast<int64_t>(cost.messageBytes.size());
      dealt0 += static_cast<int64_t>(cost.dealtBytes[0]);
      dealt1 += static_cast<int64_t>(cost.dealtBytes[1]);
      if (isa<ReluOp>(op))
        relus += elementsOf(op.getResult(0).getType());
    }
    Builder builder(&getContext());
    auto number = [&](StringRef name, int64_t value) {
      return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
    };
    module->setAttr(costAttr,
                    builder.getDictionaryAttr(
                        {number("messages", messages), number("message_bytes", messageBytes),
                         number("dealt_bytes_0", dealt0), number("dealt_bytes_1", dealt1),
                         number("relus", relus)}));
  }
};
} // namespace
