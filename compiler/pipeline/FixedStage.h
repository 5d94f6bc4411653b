// SPDX-License-Identifier: Apache-2.0
// From real numbers to integers: measures ranges, searches formats, and checks the choice with the
// plan itself.
#pragma once

#include "compiler/cost/ProtocolChoice.h"
#include "compiler/pipeline/ClearRun.h"
#include "compiler/pipeline/Diagnostics.h"
#include "compiler/pipeline/FormatSearch.h"
#include "compiler/pipeline/Options.h"
#include "compiler/pipeline/Progress.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace gfs {

/// The formats that were taken, and how far the plan's outputs are from the model's on all samples.
struct FormatChoice {
  FixedOptions formats;
  Deviation deviation;
  double tolerance = 0; ///< Of the relative error, that the search kept within.
  SampleSet samples;
  unsigned trials = 0;
  mlir::OwningOpRef<mlir::ModuleOp> measured; ///< The nn program with ranges, before conversion.
};

/// What plans are compared by. Errors: those of readMachineProfile and parseNetworkProfile.
CostGoal costGoalOf(const CompileOptions &options);

class FixedStage {
public:
  /// `module` is an optimised nn program; of formats that are precise enough, those whose plan is
  /// cheapest by costGoalOf(options) are taken. `replacementError` is the relative error (see
  /// Deviation) of a network whose activations were replaced: a tenth of it is tolerated, too.
  FixedStage(mlir::ModuleOp module, const CompileOptions &options, DiagnosticCollector &diagnostics,
             Progress &progress, double replacementError = 0)
      : module(module), replacementError(replacementError), options(options),
        costGoal(costGoalOf(options)), diagnostics(diagnostics), progress(progress) {}

  /// Replaces the program by its fixed form. Errors: those of readSamples; RangeCheck if no formats
  /// meet the tolerance.
  FormatChoice run();

private:
  /// The outputs of a plan with these formats, run in clear; nullopt if there is none.
  std::optional<std::vector<OutputSamples>> attempt(const FixedOptions &formats,
                                                    const SampleSet &samples);
  /// What a plan with these formats costs by the goal, with the best protocols; infinity if there
  /// is none.
  double costOf(const FixedOptions &formats);
  void warnOfPoorSamples(const SampleSet &samples);
  SampleSet takeSamples(mlir::func::FuncOp main);
  /// Samples whose evaluation takes so many multiplications.
  size_t affordable(double multiplications) const;
  /// What is tried in turn.
  std::vector<double> tolerances() const;
  /// Formats whose error on the samples is at most `share` of the tolerance that is returned.
  FormatSearch::Found search(const std::vector<OutputSamples> &reference, const SampleSet &samples,
                             double share);

  mlir::ModuleOp module;
  double replacementError;
  const CompileOptions &options;
  CostGoal costGoal;
  DiagnosticCollector &diagnostics;
  Progress &progress;
  std::string lastRefusal; ///< Of an attempt; explains why no formats fit.
};

} // namespace gfs
