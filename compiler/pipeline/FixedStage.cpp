// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/FixedStage.h"

#include "compiler/calibrate/Ranges.h"
#include "compiler/precision/DistributeBits.h"
#include "dialects/fixed/FixedDialect.h"
#include "passes/convert/FixedToSecure.h"
#include "passes/fixed/Passes.h"
#include "passes/secure/Passes.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"

#include <algorithm>
#include <limits>

using namespace mlir;

namespace gfs {

/// An output's relative error settles with few samples; so many decide about each choice, all about
/// the result. Of large networks fewer: then each sample has more rows or more elements that say
/// something.
static constexpr size_t fewestPerTrial = 3, mostPerTrial = 12;
static constexpr double multiplicationsPerTrial = 2e9, multiplicationsOfResult = 2e10;
/// Small networks err rarely, and by much where they do (a sign taken for the other): their samples
/// are judged again and again, each time with other masks, up to so many in all.
static constexpr size_t mostJudged = 256;
static constexpr double multiplicationsOfRepeats = 2e8;
/// Ranges are measured on as many samples as this affords: a rare value must not be missed.
static constexpr double multiplicationsOfRanges = 4e11;
static constexpr size_t mostOfRanges = 1024;
/// With fewer samples a user is warned.
static constexpr size_t fewSamples = 8;
/// Formats are the cheapest of dozens that few samples passed: on all of them the error may come
/// out larger by so much.
static constexpr double selectionSlack = 1.1;
/// Where activations were replaced, numerics may add this share of what that changed: as errors add
/// by their squares, half a percent of it.
static constexpr double replacementShare = 0.1;
/// Samples whose outputs are followed back to what needs bits; half a bit does not matter.
static constexpr size_t fewestFollowed = 4, mostFollowed = 16;
static constexpr double multiplicationsFollowed = 5e9;
/// Enough for the range of every channel where there is no data.
static constexpr size_t syntheticSamples = 16;

CostGoal costGoalOf(const CompileOptions &options) {
  CostGoal goal;
  if (!options.machine.empty())
    goal.environment.machine = readMachineProfile(options.machine);
  goal.environment.network = parseNetworkProfile(options.network, "--network");
  goal.prefer = options.prefer == "material" ? Preference::Material : Preference::Time;
  goal.weightMode = options.weightMode;
  goal.protocol = options.reluProtocol;
  goal.budget = options.budget;
  return goal;
}

static func::FuncOp mainOf(ModuleOp module) { return *module.getOps<func::FuncOp>().begin(); }

static void addFixedPasses(OpPassManager &passes, const FixedOptions &formats) {
  passes.addPass(createNnToFixedPass(formats));
  passes.nest<func::FuncOp>().addPass(fixed::createFixedFold());
  passes.addPass(fixed::createFixedVerifyRanges());
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

static std::vector<OutputSamples> repeated(std::vector<OutputSamples> outputs, size_t times) {
  for (OutputSamples &output : outputs) {
    const size_t once = output.values.size();
    output.values.reserve(once * times);
    for (size_t i = once; i < once * times; ++i)
      output.values.push_back(output.values[i - once]);
  }
  return outputs;
}

/// Lets go of the integers of a program that is no longer needed; the context would keep them for
/// ever.
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
  // Not the protocols, which give the same signs, but the weights' mode: public weights also apply
  // to masks, and errors that are random elsewhere then depend on each other.
  passes.addPass(createConvertFixedToSecure({options.weightMode, "auto"}));
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

double FixedStage::costOf(const FixedOptions &formats) {
  OwningOpRef<ModuleOp> copy(module.clone());
  PassManager passes(module.getContext(), ModuleOp::getOperationName());
  addFixedPasses(passes, formats);
  if (failed(passes.run(*copy))) {
    lastRefusal = diagnostics.takeErrors();
    return std::numeric_limits<double>::infinity();
  }
  if (!protocolFits(*copy, costGoal.protocol)) {
    releaseWeights(*copy);
    return std::numeric_limits<double>::infinity();
  }
  LayerCost total = chooseProtocols(*copy, costGoal).total;
  releaseWeights(*copy);
  return costGoal.planValue(total.time.seconds(), total.dealtBytes);
}

std::vector<double> FixedStage::tolerances() const {
  if (options.tolerance)
    return {*options.tolerance};
  std::vector<double> list = {std::clamp(replacementShare * replacementError, 0.005, 0.04)};
  for (double wider : {0.01, 0.02, 0.04})
    if (wider > list.back())
      list.push_back(wider);
  return list;
}

FormatSearch::Found FixedStage::search(const std::vector<OutputSamples> &reference,
                                       const SampleSet &samples, double share) {
  FormatSearch::Network network;
  module->walk([&](Operation *op) {
    network.squares |= isa<nn::SquareOp>(op);
    network.extraBits |= fixed::extraWeightScale(op).has_value();
  });
  FormatSearch formats(
      options.formats, network, reference,
      [&](const FixedOptions &tried) { return attempt(tried, samples); },
      [&](const FixedOptions &tried) { return costOf(tried); });
  std::vector<double> allowed = tolerances();
  for (double &tolerance : allowed)
    tolerance *= share;
  try {
    FormatSearch::Found found = formats.find(allowed);
    found.tolerance /= share;
    return found;
  } catch (const Error &error) {
    if (error.code() != ExitCode::RangeCheck || lastRefusal.empty())
      throw;
    throw Error(error.code(), fmt::format("{}\n  {}", error.what(), lastRefusal), error.hint());
  }
}

/// Ranges are only as good as the samples they are measured on.
void FixedStage::warnOfPoorSamples(const SampleSet &samples) {
  const std::string file = options.calibration.string();
  if (samples.count < samples.given)
    progress.warn(fmt::format("{}: ranges are measured on {} of its {} samples, evenly spread: "
                              "those with rare values should be among that many",
                              file, samples.count, samples.given));
  if (samples.count < fewSamples)
    progress.warn(fmt::format("{}: only {} calibration sample{}: other inputs may leave the ranges "
                              "measured on so few; 100 are plenty",
                              file, samples.count, samples.count == 1 ? "" : "s"));
  for (const std::vector<float> &values : samples.inputs)
    if (!values.empty() && std::ranges::all_of(values, [&](float v) { return v == values[0]; }))
      progress.warn(fmt::format("{}: the samples of an input hold a single value everywhere: "
                                "typical, preprocessed inputs are needed",
                                file));
}

size_t FixedStage::affordable(double multiplications) const {
  const double each = std::max(1.0, nn::multiplications(module));
  return static_cast<size_t>(std::min(1e6, multiplications / each));
}

SampleSet FixedStage::takeSamples(func::FuncOp main) {
  if (!options.calibration.empty()) {
    const size_t some = std::clamp(affordable(multiplicationsOfRanges), mostSamples, mostOfRanges);
    SampleSet samples = readSamples(options.calibration.string(), main, some);
    warnOfPoorSamples(samples);
    return samples;
  }
  if (!options.verify.empty())
    return samplesOf(readTestSets(options.verify), main);
  progress.warn("no calibration data: ranges come from made-up inputs between -3 and 3; give "
                "--calib FILE.npy "
                "with typical, preprocessed inputs");
  return makeSamples(main, syntheticSamples);
}

FormatChoice FixedStage::run() {
  FormatChoice choice;
  func::FuncOp main = mainOf(module);
  choice.samples = takeSamples(main);
  std::vector<OutputSamples> reference =
      measureRanges(main, choice.samples.count, choice.samples.inputs);
  size_t all = choice.samples.count;

  // Bits that are asked for are meant for all.
  if (!options.formats.activationBits) {
    SampleSet some = choice.samples.spread(
        std::clamp(affordable(multiplicationsFollowed), fewestFollowed, mostFollowed));
    distributeBits(main, {some.count, std::move(some.inputs)});
  }
  choice.measured = module.clone();

  SampleSet few = choice.samples.spread(
      std::clamp(affordable(multiplicationsPerTrial), fewestPerTrial, mostPerTrial));
  choice.samples = choice.samples.spread(
      std::max(few.count, std::min(affordable(multiplicationsOfResult), mostSamples)));
  const size_t times = std::max<size_t>(
      1, std::min(affordable(multiplicationsOfRepeats), mostJudged) / choice.samples.count);
  const SampleSet judged = choice.samples.repeated(times);
  const std::vector<OutputSamples> expected =
      repeated(spread(reference, all, choice.samples.count), times);
  // Returns the error on the samples that decide.
  auto decide = [&](const SampleSet &samples, const std::vector<OutputSamples> &outputsOfSamples,
                    double share) {
    auto [found, tolerance] = search(outputsOfSamples, samples, share);
    choice.tolerance = tolerance;
    choice.formats = found.options;
    choice.trials += found.trials;
    auto outputs = attempt(choice.formats, judged);
    gfs::check(outputs.has_value(), "formats that were chosen are refused");
    choice.deviation = compareOutputs(expected, *outputs);
    return found.deviation.relativeError;
  };
  auto holds = [&] { return choice.deviation.relativeError <= selectionSlack * choice.tolerance; };
  const std::vector<OutputSamples> fewExpected = spread(reference, all, few.count);
  const double seen = decide(few, fewExpected, 1);
  if (!holds() && few.count < judged.count) {
    // The few see less of the error than there is: they are asked for as much less.
    const double tolerance = choice.tolerance;
    bool found = true;
    try {
      decide(few, fewExpected, seen / choice.deviation.relativeError);
    } catch (const Error &error) {
      if (error.code() != ExitCode::RangeCheck)
        throw;
      found = false;
    }
    if (!found || !holds() || choice.tolerance > tolerance)
      decide(judged, expected, 1);
  }
  if (!options.tolerance && choice.tolerance > tolerances().front())
    progress.warn(fmt::format(
        "the outputs deviate by {:.2g} % of their spread, not by the {:.2g} % that is aimed at: "
        "formats that keep within that are not found or cost a third more; try the plan on "
        "labelled data, and give --tolerance {} to accept it, or {} for the precise formats",
        100 * choice.deviation.relativeError, 100 * tolerances().front(), choice.tolerance,
        tolerances().front()));

  PassManager passes(module.getContext(), ModuleOp::getOperationName());
  addFixedPasses(passes, choice.formats);
  LogicalResult result = passes.run(module);
  diagnostics.check(result, Phase::Fixed, ExitCode::RangeCheck,
                    "give --headroom, --ring or other --calib data");
  return choice;
}

} // namespace gfs
