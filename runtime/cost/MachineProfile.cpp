// SPDX-License-Identifier: Apache-2.0
#include "runtime/cost/MachineProfile.h"

#include "runtime/base/Error.h"
#include "runtime/base/StagedFiles.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace gfs {

using Json = nlohmann::ordered_json;

std::string machineProfileText(const MachineProfile &machine) {
  Json json = {{"gfs_machine", machineFileVersion},
               {"cpu", machine.cpu},
               {"kernels", machine.kernels},
               {"phase_ns", machine.phaseNs}};
  for (size_t shape = 0; shape < linearShapeNames.size(); ++shape)
    for (size_t ring = 0; ring < ringClassNames.size(); ++ring)
      json["multiplication_ns"][linearShapeNames[shape]][ringClassNames[ring]] =
          machine.multiplicationNs[shape][ring];
  for (const char *work : workNames) {
    auto found = machine.unitNs.find(work);
    if (found != machine.unitNs.end())
      json["unit_ns"][work] = {{"32", found->second[0]}, {"64", found->second[1]}};
  }
  json["aes_block_ns"] = machine.aesBlockNs;
  for (size_t transport = 0; transport < transportNames.size(); ++transport)
    json["exchange"][transportNames[transport]] = {
        {"fixed_us", machine.exchanges[transport].fixedUs},
        {"ns_per_byte", machine.exchanges[transport].nsPerByte}};
  return json.dump(2) + "\n";
}

void writeMachineProfile(const MachineProfile &machine, const std::filesystem::path &path) {
  writeFile(path, machineProfileText(machine));
}

namespace {
/// Looks fields up and says which one is wrong.
class Reader {
public:
  explicit Reader(const std::string &where) : where(where) {}

  Error invalid(const std::string &what) const {
    return Error(ExitCode::InvalidInput, fmt::format("{}: {}", where, what),
                 "write the file anew with gfs-bench --calibrate -o FILE");
  }
  double number(const Json &json, std::initializer_list<const char *> keys) const {
    const Json *at = &json;
    std::string name;
    for (const char *key : keys) {
      name += (name.empty() ? "" : ".") + std::string(key);
      if (!at->is_object() || !at->contains(key))
        throw invalid(name + " is missing");
      at = &(*at)[key];
    }
    if (!at->is_number() || !(at->get<double>() >= 0))
      throw invalid(name + " is not a number of at least 0");
    return at->get<double>();
  }

private:
  const std::string &where;
};
} // namespace

MachineProfile parseMachineProfile(const std::string &text, const std::string &where) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const Reader reader(where);
  if (!json.is_object() || !json.contains("gfs_machine"))
    throw reader.invalid("is no machine file");
  if (json["gfs_machine"] != machineFileVersion)
    throw reader.invalid(
        fmt::format("has another version than {}, which this program reads", machineFileVersion));
  MachineProfile machine;
  auto name = [&](const char *key) {
    return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "unknown";
  };
  machine.cpu = name("cpu");
  machine.kernels = name("kernels");
  machine.phaseNs = reader.number(json, {"phase_ns"});
  machine.aesBlockNs = reader.number(json, {"aes_block_ns"});
  for (size_t shape = 0; shape < linearShapeNames.size(); ++shape)
    for (size_t ring = 0; ring < ringClassNames.size(); ++ring)
      machine.multiplicationNs[shape][ring] =
          reader.number(json, {"multiplication_ns", linearShapeNames[shape], ringClassNames[ring]});
  for (const char *work : workNames)
    machine.unitNs[work] = {reader.number(json, {"unit_ns", work, "32"}),
                            reader.number(json, {"unit_ns", work, "64"})};
  for (size_t transport = 0; transport < transportNames.size(); ++transport)
    machine.exchanges[transport] = {
        reader.number(json, {"exchange", transportNames[transport], "fixed_us"}),
        reader.number(json, {"exchange", transportNames[transport], "ns_per_byte"})};
  return machine;
}

MachineProfile readMachineProfile(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!(text << file.rdbuf()))
    throw Error(ExitCode::InputUnreadable, fmt::format("{}: cannot be read", path.string()),
                "gfs-bench --calibrate -o FILE makes one; without --machine, built-in figures are "
                "used");
  return parseMachineProfile(text.str(), path.string());
}

} // namespace gfs
