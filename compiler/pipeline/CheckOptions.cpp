// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/CheckOptions.h"

#include "compiler/emit/PlanFiles.h"
#include "compiler/pipeline/ChooseStage.h"
#include "compiler/report/Report.h"
#include "compiler/verify/Verify.h"
#include "runtime/base/Error.h"
#include "runtime/base/OutputPath.h"
#include "runtime/tensor/TensorFile.h"

#include "llvm/Support/raw_ostream.h"

namespace gfs {

static void require(bool good, const std::string &what, const std::string &hint) {
  if (!good)
    throw Error(ExitCode::Usage, what, hint);
}

static bool reached(const CompileOptions &options, Phase phase) { return phase <= options.last; }

static void checkNumbers(const CompileOptions &options) {
  const Budget &budget = options.budget;
  require(!budget.milliseconds || *budget.milliseconds > 0,
          "--budget-ms: expects a positive number of milliseconds",
          "write for example --budget-ms=5");
  require(!budget.dealtBytes || *budget.dealtBytes > 0,
          "--budget-bytes: expects a positive number of bytes",
          "write for example --budget-bytes=2MB");
  require(!options.tolerance || *options.tolerance > 0, "--tolerance: expects a positive number",
          "the default is 0.005");
  require(options.verifyTolerance >= 0, "--verify-tolerance: expects a number that is not negative",
          "the default is 0.02");
}

/// What speaks of the plan cannot stop before it.
static void checkPhases(const CompileOptions &options) {
  auto needsPlan = [&](bool given, const std::string &flag) {
    require(!given || reached(options, Phase::Plan),
            flag + ": needs the plan, which --compile-to stops before",
            "leave --compile-to out, or let it be plan");
  };
  needsPlan(!options.report.empty(), "--report");
  needsPlan(options.explain, "--explain");
  needsPlan(!options.verify.empty(), "--verify");
  require(options.replace.frontier.empty() || reached(options, Phase::Optimise),
          "--frontier: needs the phase optimise, which --compile-to stops before",
          "leave --compile-to out, or let it be optimise");
}

static void checkOutputs(const CompileOptions &options) {
  const std::filesystem::path inputs[] = {options.model, options.calibration, options.replace.pin,
                                          options.replace.judge, options.machine};
  if (!options.output.empty() && reached(options, Phase::Write)) {
    requireWritable(options.output, "--out", inputs);
    refuseForeignFiles(options.output);
    if (!options.force)
      refuseExistingSet(options.output);
  }
  if (!options.report.empty()) {
    requireWritable(options.report, "--report", inputs);
    require(isReportName(options.report),
            "--report: " + options.report.string() + " is neither .html nor .json",
            "name the file report.html to read it, report.json for programs");
  }
  if (!options.replace.frontier.empty())
    requireWritable(options.replace.frontier, "--frontier", inputs);
  require(options.emit != Emit::Onnx || !llvm::outs().is_displayed(),
          "--emit=onnx: writes bytes, which a terminal cannot show",
          "redirect standard output: gfscc model.onnx --emit=onnx > optimised.onnx");
}

/// What is read late is looked for at once.
static void requireThere(const std::string &spec, const std::string &flag) {
  std::error_code ignored;
  if (!spec.empty() && !std::filesystem::exists(parseTensorSpec(spec).file, ignored))
    throw Error(ExitCode::InputUnreadable, flag + ": " + spec + ": there is no such file",
                "check the path");
}

static void checkInputs(const CompileOptions &options) {
  const bool replaces = parseGoal(options.replace, options.budget).has_value();
  require(!replaces || !options.calibration.empty(), "--replace: needs typical inputs to choose by",
          "give --calib FILE.npy with a few hundred preprocessed inputs; labels are not needed");
  requireThere(options.calibration, "--calib");
  requireThere(options.replace.judge, "--judge");
}

void checkOptions(const CompileOptions &options) {
  checkInputs(options);
  checkNumbers(options);
  checkPhases(options);
  checkOutputs(options);
  require(options.outputs.empty() || options.model.extension() != ".mlir",
          "--outputs: cuts ONNX models only", "let the program's function return those values");
  if (!options.verify.empty())
    readTestSets(options.verify);
}

} // namespace gfs
