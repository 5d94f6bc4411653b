// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/FixedStage.h"

#include "compiler/calibrate/Ranges.h"
#include "dialects/fixed/FixedDialect.h"
#include "passes/convert/FixedToSecure.h"
#include "passes/fixed/Passes.h"
#include "passes/secure/Passes.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;

namespace gfs {

/// An output's relative error settles with few samples; so many decide about each choice, all about
/// the result.
static constexpr size_t samplesPerTrial = 12;
/// Enough for the range of every channel where there is no data.
static constexpr size_t syntheticSamples = 24;

static func::FuncOp mainOf(ModuleOp module) { return *module.getOps<func::FuncOp>().begin(); }

static void addFixedPasses(OpPassManager &passes, const FixedOptions &formats) {
  passes.addPass(createNnToFixedPass(formats));
  passes.nest<func::FuncOp>().addPass(fixed::createFixedFold());
  passes.addPass(fixed::createFixedVerifyRanges());
}

FixedOptions FixedStage::startOptions() const {
  const FormatOptions &given = options.formats;
  FixedOptions start;
  start.ringBits = given.ringBits.value_or(start.ringBits);
  start.activationBits = given.activationBits.value_or(start.activationBits);
  start.windowBits = given.windowBits.value_or(start.windowBits);
  start.headroom = given.headroom.value_or(start.headroom);
  start.exact = given.exact;
  return start;
}

/// The outputs for `some` of `count` samples, the ones SampleSet::spread takes.
static std::vector<OutputSamples> spread(const std::vector<OutputSamples> &outputs, size_t count,
                                         size_t some) {
  std::vector<OutputSamples> chosen;
  for (const OutputSamples &output : outputs) {
    SampleSet all{.inputs = {output.values}, .count = count};
    chosen.push_back({std::move(all.spread(some).inputs.front()), output.rowLength});
  }
  return chosen;
}

/// Lets go of the integers of a program that is no longer needed; the context would keep them for ever.
static void releaseWeights(ModuleOp module) {
  module.walk([](Operation *op) {
    if (isa<fixed::WeightOp, secure::WeightOp>(op))
      if (auto value = op->getAttrOfType<DenseResourceElementsAttr>("value"))
        value.getRawHandle().getResource()->setBlob(AsmResourceBlob());
  });
}

std::optional<std::vector<OutputSamples>> FixedStage::attempt(const FixedOptions &formats,
                                                              const SampleSet &samples) {
  OwningOpRef<ModuleOp> copy(module.clone());
  PassManager passes(module.getContext(), ModuleOp::getOperationName());
  addFixedPasses(passes, formats);
  passes.addPass(createConvertFixedToSecure({"shared", "auto"}));
  secure::buildSecurePipeline(passes);
  if (failed(passes.run(*copy))) {
    lastRefusal = diagnostics.takeErrors();
    releaseWeights(*copy);
    return std::nullopt;
  }
  EmittedPlan emitted = emitPlan(*copy, "", "");
  releaseWeights(*copy);
  return runInClear(emitted, samples);
}

FormatChoice FixedStage::run() {
  FormatChoice choice;
  func::FuncOp main = mainOf(module);
  choice.samples = options.calibration.empty() ? makeSamples(main, syntheticSamples)
                                               : readSamples(options.calibration.string(), main);
  if (options.calibration.empty())
    progress.warn("no calibration data: ranges come from made-up inputs between -3 and 3; give "
                  "--calib FILE.npy "
                  "with typical, preprocessed inputs");
  std::vector<OutputSamples> reference =
      measureRanges(main, choice.samples.count, choice.samples.inputs);

  SampleSet few = choice.samples.spread(samplesPerTrial);
  SearchGoal goal;
  goal.chooseRing = !options.formats.ringBits;
  goal.chooseWindow = !options.formats.windowBits && !options.formats.exact;
  goal.tolerance = options.tolerance;
  choice.formats = startOptions();
  try {
    SearchResult found =
        searchFixedOptions(choice.formats, goal, spread(reference, choice.samples.count, few.count),
                           [&](const FixedOptions &formats) { return attempt(formats, few); });
    choice.formats = found.options;
    choice.trials = found.trials;
  } catch (const Error &error) {
    if (error.code() != ExitCode::RangeCheck || lastRefusal.empty())
      throw;
    throw Error(error.code(), fmt::format("{}\n  {}", error.what(), lastRefusal), error.hint());
  }
  auto outputs = attempt(choice.formats, choice.samples);
  gfs::check(outputs.has_value(), "formats that were chosen are refused");
  choice.deviation = compareOutputs(reference, *outputs);

  PassManager passes(module.getContext(), ModuleOp::getOperationName());
  addFixedPasses(passes, choice.formats);
  LogicalResult result = passes.run(module);
  diagnostics.check(result, Phase::Fixed, ExitCode::RangeCheck,
                    "give --headroom, --ring or other --calib data");
  return choice;
}

} // namespace gfs
