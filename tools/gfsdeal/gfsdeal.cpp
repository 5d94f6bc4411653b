// SPDX-License-Identifier: Apache-2.0
// gfsdeal: makes one-time material for both servers, before any input exists.
#include "runtime/exec/Weights.h"
#include "runtime/serve/Dealing.h"
#include "runtime/serve/Summary.h"
#include "tools/common/CommandLine.h"
#include "tools/common/Process.h"

using namespace gfs;

int main(int argc, char **argv) {
  serve::DealOptions options;
  CLI::App app{"Deals one-time material for a plan: one record per inference and server. Run it "
               "where neither server's\n"
               "operator can see it; give each server its own file only.",
               "gfsdeal"};
  app.footer("Examples:\n"
             "  gfsdeal plan.bin -n 1000\n"
             "  gfsdeal plan.bin -n 1000 --out0 monday.s0.material --out1 monday.s1.material --key "
             "plan.dealer.key\n"
             "  gfsdeal plan.bin -n 1000 --out0 to-server0/ --out1 to-server1/\n"
             "  gfsdeal plan.bin -n 1000 --resume        after an interruption");
  app.add_option("plan", options.plan, "plan.bin")->required();
  app.add_option("-n", options.records, "Number of inferences")->required();
  app.add_option("--out0", options.outputs[0],
                 "Material of server 0: a file, or a folder, DIR/ (default PLAN.s0.material)");
  app.add_option("--out1", options.outputs[1],
                 "Material of server 1: a file, or a folder, DIR/ (default PLAN.s1.material)");
  app.add_option("--key", options.dealerKey, "Dealer's key (default PLAN.dealer.key)");
  app.add_option("--weights", options.weights,
                 "Weights, for plans with public weights (default PLAN.weights)");
  app.add_option("--threads", options.threads, "Threads (default: one per processor)");
  app.add_option("--device", options.device,
                 "Where records are made: cpu, cuda[:N] or auto (a GPU if there is a usable one)")
      ->capture_default_str();
  auto *resume =
      app.add_flag("--resume", options.resume, "Continue an interrupted run of the same command");
  app.add_flag("--force", options.replace, "Replace existing files by a new set")->excludes(resume);
  app.add_flag("-q,--quiet", options.quiet, "Print nothing on success");
  takeConfigFile(app, "plan = \"plan.bin\"");
  if (std::optional<int> exitCode = parseCommandLine(app, argc, argv))
    return *exitCode;

  return runTool("gfsdeal", [&] {
    keepMemoryPrivate();
    ModelPaths beside = ModelPaths::beside(options.plan);
    if (options.dealerKey.empty())
      options.dealerKey = beside.dealerKey;
    if (options.weights.empty())
      options.weights = beside.weights;
    warnIfExposed("gfsdeal", options.dealerKey);
    for (Party party : {Party::Zero, Party::One})
      if (options.outputs[index(party)].empty())
        options.outputs[index(party)] = serve::defaultMaterial(options.plan, party);
    serve::DealSummary summary = serve::deal(options);
    if (options.quiet)
      return;
    if (options.device != "cpu")
      fmt::print("device: {}\n", summary.device);
    fmt::print("dealt {} records in {:.1f} s", summary.dealt, summary.seconds);
    if (summary.kept > 0)
      fmt::print(", kept {}", summary.kept);
    fmt::print("\n{}: {} per inference, for server 0\n{}: {} per inference, for server 1\n",
               summary.outputs[0].string(), serve::bytesText(double(summary.recordBytes[0])),
               summary.outputs[1].string(), serve::bytesText(double(summary.recordBytes[1])));
  });
}
