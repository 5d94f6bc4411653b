// SPDX-License-Identifier: Apache-2.0
// Flags about what is inferred and where the answers go; the same for gfs-client infer and gfsrun
// --local.
#pragma once

#include "runtime/base/OutputPath.h"
#include "runtime/base/StagedFiles.h"
#include "runtime/serve/Summary.h"
#include "tools/common/CommandLine.h"

namespace gfs {

class WorkloadFlags {
public:
  void addTo(CLI::App &app) {
    const char *group = "Inputs and outputs";
    app.add_option("--input", options.inputs,
                   "FILE or PORT=FILE: .npy, .npz (:NAME picks an array) or TensorProto .pb")
        ->group(group);
    app.add_flag("--batch", options.batch, "The leading axis of the inputs holds many requests")
        ->group(group);
    app.add_option("--limit", options.limit, "At most so many requests of a batch")
        ->check(CLI::PositiveNumber)
        ->group(group);
    auto *labels = app.add_option("--labels", options.labels, "Class numbers: print the accuracy");
    auto *expected = app.add_option("--expected", options.expected,
                                    "Outputs of the model itself: print agreement and difference");
    auto *minAccuracy = app.add_option("--min-accuracy", options.minAccuracy,
                                       "Fail (exit code 8) below this accuracy, 0 to 1");
    auto *minAgreement = app.add_option("--min-agreement", options.minAgreement,
                                        "Fail (exit code 8) below this agreement, 0 to 1");
    for (CLI::Option *option : {labels, expected, minAccuracy, minAgreement})
      option->group(group);
    minAccuracy->check(CLI::Range(0.0, 1.0))->needs(labels);
    minAgreement->check(CLI::Range(0.0, 1.0))->needs(expected);
    app.add_option("-o,--output", options.output, "Write the outputs to this .npy")->group(group);
    app.add_option("--top", top, "Print the K largest outputs of every row")->group(group);
    app.add_option("--json", json, "Write times, bytes and scores as JSON; - is stdout")
        ->group(group);
  }

  serve::Workload load(const plan::Plan &plan) const {
    if (options.inputs.empty())
      throw Error(ExitCode::Usage, "--input is missing", "for example --input image.npy");
    serve::Workload workload(plan, options);
    if (!json.empty() && json != "-")
      requireWritable(json, "--json", workload.files());
    if (const std::string beyond = workload.beyondCalibration(); !beyond.empty())
      fmt::print(stderr, "warning: {}\n", beyond);
    return workload;
  }

  /// What to do with the answers of a run that `error` ended: they cost material, and are kept.
  Error keepAnswers(const serve::Workload &workload, const Error &error,
                    uint64_t repeat = 1) const {
    if (workload.requests() == 1)
      return error;
    std::string kept;
    if (workload.answered() > 0 && !options.output.empty()) {
      workload.writeOutputs();
      kept = fmt::format("{} holds the answers; those that are missing are NaN",
                         options.output.string());
    }
    return Error(error.code(),
                 fmt::format("after {} of {} inferences: {}", workload.answered(),
                             workload.requests() * repeat, error.what()),
                 kept.empty() || error.hint().empty() ? kept + error.hint()
                                                      : error.hint() + "; " + kept);
  }

  /// Writes and prints everything that was asked for.
  void report(const plan::LoadedPlan &plan, const serve::Workload &workload,
              std::span<const serve::RequestCost> costs,
              std::span<const serve::StepProfile> profile,
              const std::optional<serve::PredictedTime> &predicted, bool quiet,
              std::optional<double> perSecond = {}) const {
    serve::Scores scores = workload.scores();
    workload.writeOutputs();
    // With nothing else to show for it, a single request shows its classes.
    bool nothingElse =
        options.output.empty() && json.empty() && !scores.accuracy && !scores.agreement;
    unsigned shown = top > 0 ? top : nothingElse && workload.requests() == 1 ? 5 : 0;
    if (shown > 0)
      fmt::print("{}", workload.topText(shown));
    if (!quiet)
      fmt::print("{}{}", profile.empty() ? "" : serve::profileText(profile),
                 serve::summaryText(costs, scores, predicted, perSecond));
    if (!json.empty())
      writeJson(serve::summaryJson(plan, costs, scores, profile, predicted, perSecond));
    workload.checkScores(scores);
  }

private:
  void writeJson(const std::string &document) const {
    if (json == "-")
      fmt::print("{}", document);
    else
      writeFile(json, document);
  }

  serve::WorkloadOptions options;
  unsigned top = 0;
  std::string json;
};

} // namespace gfs
