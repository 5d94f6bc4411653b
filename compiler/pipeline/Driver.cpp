// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/Driver.h"

#include "compiler/cost/ExplainText.h"
#include "compiler/emit/PlanFiles.h"
#include "compiler/evaluate/Heap.h"
#include "compiler/export/Export.h"
#include "compiler/import/Import.h"
#include "compiler/pipeline/Check.h"
#include "compiler/pipeline/CheckOptions.h"
#include "compiler/pipeline/ChooseStage.h"
#include "compiler/pipeline/Diagnostics.h"
#include "compiler/pipeline/FixedStage.h"
#include "compiler/pipeline/Progress.h"
#include "compiler/pipeline/Source.h"
#include "compiler/pipeline/Summary.h"
#include "compiler/pipeline/VariantPlan.h"
#include "compiler/report/Activations.h"
#include "compiler/report/Report.h"
#include "compiler/verify/Verify.h"
#include "dialects/fixed/FixedDialect.h"
#include "dialects/nn/NnShapes.h"
#include "passes/convert/FixedToSecure.h"
#include "passes/fixed/Passes.h"
#include "passes/fixed/RangeReport.h"
#include "passes/nn/Passes.h"
#include "passes/secure/Passes.h"
#include "runtime/base/StagedFiles.h"
#include "runtime/exec/Program.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/raw_ostream.h"
#include <fmt/ranges.h>
#include <google/protobuf/text_format.h>

using namespace mlir;

namespace gfs {

namespace {
class Compilation {
public:
  explicit Compilation(const CompileOptions &options)
      : options(options), costGoal(costGoalOf(options)), progress(options.verbosity),
        diagnostics(&context) {
    DialectRegistry registry;
    registry.insert<func::FuncDialect, nn::NnDialect, fixed::FixedDialect, secure::SecureDialect>();
    context.appendDialectRegistry(registry);
    // Diagnostics name the node; the operation as text is for gfs-opt.
    context.printOpOnDiagnostic(false);
    // Passes here work on the whole module; threads would only cost start-up time.
    context.disableMultithreading();
  }

  void run() {
    checkOptions(options);
    progress.run(Phase::Import, [&] { return load(); });
    if (options.wholeOpenings)
      (*module)->setAttr(language == Language::Secure ? secure::wholeOpeningsAttr
                                                      : fixed::wholeOpeningsAttr,
                         UnitAttr::get(&context));
    if (language == Language::Nn && reached(Phase::Optimise))
      progress.run(Phase::Optimise, [&] { return optimise(); });
    else if (language == Language::Nn)
      printOnnx();
    print(Emit::Nn, Language::Nn);
    if (language == Language::Nn && reached(Phase::Fixed))
      progress.run(Phase::Fixed, [&] { return makeFixed(); });
    if (language != Language::Nn)
      shapeOutputs();
    print(Emit::Fixed, Language::Fixed);
    if (language != Language::Nn && reached(Phase::Secure))
      progress.run(Phase::Secure, [&] { return makeSecure(); });
    print(Emit::Secure, Language::Secure);
    if (language == Language::Secure && reached(Phase::Plan))
      progress.run(Phase::Plan, [&] { return makePlan(); });
    if (program && !options.verify.empty())
      verify();
    if (program && reached(Phase::Write) && !options.output.empty())
      progress.run(Phase::Write, [&] { return write(); });
    if (program && !options.report.empty())
      writeReport(reportJson(*program, reportParts), options.report);
    if (program)
      progress.say(summaryText(*program, costGoal.environment, calibration) + predictionLine());
    if (program && options.explain) {
      llvm::outs() << explanationText(explanation, costGoal);
      llvm::outs().flush();
    }
    if (options.timing)
      progress.say(progress.timingTable());
    requirePrinted();
  }

private:
  const CompileOptions &options;
  CostGoal costGoal;
  Progress progress;
  MLIRContext context;
  DiagnosticCollector diagnostics;
  OwningOpRef<ModuleOp> module;
  Language language = Language::Nn;
  double headroom = FixedOptions().headroom; ///< Of the formats that were chosen.
  double replacementError = 0; ///< Of the outputs, by the activations that were replaced.
  std::optional<CalibrationResult> calibration;
  ReportParts reportParts;
  EmittedPlan emitted;
  std::optional<Program> program;
  CostExplanation explanation;

  /// LLVM ends the process without a word of ours if a stream still has an error then.
  static void requirePrinted() {
    llvm::outs().flush();
    if (!llvm::outs().has_error())
      return;
    llvm::outs().clear_error();
    throw Error(ExitCode::OutputUnwritable, "standard output: cannot be written",
                "check where it goes, and the space there");
  }

  bool reached(Phase phase) const { return phase <= options.last; }

  /// Runs passes of one phase; a failure becomes an Error with everything the passes said.
  void runPasses(Phase phase, ExitCode code, const std::string &hint,
                 llvm::function_ref<void(OpPassManager &)> add) {
    PassManager passes(&context, ModuleOp::getOperationName());
    add(passes);
    LogicalResult result = passes.run(*module);
    diagnostics.check(result, phase, code, hint);
    for (const std::string &warning : diagnostics.takeWarnings())
      progress.warn(warning);
  }

  std::string load() {
    bool isProgram = options.model.extension() == ".mlir";
    module = isProgram ? parseProgram(context, options.model)
                       : importOnnx(options.model, {options.shapes, options.outputs}, context);
    diagnostics.check(success(static_cast<bool>(module)), Phase::Import, ExitCode::InvalidInput,
                      isProgram ? "gfs-opt reads the same file and shows the place of each error"
                                : "please report this with the model that led to it");
    language = languageOf(*module);
    if (!isProgram && options.shapes.empty())
      warnOfBatch(*module->getOps<func::FuncOp>().begin());
    return fmt::format("{}, {}", options.model.string(), countNodes());
  }

  /// Of images and volumes: a line that other inputs lead with may be one of time.
  void warnOfBatch(func::FuncOp main) {
    const FunctionType type = main.getFunctionType();
    auto shapeOf = [](Type tensor) { return cast<RankedTensorType>(tensor).getShape(); };
    if (type.getNumInputs() != 1 || shapeOf(type.getInput(0)).size() < 4)
      return;
    nn::Shape single(shapeOf(type.getInput(0)));
    const int64_t batch = std::exchange(single[0], 1);
    const bool leads = llvm::all_of(type.getResults(), [&](Type result) {
      return !shapeOf(result).empty() && shapeOf(result)[0] == batch;
    });
    if (batch > 1 && leads)
      progress.warn(fmt::format("every request computes {} samples, the batch that the model was "
                                "exported with; for one, give --shape {}",
                                batch, fmt::join(single, "x")));
  }

  std::string optimise() {
    runPasses(Phase::Optimise, ExitCode::Unsupported,
              "replace these layers, or export the model without them", nn::buildNnPipeline);
    std::optional<ChooseGoal> goal = parseGoal(options.replace, options.budget);
    std::string chosen = goal ? chooseActivations(*goal) : "";
    printOnnx();
    reportParts.sections["activations"] =
        activationsJson(*module.get().getOps<func::FuncOp>().begin());
    runPasses(Phase::Optimise, ExitCode::Internal,
              "please report this with the model that led to it", nn::buildFusionPipeline);
    return countNodes() + chosen;
  }

  /// --replace: ", 45 % of 188,416 ReLUs kept …"
  std::string chooseActivations(const ChooseGoal &goal) {
    Choice choice = replaceActivations(*module, options, goal, diagnostics, progress);
    replacementError = choice.point().relativeError;
    // Fuses what was written with the layers around it.
    runPasses(Phase::Optimise, ExitCode::Internal,
              "please report this with the model that led to it", nn::buildNnPipeline);
    reportParts.sections["frontier"] = choiceJson(choice);
    if (!options.replace.frontier.empty())
      writeFile(options.replace.frontier, choiceJson(choice).dump(2) + "\n");
    warnIfNothingPays(goal, choice);
    return fmt::format("; {} of {} ReLUs kept, {:.1f} % of held-out answers unchanged", choice.kept,
                       choice.relus, 100 * choice.point().agreement);
  }

  void warnIfNothingPays(const ChooseGoal &goal, const Choice &choice) {
    double farthest = 0;
    for (const ChoosePoint &point : choice.points)
      if (goal.allows(point))
        farthest = std::max(farthest, point.replaced);
    const double pinned = choice.points.front().replaced;
    if (goal.seeksCheapest() && choice.chosen == 0 && farthest > pinned)
      progress.warn(fmt::format("--replace=auto: up to {:.0f} % of the ReLUs may go, but no plan "
                                "without them is predicted to save anything, so {} stay; give "
                                "--prefer=material, a --budget-bytes or --replace=ratio:{:.2f}",
                                100 * farthest, pinned > 0 ? "the others" : "all", farthest));
  }

  std::string makeFixed() {
    FormatChoice choice =
        FixedStage(*module, options, diagnostics, progress, replacementError).run();
    language = Language::Fixed;
    headroom = choice.formats.headroom;
    calibration =
        CalibrationResult{choice.samples.count, choice.samples.synthetic,
                          choice.deviation.relativeError, 1 - choice.deviation.disagreement};
    reportParts.ranges = fixed::rangeReport(*module);
    describe(choice);
    if (options.ranges)
      progress.say(fixed::formatRangeReport(reportParts.ranges));
    return fmt::format(
        "ring of {} bits, {}, {} bit activations, head-room {}; {} trials", choice.formats.ringBits,
        choice.formats.exact ? "exact signs"
                             : fmt::format("{} bit windows", choice.formats.windowBits),
        choice.formats.activationBits, choice.formats.headroom, choice.trials);
  }

  /// What the report says of the formats and of how they did.
  void describe(const FormatChoice &choice) {
    reportParts.formats = {{"ring_bits", choice.formats.ringBits},
                           {"window_bits", choice.formats.windowBits},
                           {"exact", choice.formats.exact},
                           {"activation_bits", choice.formats.activationBits},
                           {"square_bits", choice.formats.squareBits},
                           {"headroom", choice.formats.headroom},
                           {"tolerance", choice.tolerance},
                           {"trials", choice.trials}};
    reportParts.calibration = {{"samples", calibration->samples},
                               {"synthetic", calibration->synthetic},
                               {"relative_error", calibration->relativeError},
                               {"agreement", calibration->agreement}};
  }

  /// "12 operations"
  std::string countNodes() const {
    size_t count = 0;
    module.get().walk(
        [&](Operation *op) { count += op->getNumOperands() > 0 && !isa<func::ReturnOp>(op); });
    return fmt::format("{} operations", count);
  }

  std::string makeSecure() {
    if (language == Language::Fixed && costGoal.protocol == "auto")
      explanation = chooseProtocols(*module, costGoal);
    // A protocol that was asked for may not fit a window; every other failure here is a bug.
    bool chosen = options.reluProtocol != "auto";
    runPasses(
        Phase::Secure, chosen ? ExitCode::Usage : ExitCode::Internal,
        chosen ? "leave --relu-protocol out" : "please report this with the model that led to it",
        [&](OpPassManager &passes) {
          if (language == Language::Fixed)
            passes.addPass(createConvertFixedToSecure({options.weightMode, options.reluProtocol}));
          secure::buildSecurePipeline(passes);
        });
    language = Language::Secure;
    auto exchanges = (*module)->getAttrOfType<IntegerAttr>(secure::exchangesAttr).getInt();
    return fmt::format("{} exchanges", exchanges);
  }

  /// --output: what the client gets, and computes from it.
  void shapeOutputs() {
    const std::string &form = options.outputForm;
    if (form == "model")
      return;
    if (form == "argmax") {
      if (language != Language::Fixed)
        throw Error(ExitCode::Usage, "--output=argmax: the program is secure already",
                    "give --output=client-argmax, or begin with the model");
      return runPasses(Phase::Fixed, ExitCode::RangeCheck,
                       "give this --ring, or --output=client-argmax",
                       [&](OpPassManager &passes) { addArgmaxPasses(passes, headroom); });
    }
    auto post = StringAttr::get(&context, form == "logits"          ? "none"
                                          : form == "client-argmax" ? "argmax"
                                                                    : form);
    bool isFixed = language == Language::Fixed;
    StringRef name = isFixed ? fixed::postAttr : secure::postAttr;
    StringRef axis = isFixed ? fixed::postAxisAttr : secure::postAxisAttr;
    StringRef count = isFixed ? fixed::postCountAttr : secure::postCountAttr;
    StringRef shape = isFixed ? fixed::shapeAttr : secure::shapeAttr;
    for (auto main : module->getOps<func::FuncOp>())
      for (unsigned i = 0; i < main.getNumResults(); ++i) {
        main.setResultAttr(i, name, post);
        main.removeResultAttr(i, StringAttr::get(&context, axis));
        main.removeResultAttr(i, StringAttr::get(&context, count));
        main.removeResultAttr(i, StringAttr::get(&context, shape));
      }
  }

  std::string makePlan() {
    emitted = emitPlan(*module, "gfscc " GFS_VERSION, options.model.stem().string());
    // Read back as a server reads it: what does not verify is not written.
    program.emplace(plan::parsePlan(plan::serializePlan(emitted.plan), "the emitted plan"));
    if (explanation.layers.empty()) // nothing was left to choose
      explanation = explain(*program, costGoal);
    requireBudget();
    reportParts.environment = costGoal.environment;
    reportParts.sections["explain"] = explanationJson(explanation, costGoal);
    if (options.emit == Emit::Plan) {
      std::string text;
      google::protobuf::TextFormat::PrintToString(published(), &text);
      llvm::outs() << text;
      llvm::outs().flush();
    }
    return fmt::format("{} steps", emitted.plan.steps_size());
  }

  /// --budget-ms, --budget-bytes: choices came as near to them as they could.
  void requireBudget() const {
    const double seconds = explanation.total.time.seconds();
    const uint64_t bytes = explanation.total.dealtBytes;
    if (options.budget.metBy(seconds, bytes))
      return;
    const bool replaces = parseGoal(options.replace, options.budget).has_value();
    throw Error(ExitCode::RangeCheck,
                fmt::format("{}: cannot be met by a choice of formats and protocols",
                            options.budget.text()),
                fmt::format("nearest: {:.3g} ms online, {} dealt bytes; ask for {}{}",
                            1e3 * seconds, bytes, options.budget.relaxedTo(seconds, bytes),
                            replaces ? "" : ", or let ReLUs go with --replace=auto"));
  }

  /// --verify: runs the plan privately on the test sets. A plan that computes something else is not
  /// written.
  void verify() const {
    std::vector<OutputCheck> checks = verifyPlan(
        program->loaded(), emitted.weights, readTestSets(options.verify), options.verifyTolerance);
    llvm::outs() << checkText(checks, options.verifyTolerance);
    llvm::outs().flush();
    auto wrong = llvm::count_if(checks, [](const OutputCheck &check) { return !check.good; });
    if (wrong > 0)
      throw Error(ExitCode::VerifyMismatch,
                  fmt::format("{}: {} of {} outputs differ by more than {:g} of their magnitude",
                              options.verify.string(), wrong, checks.size(),
                              options.verifyTolerance),
                  "check that the set belongs to the model; --calib with typical inputs, a smaller "
                  "--tolerance or --exact make the plan more precise");
  }

  std::string predictionLine() const {
    return fmt::format("  {:<16}{:.1f} ms online, {}\n", "predicted",
                       1e3 * explanation.total.time.seconds(), costGoal.environment.network.text());
  }

  /// What others get to see: reports and messages of this run keep all names.
  plan::Plan published() const {
    return options.stripNames ? withoutNames(emitted.plan) : emitted.plan;
  }

  std::string write() {
    const plan::LoadedPlan loaded =
        plan::parsePlan(plan::serializePlan(published()), "the emitted plan");
    std::string names;
    for (const auto &path : writePlanFiles(loaded, std::move(emitted), options.output))
      names += (names.empty() ? "" : ", ") + path.string();
    return names;
  }

  /// --emit=onnx: before activations are fused with the layers around them.
  void printOnnx() const {
    if (options.emit != Emit::Onnx)
      return;
    auto main = *module.get().getOps<func::FuncOp>().begin();
    llvm::outs() << exportOnnx(main, options.model.stem().string());
    llvm::outs().flush();
  }

  /// Prints the program if it was asked for in the language it is in now.
  void print(Emit emit, Language spoken) const {
    if (options.emit != emit || language != spoken)
      return;
    OpPrintingFlags flags;
    if (!options.fullWeights)
      flags.elideLargeElementsAttrs(16).elideLargeResourceString(0);
    module.get()->print(llvm::outs(), flags);
    llvm::outs() << "\n";
    llvm::outs().flush();
  }
};
} // namespace

/// What to try where a model is refused: a detection head, say, can be left to the client.
static std::string whereToCut(const CompileOptions &options) {
  if (options.model.extension() == ".mlir")
    return {};
  try {
    Cut cut = checkModel(options).cut;
    if (cut.leavesTailOnly())
      return fmt::format("or end the private part before them, the client gets these values: {}",
                         outputsFlag(cut));
  } catch (const Error &) {
    return {}; // what is wrong is not a node, and has been said
  }
  return fmt::format("gfscc --check {} lists all operators", options.model.string());
}

void compile(const CompileOptions &options) {
  keepFreedBlocks();
  refuseMoreThanFreeMemory();
  try {
    Compilation(options).run();
  } catch (const Error &error) {
    std::string advice = error.code() == ExitCode::Unsupported ? whereToCut(options) : "";
    if (advice.empty())
      throw;
    throw Error(error.code(), error.what(), fmt::format("{}; {}", error.hint(), advice));
  }
}

} // namespace gfs
