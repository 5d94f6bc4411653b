// SPDX-License-Identifier: Apache-2.0
// gfs-bench: how fast this machine's kernels are; with --calibrate, what predictions need to know
// of it. gfs-bench network FILE… measures whole networks.
#include "runtime/base/Error.h"
#include "tools/common/CommandLine.h"
#include "tools/gfs-bench/Bench.h"
#include "tools/gfs-bench/Calibrate.h"
#include "tools/gfs-bench/NetworkMain.h"

#include <benchmark/benchmark.h>

using namespace gfs;

/// JSON to `output`, or standard output.
static void calibrate(const std::filesystem::path &output) {
  const MachineProfile machine = calibrateMachine();
  if (output.empty())
    fmt::print("{}", machineProfileText(machine));
  else
    writeMachineProfile(machine, output);
}

/// `flags` are Google Benchmark's, which takes out what it knows.
static void benchmarkKernels(std::vector<std::string> flags) {
  registerPeakBenchmarks();
  registerConvBenchmarks();
  registerCryptoBenchmarks();
  registerElementwiseBenchmarks();
  flags.insert(flags.begin(), "gfs-bench");
  std::vector<char *> arguments;
  for (std::string &flag : flags)
    arguments.push_back(flag.data());
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  if (count > 1)
    throw Error(ExitCode::Usage, fmt::format("unknown argument '{}'", arguments[1]),
                "see gfs-bench --help");
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}

int main(int argc, char **argv) {
  if (argc > 1 && std::string_view(argv[1]) == "network")
    return benchmarkNetworks(argc, argv);
  bool calibrates = false;
  std::filesystem::path output;
  CLI::App app{"Measures how fast this machine's kernels are: one line per kernel, variant and "
               "shape. Takes Google Benchmark's flags, too:\n"
               "--benchmark_filter=REGEX, --benchmark_min_time=SECONDS, --benchmark_list_tests, "
               "--benchmark_format=json and others.",
               "gfs-bench"};
  CLI::Option *flag = app.add_flag("--calibrate", calibrates,
                                   "Measure what predictions need to know of this machine instead "
                                   "(gfscc --machine, gfsrun --machine), and write it as JSON");
  app.add_option("-o", output, "Where to write it (default: standard output)")->needs(flag);
  app.add_subcommand("network", "Measure whole networks");
  app.allow_extras();
  app.footer("Examples:\n"
             "  gfs-bench --benchmark_filter='^conv/'\n"
             "  gfs-bench --calibrate -o machine.json\n"
             "  gfs-bench network plan.bin --layers");
  if (std::optional<int> exitCode = parseCommandLine(app, argc, argv))
    return *exitCode;
  return runTool("gfs-bench", [&] {
    if (calibrates && !app.remaining().empty())
      throw Error(ExitCode::Usage,
                  fmt::format("--calibrate: unknown argument '{}'", app.remaining().front()),
                  "gfs-bench --calibrate [-o machine.json]");
    if (calibrates)
      calibrate(output);
    else
      benchmarkKernels(app.remaining());
  });
}
