// SPDX-License-Identifier: Apache-2.0
#include "compiler/emit/PlanFiles.h"

#include "runtime/base/Error.h"
#include "runtime/exec/Weights.h"

#include <fstream>

namespace gfs {

namespace fs = std::filesystem;

void refuseExistingSet(const fs::path &planPath) {
  ModelPaths paths = ModelPaths::beside(planPath);
  auto refuse = [](const fs::path &path, const char *what) {
    throw Error(
        ExitCode::OutputUnwritable, fmt::format("{}: {}", path.string(), what),
        "choose another output, or give --force to replace plan, weights and keys; material "
        "dealt for them becomes useless");
  };
  std::error_code ignored; // what cannot be looked at cannot be written either, and says why then
  for (const fs::path &key : {paths.partyKey[0], paths.partyKey[1], paths.dealerKey})
    if (fs::exists(key, ignored))
      refuse(key, "there is a key already");
  for (const fs::path &path : {planPath, paths.weights})
    if (fs::exists(path, ignored) && !fs::is_empty(path, ignored))
      refuse(path, "is there already");
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

std::vector<fs::path> writePlanFiles(const plan::LoadedPlan &loaded, EmittedPlan emitted,
                                     const fs::path &planPath) {
  WeightTable clear = clearWeights(loaded.plan, emitted.weights);
  emitted.weights = {};
  StagedFiles files;
  stageModelFiles(files, loaded, clear, planPath);
  const std::string bytes = plan::serializePlan(loaded.plan);
  files.add(planPath, {std::span(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size())},
            /*secret=*/false);
  files.commit();
  ModelPaths paths = ModelPaths::beside(planPath);
  return {planPath, paths.weights, paths.partyKey[0], paths.partyKey[1], paths.dealerKey};
}

} // namespace gfs
