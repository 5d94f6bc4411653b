// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/VariantPlan.h"

#include "compiler/pipeline/FixedStage.h"
#include "passes/fixed/Passes.h"
#include "passes/nn/Passes.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OwningOpRef.h"

using namespace mlir;

namespace gfs {

/// The variant of the operations that `copies` maps its own to.
static Variant mapped(const Variant &variant, const IRMapping &copies) {
  Variant result;
  for (const auto &[op, choices] : variant.activations)
    result.activations[copies.lookup(op)] = choices;
  for (const auto &[op, weights] : variant.weights)
    result.weights[copies.lookup(op)] = weights;
  return result;
}

void addArgmaxPasses(OpPassManager &passes, double headroom) {
  passes.addPass(fixed::createFixedArgmax({headroom}));
  passes.addPass(fixed::createFixedVerifyRanges());
}

static void run(ModuleOp module, llvm::function_ref<void(OpPassManager &)> add,
                DiagnosticCollector &diagnostics, Phase phase, ExitCode code) {
  PassManager passes(module.getContext(), ModuleOp::getOperationName());
  add(passes);
  LogicalResult result = passes.run(module);
  diagnostics.check(result, phase, code, "please report this with the model that led to it");
}

std::optional<VariantCost> costOfVariant(ModuleOp module, const Variant &variant,
                                         double relativeError, const CompileOptions &options,
                                         DiagnosticCollector &diagnostics) {
  IRMapping copies;
  OwningOpRef<ModuleOp> copy(cast<ModuleOp>(module->clone(copies)));
  applyVariant(*copy->getOps<func::FuncOp>().begin(), mapped(variant, copies));
  auto fuse = [](OpPassManager &passes) {
    nn::buildNnPipeline(passes);
    nn::buildFusionPipeline(passes);
  };
  run(*copy, fuse, diagnostics, Phase::Optimise, ExitCode::Internal);
  Progress silent(0);
  try {
    FormatChoice choice = FixedStage(*copy, options, diagnostics, silent, relativeError).run();
    if (options.outputForm == "argmax")
      run(
          *copy, [&](OpPassManager &passes) { addArgmaxPasses(passes, choice.formats.headroom); },
          diagnostics, Phase::Fixed, ExitCode::RangeCheck);
    const CostGoal goal = costGoalOf(options);
    LayerCost total = chooseProtocols(*copy, goal).total;
    return VariantCost{
        total.time.seconds(),    total.exchanges,
        total.messageBytes,      total.dealtBytes,
        choice.formats.ringBits, goal.planValue(total.time.seconds(), total.dealtBytes)};
  } catch (const Error &error) {
    // InvalidInput: values grow without bound on samples that were not fitted to.
    if (error.code() != ExitCode::RangeCheck && error.code() != ExitCode::InvalidInput)
      throw;
    return std::nullopt;
  }
}

} // namespace gfs
