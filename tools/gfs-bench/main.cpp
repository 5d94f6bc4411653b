// SPDX-License-Identifier: Apache-2.0
// gfs-bench: how fast this machine's kernels are. Prints one line per kernel, variant and shape;
// takes Google Benchmark's flags (--benchmark_filter=REGEX, --benchmark_min_time=SECONDS, …).
// gfs-bench --calibrate [-o machine.json] measures what gfscc --machine reads;
// gfs-bench network FILE… measures whole networks.
#include "runtime/base/Error.h"
#include "tools/gfs-bench/Bench.h"
#include "tools/gfs-bench/Calibrate.h"
#include "tools/gfs-bench/NetworkMain.h"

#include <benchmark/benchmark.h>

/// --calibrate [-o FILE]: JSON to FILE or standard output.
static void calibrate(std::span<char *> arguments) {
  std::filesystem::path output;
  if (arguments.size() == 2 && std::string_view(arguments[0]) == "-o")
    output = arguments[1];
  else if (!arguments.empty())
    throw gfs::Error(gfs::ExitCode::Usage,
                     fmt::format("--calibrate: unknown argument '{}'", arguments[0]),
                     "gfs-bench --calibrate [-o machine.json]");
  gfs::MachineProfile machine = gfs::calibrateMachine();
  if (output.empty())
    fmt::print("{}", gfs::machineProfileText(machine));
  else
    gfs::writeMachineProfile(machine, output);
}

int main(int argc, char **argv) {
  if (argc > 1 && std::string_view(argv[1]) == "network")
    return gfs::benchmarkNetworks(argc, argv);
  return gfs::runTool("gfs-bench", [&] {
    if (argc > 1 && std::string_view(argv[1]) == "--calibrate")
      return calibrate(std::span(argv, static_cast<size_t>(argc)).subspan(2));
    gfs::registerPeakBenchmarks();
    gfs::registerConvBenchmarks();
    gfs::registerCryptoBenchmarks();
    gfs::registerElementwiseBenchmarks();
    benchmark::Initialize(&argc, argv);
    if (argc > 1)
      throw gfs::Error(gfs::ExitCode::Usage, fmt::format("unknown argument '{}'", argv[1]),
                       "see gfs-bench --help");
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
  });
}
