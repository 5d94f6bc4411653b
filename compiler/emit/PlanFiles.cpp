// SPDX-License-Identifier: Apache-2.0
#include "compiler/emit/PlanFiles.h"

#include "runtime/base/Error.h"
#include "runtime/exec/Weights.h"

#include <fstream>

namespace gfs {

namespace fs = std::filesystem;

void refuseExistingKeys(const fs::path &planPath) {
  ModelPaths paths = ModelPaths::beside(planPath);
  for (const fs::path &key : {paths.partyKey[0], paths.partyKey[1], paths.dealerKey})
    if (fs::exists(key))
      throw Error(ExitCode::OutputUnwritable,
                  fmt::format("{}: there is a key already", key.string()),
                  "choose another output, or give --force to replace it; material dealt for it "
                  "becomes useless");
}

void refuseForeignFiles(const fs::path &planPath) {
  ModelPaths paths = ModelPaths::beside(planPath);
  for (const auto &[path, magic] :
       {std::pair{planPath, plan::fileMagic}, std::pair{paths.weights, plan::companionMagic}}) {
    std::string begin(magic.size(), '\0');
    std::ifstream in(path, std::ios::binary);
    if (!in || fs::is_empty(path))
      continue;
    if (!in.read(begin.data(), static_cast<std::streamsize>(begin.size())) || begin != magic)
      throw Error(ExitCode::OutputUnwritable,
                  fmt::format("{}: is there already, and gfscc did not write it", path.string()),
                  "choose another name with -o, or move that file away");
  }
}

/// Beside and renamed, so that a crash leaves no half of it.
static void writeWhole(const fs::path &path, const std::string &bytes) {
  fs::path partial = path.string() + ".partial";
  auto fail = [&](const char *cause) {
    std::error_code ignored;
    fs::remove(partial, ignored);
    throw Error(ExitCode::OutputUnwritable, fmt::format("{}: {}", path.string(), cause),
                "check that the folder exists, can be written, and has space");
  };
  std::ofstream out(partial, std::ios::binary | std::ios::trunc);
  if (!out)
    fail("cannot be created");
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out)
    fail("cannot be written");
  std::error_code error;
  fs::rename(partial, path, error);
  if (error)
    fail("cannot be replaced");
}

std::vector<fs::path> writePlanFiles(const plan::LoadedPlan &loaded, EmittedPlan emitted,
                                     const fs::path &planPath, bool replaceKeys) {
  WeightTable clear = clearWeights(loaded.plan, emitted.weights);
  emitted.weights = {};
  writeWhole(planPath, plan::serializePlan(loaded.plan));
  writeModelFiles(loaded, clear, planPath, replaceKeys);
  ModelPaths paths = ModelPaths::beside(planPath);
  return {planPath, paths.weights, paths.partyKey[0], paths.partyKey[1], paths.dealerKey};
}

} // namespace gfs
