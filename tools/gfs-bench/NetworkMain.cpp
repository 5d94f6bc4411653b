// SPDX-License-Identifier: Apache-2.0
#include "tools/gfs-bench/NetworkMain.h"

#include "runtime/base/StagedFiles.h"
#include "tools/common/CommandLine.h"
#include "tools/common/Process.h"
#include "tools/common/TemporaryFolder.h"
#include "tools/gfs-bench/ChildProcess.h"
#include "tools/gfs-bench/NetworkReport.h"

#include <chrono>

namespace gfs {

namespace {

struct Options {
  std::vector<std::filesystem::path> files;
  std::filesystem::path input, calibration, machine, json;
  std::vector<std::string> compile;
  std::vector<std::string> transports = {"memory", "plain", "tls"};
  std::string python = "python3";
  NetworkOptions network;
  bool vsPlaintext = false, layers = false, quiet = false;
};

} // namespace

static void addFlags(CLI::App &app, Options &options) {
  app.add_option("file", options.files, "Plans, with weights and keys beside them, or .onnx models")
      ->required();
  app.add_option(
      "--input", options.input,
      "Inputs, along the leading axis (default NAME.input.npy beside the file; else made "
      "up)");
  app.add_option("-n,--inferences", options.network.inferences, "At least so many are measured")
      ->check(CLI::Range(1u, 1000000u))
      ->capture_default_str();
  app.add_option("--warm-up", options.network.warmUp, "Passes before that are not counted")
      ->check(CLI::Range(0u, 1000000u))
      ->capture_default_str();
  app.add_option("--together", options.network.together,
                 "So many inferences in one pass, with as many exchanges as for one")
      ->check(CLI::Range(1u, 16384u))
      ->capture_default_str();
  app.add_option("--transport", options.transports,
                 "memory (two threads of one process), plain and tls (two gfsrun processes over "
                 "loopback and a client)")
      ->delimiter(',')
      ->check(CLI::IsMember({"memory", "plain", "tls"}))
      ->default_str("memory,plain,tls");
  app.add_option("--pause-ms", options.network.pauseMs,
                 "Before each request, so that servers prepare the next inference in the pause and "
                 "not under the present one")
      ->check(CLI::Range(0u, 1000000u))
      ->capture_default_str();
  app.add_option("--spin-us", options.network.spinUs, "As gfsrun's")
      ->check(CLI::Range(0u, 1000000u))
      ->capture_default_str();
  app.add_option("--device", options.network.device,
                 "Where servers and dealer compute: cpu, cuda, cuda:N or auto")
      ->capture_default_str();
  app.add_option("--throttle", options.network.throttle,
                 "Imitate a network between the servers: lan, wan or rtt=MS,bw=MBIT");
  app.add_option(
      "--machine", options.machine,
      "This machine's speed, as gfs-bench --calibrate -o FILE wrote it: for predictions");
  app.add_flag(
      "--layers", options.layers,
      "Print time, predicted time, waiting and bytes of every step; on a GPU by its clock");
  app.add_option("--json", options.json, "Write everything as JSON; - is stdout");
  app.add_flag("-q,--quiet", options.quiet, "Print no tables and no progress of compilations");

  const char *models = "Models";
  app.add_option("--calib", options.calibration,
                 "Typical inputs for the compiler (default NAME.calib.npy beside the model)")
      ->group(models);
  app.add_option("--compile", options.compile, "A flag for gfscc, for example --compile=--exact")
      ->group(models);
  app.add_flag("--vs-plaintext", options.vsPlaintext,
               "Run the model in ONNX Runtime on one core, too, and compare times and outputs")
      ->group(models);
  app.add_option("--python", options.python, "An interpreter with numpy and onnxruntime")
      ->capture_default_str()
      ->group(models);
}

/// "models/NAME.onnx" -> "models/NAME.input.npy", if it is there.
static std::filesystem::path companion(std::filesystem::path file, const char *extension) {
  file.replace_extension(extension);
  return std::filesystem::exists(file) ? file : std::filesystem::path();
}

static Transport transportNamed(const std::string &name) {
  auto found = std::find(transportNames.begin(), transportNames.end(), name);
  return static_cast<Transport>(found - transportNames.begin());
}

static bool isModel(const std::filesystem::path &file) { return file.extension() == ".onnx"; }

/// Runs gfscc; returns the seconds it took. Its progress and its errors go where ours go.
static double compile(const std::filesystem::path &model, const std::filesystem::path &plan,
                      const Options &options) {
  ChildOptions child;
  child.command = {siblingProgram("gfscc"), model, "-o", plan};
  std::filesystem::path samples =
      options.calibration.empty() ? companion(model, ".calib.npy") : options.calibration;
  if (!samples.empty())
    child.command.insert(child.command.end(), {"--calib", samples});
  if (options.quiet)
    child.command.emplace_back("-q");
  child.command.insert(child.command.end(), options.compile.begin(), options.compile.end());
  child.output = plan.parent_path() / "gfscc.out";
  const auto start = std::chrono::steady_clock::now();
  ChildProcess compiler(std::move(child));
  if (int code = compiler.wait(); code != 0)
    throw Error(static_cast<ExitCode>(code),
                fmt::format("{}: gfscc ended with code {}", model.string(), code),
                "its message is above");
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

static NetworkResult measure(const std::filesystem::path &file, const Options &options) {
  NetworkFiles files{file, options.input, {}};
  if (files.input.empty())
    files.input = companion(file, ".input.npy");
  if (!isModel(file))
    return measureNetwork(files, options.network);
  TemporaryFolder folder;
  files.model = file;
  files.plan = folder.path() / "plan.bin";
  double seconds = compile(file, files.plan, options);
  NetworkResult result = measureNetwork(files, options.network);
  result.compileSeconds = seconds;
  return result;
}

static void writeJson(const std::filesystem::path &path, const std::string &document) {
  if (path == "-")
    fmt::print("{}", document);
  else
    writeFile(path, document);
}

static void run(Options &options) {
  NetworkOptions &network = options.network;
  network.timeSteps = options.layers;
  network.transports.clear();
  for (const std::string &name : options.transports)
    network.transports.push_back(transportNamed(name));
  if (!options.machine.empty())
    network.machine = readMachineProfile(options.machine);
  if (!network.throttle.empty())
    parseNetworkProfile(network.throttle, "--throttle"); // refused before anything takes time
  if (options.vsPlaintext)
    network.python = options.python;
  // All flags and files are checked before the first network takes its minutes.
  for (const std::filesystem::path &file : options.files) {
    if (!std::filesystem::exists(file))
      throw Error(ExitCode::InputUnreadable,
                  fmt::format("{}: there is no such file", file.string()),
                  "tools/bench_models.py writes networks to measure");
    if (options.vsPlaintext && !isModel(file))
      throw Error(ExitCode::Usage, fmt::format("{}: --vs-plaintext needs the model", file.string()),
                  "give the .onnx instead of its plan");
  }
  const bool tables = !options.quiet && options.json != "-";
  if (tables)
    fmt::print("{}", benchmarkHeader(network));
  std::vector<NetworkResult> results;
  for (const std::filesystem::path &file : options.files) {
    results.push_back(measure(file, options));
    if (tables) {
      fmt::print("\n{}", networkText(results.back(), options.layers));
      std::fflush(stdout);
    }
  }
  if (!options.json.empty())
    writeJson(options.json, networksJson(results, network));
}

int benchmarkNetworks(int argc, char **argv) {
  Options options;
  CLI::App app{"Measures whole networks: online, offline, memory, beside plaintext.", "gfs-bench"};
  CLI::App *command = app.add_subcommand("network", "Measure whole networks");
  app.require_subcommand(1);
  addFlags(*command, options);
  command->footer("Examples:\n"
                  "  gfs-bench network plan.bin --layers\n"
                  "  build/venv/bin/python tools/bench_models.py && gfs-bench network "
                  "build/models/*.onnx --vs-plaintext "
                  "--json networks.json");
  if (std::optional<int> exitCode = parseCommandLine(app, argc, argv))
    return *exitCode;
  return runTool("gfs-bench", [&] {
    keepMemoryPrivate();
    const SignalWatch signals;
    const std::jthread watcher = signals.start([] {
      TemporaryFolder::removeAll(); // material, keys and certificates lie there
      fmt::print(stderr, "gfs-bench: error: interrupted\n");
      _exit(static_cast<int>(ExitCode::Failure));
    });
    run(options);
  });
}

} // namespace gfs
