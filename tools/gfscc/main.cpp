// SPDX-License-Identifier: Apache-2.0
// gfscc: compiles an ONNX model into a plan for two servers. Flags here, work in compiler/pipeline.
#include "compiler/pipeline/Check.h"
#include "compiler/pipeline/Driver.h"
#include "runtime/base/Error.h"
#include "tools/common/CommandLine.h"
#include "tools/common/Process.h"
#include "tools/gfscc/ModelFlags.h"

#include <charconv>

using namespace gfs;

/// gfscc --check
static void printVerdict(const CompileOptions &options, bool json) {
  ModelVerdict verdict = checkModel(options);
  if (json)
    fmt::print("{}\n", verdictJson(verdict, options.model).dump(2));
  else
    fmt::print("{}", verdictText(verdict, options.model));
  std::fflush(stdout);
  if (!verdict.good())
    throw Error(ExitCode::Unsupported,
                options.model.string() + ": cannot run privately as it stands",
                verdict.cut.leavesTailOnly() ? "cut the model with " + outputsFlag(verdict.cut)
                                             : "replace what is refused, as the list says");
}

static std::string phaseNames() {
  std::string names;
  for (const PhaseInfo &phase : allPhases)
    names += "\n  " + std::string(phase.name) + ": " + std::string(phase.sentence);
  return names;
}

/// What the command line says, some of it still to be parsed into options.
struct Arguments {
  CompileOptions options;
  std::vector<std::string> shapes;
  std::string ring = "auto", emit = "none", compileTo = "write", outputs;
  bool quiet = false, verbose = false, check = false, json = false;
};

static void addModelFlags(CLI::App &app, Arguments &arguments) {
  CompileOptions &options = arguments.options;
  app.add_option("model", options.model, "the trained network, .onnx")->required();
  app.add_option("-o,--out", options.output, "plan.bin; weights and keys go beside it");
  app.add_option(
      "--calib", options.calibration,
      "typical inputs, .npy or .npz: 100 are plenty; only ranges, to five bits, reach the plan");
  app.add_option("--weights", options.weightMode,
                 "who may know the weights: nobody, server 0, everybody")
      ->check(CLI::IsMember({"shared", "server", "public"}))
      ->capture_default_str();
  app.add_option("--output", options.outputForm,
                 "what the client learns: argmax: indices only, chosen by the servers; logits; and "
                 "what it computes from logits itself: softmax, log_softmax, client-argmax; model: "
                 "as the model ends")
      ->check(
          CLI::IsMember({"model", "logits", "softmax", "log_softmax", "client-argmax", "argmax"}))
      ->capture_default_str();
  app.add_option("--outputs", arguments.outputs,
                 "end the private part at these values, NAME,NAME…; the client gets them");
  app.add_option("--shape", arguments.shapes,
                 "shape of an input with symbolic dimensions, or another batch than the model was "
                 "exported with: 1x3x32x32, or NAME=1x3x32x32 where there are several");
}

static void addCheckFlags(CLI::App &app, Arguments &arguments) {
  CompileOptions &options = arguments.options;
  auto *checks = app.add_option_group("Check");
  checks->add_flag("--check", arguments.check,
                   "do not compile: list the model's operators and which can run privately; exit "
                   "code 6 if not all");
  checks->add_flag("--json", arguments.json, "print the list as JSON")->needs("--check");

  checks->add_option("--verify", options.verify,
                     "run the plan privately on test sets and compare every output with the "
                     "expected one: a folder with input_0.pb, output_0.pb or with folders "
                     "test_data_set_*; calibrates on them without --calib; exit code 8 if they "
                     "differ");
  checks
      ->add_option("--verify-tolerance", options.verifyTolerance,
                   "largest error allowed, relative to the largest expected magnitude")
      ->needs("--verify")
      ->capture_default_str();
}

static void addFormatFlags(CLI::App &app, Arguments &arguments) {
  CompileOptions &options = arguments.options;
  auto *formats = app.add_option_group("Formats");
  formats->add_option("--ring", arguments.ring, "bits of the ring, 16 to 64, or auto")
      ->capture_default_str();
  addFormatNumbers(*formats, options.formats);
  formats->add_option(
      "--tolerance", options.tolerance,
      "largest root mean square error of the outputs, relative to their spread, in "
      "the search for formats; default 0.005, or the next that is reached up to 0.04, "
      "with a warning");
  formats
      ->add_option("--activation-error", options.formats.activationError,
                   "largest error of a fitted function, relative to the spread of its values, as "
                   "far as 16 thresholds allow (64 for inverses in normalisations and softmaxes); "
                   "default 2^(2 - activation bits)")
      ->check(CLI::Range(1e-9, 0.25));
  formats->add_flag("--exact", options.formats.exact,
                    "decide signs to the last place; implies --whole-openings");
  formats->add_flag("--whole-openings", options.wholeOpenings,
                    "send all bits of opened values, also low ones that are truncated away: a run "
                    "is then bit for bit what gfscc evaluates in clear");
  formats
      ->add_option("--relu-protocol", options.reluProtocol,
                   "how signs are found; auto: layer by layer what is predicted to be fastest")
      ->check(CLI::IsMember({"auto", "table", "one_hot", "dcf"}))
      ->capture_default_str();
}

static void addActivationFlags(CLI::App &app, Arguments &arguments) {
  CompileOptions &options = arguments.options;
  auto *activations = app.add_option_group("Activations");
  activations
      ->add_option(
          "--replace", options.replace.replace,
          "which ReLUs become polynomials, which need no comparison: none, auto (as many as "
          "makes the plan cheapest, within --max-accuracy-drop), all, or ratio:R, at least that "
          "share; needs --calib")
      ->capture_default_str();
  activations->add_option("--max-accuracy-drop", options.replace.maxAccuracyDrop,
                          "percent of held-out calibration samples whose answer may change; "
                          "auto: 1");
  activations
      ->add_option("--degrees", options.replace.degrees,
                   "degrees allowed: 0 constants, 1 linear, 2 quadratics")
      ->capture_default_str();
  activations->add_option("--pin", options.replace.pin,
                          "choices by layer name, JSON: see docs/choosing-activations.md; alone "
                          "like --replace=ratio:0: these only");
  activations->add_option("--frontier", options.replace.frontier,
                          "write shares replaced and answers kept, all that were judged, as JSON");
  activations
      ->add_option(
          "--judge", options.replace.judge,
          "samples, and labels if there is an array of that name, that measure every step of "
          "the choice, .npy or .npz; they decide nothing")
      ->needs("--frontier");
  activations
      ->add_option("--choose-step", options.replace.step,
                   "percent of the ReLUs that go between two rankings and fits")
      ->capture_default_str();
  activations
      ->add_option("--choose-without", options.replace.leaveOut,
                   "leave an ingredient out, to see what it is worth")
      ->check(CLI::IsMember(
          {"channels", "refit", "ranking", "elements", "density", "augment", "costs"}));
}

static void addCostFlags(CLI::App &app, Arguments &arguments) {
  CompileOptions &options = arguments.options;
  auto *costs = app.add_option_group("Costs");
  costs
      ->add_option("--network", options.network,
                   "the network between the servers, for which times are predicted: lan (0.2 ms "
                   "round trip, 1000 Mbit/s), wan (40 ms, 100 Mbit/s), loopback, or rtt=MS,bw=MBIT")
      ->capture_default_str();
  costs->add_option("--machine", options.machine,
                    "the servers' speed, as gfs-bench --calibrate -o FILE wrote it");
  costs
      ->add_option("--prefer", options.prefer,
                   "what choices are to save: time online, or dealt material (1 MB counts as 1 ms "
                   "or as 1 s)")
      ->check(CLI::IsMember({"time", "material"}))
      ->capture_default_str();
  costs->add_option("--budget-ms", options.budget.milliseconds,
                    "predicted online milliseconds that an inference may take at most; with "
                    "--replace=auto no more ReLUs go than that needs; exit code 7 if it cannot be "
                    "met");
  costs
      ->add_option("--budget-bytes", options.budget.dealtBytes,
                   "dealt bytes of both servers that an inference may take at most, for example "
                   "500000 or 2MB; likewise")
      ->transform(CLI::AsSizeValue(true));
  costs->add_flag("--explain", options.explain,
                  "print what each layer is predicted to cost, and its alternatives");
}

static void addOutputFlags(CLI::App &app, Arguments &arguments) {
  CompileOptions &options = arguments.options;
  auto *output = app.add_option_group("Output");
  output
      ->add_option("--emit", arguments.emit,
                   "print the program in one of the compiler's languages, or as an ONNX model")
      ->check(CLI::IsMember({"none", "onnx", "nn", "fixed", "secure", "plan"}))
      ->capture_default_str();
  output->add_option("--compile-to", arguments.compileTo, "stop after a phase:" + phaseNames())
      ->capture_default_str();
  output->add_flag("--full-weights", options.fullWeights, "print weights in full");
  output->add_option("--report", options.report,
                     "write a report of choices, costs, head-room and leakage: FILE.html or .json");
  output->add_flag(
      "--strip-names", options.stripNames,
      "leave the names of nodes, weights and model out of the plan, which both servers "
      "and clients have; inputs and outputs keep theirs");
  output->add_flag("--ranges", options.ranges, "print formats and head-room, layer by layer");
  output->add_flag("--timing", options.timing, "print the time of each phase");
  output->add_flag("-q,--quiet", arguments.quiet, "print errors only");
  output->add_flag("-v,--verbose", arguments.verbose, "print what passes remark");
  output->add_flag("--force", options.force,
                   "replace an existing plan with its weights and keys; material made for them "
                   "becomes useless");
}

/// --ring: 16 to 64; nothing for "auto".
static std::optional<unsigned> parseRing(const std::string &ring) {
  if (ring == "auto")
    return std::nullopt;
  unsigned bits = 0;
  auto [end, error] = std::from_chars(ring.data(), ring.data() + ring.size(), bits);
  if (error != std::errc() || end != ring.data() + ring.size() || bits < 16 || bits > 64)
    throw Error(ExitCode::Usage,
                "--ring: expects auto or a number from 16 to 64, got '" + ring + "'",
                "leave it out");
  return bits;
}

static Phase parsePhase(const std::string &name) {
  if (auto phase = phaseNamed(name))
    return *phase;
  throw Error(ExitCode::Usage, "--compile-to: there is no phase '" + name + "'",
              "the phases are:" + phaseNames());
}

static Emit parseEmit(const std::string &language) {
  return std::map<std::string, Emit>{{"none", Emit::None},     {"onnx", Emit::Onnx},
                                     {"nn", Emit::Nn},         {"fixed", Emit::Fixed},
                                     {"secure", Emit::Secure}, {"plan", Emit::Plan}}
      .at(language);
}

static void run(Arguments &arguments) {
  keepMemoryPrivate();
  CompileOptions &options = arguments.options;
  for (const std::string &shape : arguments.shapes)
    options.shapes.insert(parseShape(shape));
  if (!arguments.outputs.empty())
    options.outputs = parseOutputs(arguments.outputs);
  if (arguments.check)
    return printVerdict(options, arguments.json);
  options.formats.ringBits = parseRing(arguments.ring);
  options.last = parsePhase(arguments.compileTo);
  options.emit = parseEmit(arguments.emit);
  options.verbosity = arguments.quiet ? 0 : arguments.verbose ? 2 : 1;
  compile(options);
}

int main(int argc, char **argv) {
  CLI::App app{"Compiles an ONNX model into a plan that two servers run privately.", "gfscc"};
  app.footer("Examples:\n"
             "  gfscc --check model.onnx\n"
             "  gfscc model.onnx -o plan.bin --calib samples.npy\n"
             "  gfscc model.onnx -o plan.bin --calib samples.npy --network=wan --explain\n"
             "  gfscc --config model.toml              with model = \"model.onnx\", calib = …");
  Arguments arguments;
  addModelFlags(app, arguments);
  addCheckFlags(app, arguments);
  addFormatFlags(app, arguments);
  addActivationFlags(app, arguments);
  addCostFlags(app, arguments);
  addOutputFlags(app, arguments);
  takeConfigFile(app, "calib = \"samples.npy\"");
  if (std::optional<int> exitCode = parseCommandLine(app, argc, argv))
    return *exitCode;
  return runTool("gfscc", [&] { run(arguments); });
}
