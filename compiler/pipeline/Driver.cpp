// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/Driver.h"

#include "compiler/emit/PlanFiles.h"
#include "compiler/pipeline/Diagnostics.h"
#include "compiler/pipeline/Progress.h"
#include "compiler/pipeline/Source.h"
#include "compiler/pipeline/Summary.h"
#include "dialects/fixed/FixedDialect.h"
#include "passes/convert/FixedToSecure.h"
#include "passes/secure/Passes.h"
#include "runtime/exec/Program.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/raw_ostream.h"
#include <google/protobuf/text_format.h>

using namespace mlir;

namespace gfs {

namespace {
class Compilation {
public:
  explicit Compilation(const CompileOptions &options)
      : options(options), progress(options.verbosity), diagnostics(&context) {
    DialectRegistry registry;
    registry.insert<func::FuncDialect, fixed::FixedDialect, secure::SecureDialect>();
    context.appendDialectRegistry(registry);
    // Passes here work on the whole module; threads would only cost start-up time.
    context.disableMultithreading();
  }

  void run() {
    if (!options.output.empty() && !options.force)
      refuseExistingKeys(options.output);
    progress.run(Phase::Import, [&] { return load(); });
    if (reached(Phase::Secure))
      progress.run(Phase::Secure, [&] { return makeSecure(); });
    print(Emit::Secure);
    if (reached(Phase::Plan))
      progress.run(Phase::Plan, [&] { return makePlan(); });
    if (reached(Phase::Write) && !options.output.empty())
      progress.run(Phase::Write, [&] { return write(); });
    if (program)
      progress.say(summaryText(*program, calibration));
    if (options.timing)
      progress.say(progress.timingTable());
  }

private:
  const CompileOptions &options;
  Progress progress;
  MLIRContext context;
  DiagnosticCollector diagnostics;
  OwningOpRef<ModuleOp> module;
  Language language = Language::Nn;
  std::optional<CalibrationResult> calibration;
  EmittedPlan emitted;
  std::optional<Program> program;

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
    module = parseProgram(context, options.model);
    diagnostics.check(success(static_cast<bool>(module)), Phase::Import, ExitCode::InvalidInput,
                      "gfs-opt reads the same file and shows the place of each error");
    language = languageOf(*module);
    return options.model.string();
  }

  std::string makeSecure() {
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

  std::string makePlan() {
    emitted = emitPlan(*module, std::string(compilerVersion), options.model.stem().string());
    // Read back as a server reads it: what does not verify is not written.
    program.emplace(plan::parsePlan(plan::serializePlan(emitted.plan), "the emitted plan"));
    if (options.emit == Emit::Plan) {
      std::string text;
      google::protobuf::TextFormat::PrintToString(emitted.plan, &text);
      llvm::outs() << text;
      llvm::outs().flush();
    }
    return fmt::format("{} steps", emitted.plan.steps_size());
  }

  std::string write() {
    std::string names;
    for (const auto &path :
         writePlanFiles(program->loaded(), std::move(emitted), options.output, options.force))
      names += (names.empty() ? "" : ", ") + path.string();
    return names;
  }

  /// Prints the program if it was asked for in the language it is in now.
  void print(Emit emit) const {
    if (options.emit != emit)
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

void compile(const CompileOptions &options) { Compilation(options).run(); }

} // namespace gfs
