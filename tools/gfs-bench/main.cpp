// SPDX-License-Identifier: Apache-2.0
// gfs-bench: how fast this machine's kernels are. Prints one line per kernel, variant and shape;
// takes Google Benchmark's flags (--benchmark_filter=REGEX, --benchmark_min_time=SECONDS, …).
#include "runtime/base/Error.h"
#include "tools/gfs-bench/Bench.h"

#include <benchmark/benchmark.h>

int main(int argc, char **argv) {
  return gfs::runTool("gfs-bench", [&] {
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
