// SPDX-License-Identifier: Apache-2.0
// gfs-inspect: what a plan computes, costs and reveals, and what the files beside it are.
#include "runtime/base/Error.h"
#include "runtime/inspect/Leakage.h"
#include "runtime/plan/Plan.h"
#include "tools/common/CommandLine.h"
#include "tools/common/CostFlags.h"
#include "tools/gfs-inspect/Views.h"

#include <fstream>
#include <iostream>

using namespace gfs;

/// Plans and their companions begin with different magic bytes.
static bool isPlan(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::string magic(plan::fileMagic.size(), '\0');
  return in.read(magic.data(), static_cast<std::streamsize>(magic.size())) &&
         magic == plan::fileMagic;
}

int main(int argc, char **argv) {
  CLI::App app{"Shows what a plan computes, costs and reveals; or the header of a weights, key or "
               "material file.",
               "gfs-inspect"};
  std::string path;
  CostFlags costs;
  bool layers = false, schedule = false, leakage = false, json = false;
  app.add_option("file", path, "plan.bin, plan.weights, a key or a material file")->required();
  app.add_flag("--layers", layers, "one line for each step: format, protocol, exchanges, bytes");
  app.add_flag("--schedule", schedule, "one line for each exchange: what travels together");
  app.add_flag("--leakage", leakage, "what each role sees of an inference");
  app.add_flag("--json", json, "everything, for programs");
  costs.addTo(app);
  if (std::optional<int> exitCode = parseCommandLine(app, argc, argv))
    return *exitCode;
  return runTool("gfs-inspect", [&] {
    if (!isPlan(path)) {
      auto file = inspect::fileJson(path); // what is no file of ours is refused as such
      if (layers || schedule || leakage || costs.given())
        throw Error(ExitCode::Usage,
                    path + ": --layers, --schedule, --leakage, --network and --machine need a plan",
                    "give plan.bin, or leave these flags out");
      std::cout << (json ? file.dump(2) + "\n" : inspect::fileText(file, path));
      return;
    }
    Program program(plan::readPlan(path));
    inspect::Summary summary = inspect::summarize(program, costs.environment());
    if (json) {
      std::cout << inspect::planJson(program, summary, path).dump(2) << "\n";
      return;
    }
    if (!layers && !schedule && !leakage)
      std::cout << inspect::overviewText(program, summary, path);
    if (layers)
      std::cout << inspect::layersText(summary);
    if (schedule)
      std::cout << inspect::scheduleText(program, summary);
    if (leakage)
      std::cout << inspect::leakageText(inspect::leakage(program, summary));
  });
}
