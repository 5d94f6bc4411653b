// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Dealing.h"

#include "runtime/base/Error.h"
#include "runtime/base/OutputPath.h"
#include "runtime/material/MaterialFile.h"
#include "runtime/serve/Progress.h"
#include "runtime/serve/Summary.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace gfs::serve {

std::filesystem::path defaultMaterial(const std::filesystem::path &plan, Party party) {
  std::filesystem::path path = plan;
  return path.replace_extension(fmt::format(".s{}.material", index(party)));
}

static void checkPaths(const DealOptions &options) {
  if (options.records == 0)
    throw Error(ExitCode::Usage, "-n: expects at least one record",
                "give the number of inferences to deal for, for example -n 1000");
  if (std::filesystem::absolute(options.outputs[0]) ==
      std::filesystem::absolute(options.outputs[1]))
    throw Error(ExitCode::Usage, "--out0 and --out1 are the same file",
                "each server needs its own");
  for (const std::filesystem::path &output : options.outputs)
    if (options.resume && std::filesystem::is_directory(output))
      throw Error(ExitCode::Usage, fmt::format("{}: --resume needs a file", output.string()),
                  "name the files of the interrupted run");
}

/// Refuses, before anything is made, what would fail half way and leave half a set behind: files
/// that are there, and disks that are too small.
static void checkOutputs(const DealOptions &options, const std::array<MaterialInfo, 2> &infos) {
  namespace fs = std::filesystem;
  const fs::path inputs[] = {options.plan, options.dealerKey, options.weights};
  std::array<double, 2> needed{};
  std::array<fs::path, 2> folders;
  std::error_code ignored;
  for (Party party : {Party::Zero, Party::One}) {
    const unsigned self = index(party);
    const fs::path &output = options.outputs[self];
    requireWritable(output, fmt::format("--out{}", self), inputs);
    const bool exists = fs::exists(output, ignored);
    if (exists && !options.resume && !options.replace)
      throw Error(ExitCode::OutputUnwritable, fmt::format("{}: exists already", output.string()),
                  "--resume continues an interrupted run, --force starts a new set");
    const uintmax_t there = exists ? fs::file_size(output, ignored) : 0;
    needed[self] = double(infos[self].records) * double(infos[self].recordBytes()) -
                   (there == uintmax_t(-1) ? 0 : double(there));
    folders[self] = output.has_parent_path() ? output.parent_path() : fs::path(".");
  }
  // Both may lie on one disk.
  const auto disk = [](const fs::path &folder) {
    struct stat status = {};
    return ::stat(folder.c_str(), &status) == 0 ? status.st_dev : 0;
  };
  if (disk(folders[0]) == disk(folders[1]))
    needed[0] = needed[1] = needed[0] + needed[1];
  for (unsigned self : {0u, 1u}) {
    const fs::space_info space = fs::space(folders[self], ignored);
    if (space.available != uintmax_t(-1) && needed[self] > double(space.available))
      throw Error(ExitCode::OutputUnwritable,
                  fmt::format("{}: {} records need {} there, and {} are free",
                              options.outputs[self].string(), options.records,
                              bytesText(needed[self]), bytesText(double(space.available))),
                  "deal fewer at a time, or onto a larger disk");
  }
}

/// Records of one half that are dealt again do not match the other half any more, and would hide
/// other values behind the same masks.
static Error notDealtAgain(const std::string &cause) {
  return Error(ExitCode::MaterialReuse, cause + ": its records cannot be dealt again",
               "put the file back if it was moved away, or deal a new set (--force)");
}

/// Headers of the files of an interrupted run; nothing if one was never made and the other holds no
/// records, so that there is nothing to continue.
static std::optional<std::array<MaterialInfo, 2>> foundHalves(const DealOptions &options) {
  const std::array<std::filesystem::path, 2> &outputs = options.outputs;
  const std::array<bool, 2> there = {std::filesystem::exists(outputs[0]),
                                     std::filesystem::exists(outputs[1])};
  if (there[0] == there[1])
    return std::array{readMaterialInfo(outputs[0]), readMaterialInfo(outputs[1])};
  const std::filesystem::path &only = outputs[there[0] ? 0 : 1];
  const MaterialInfo info = readMaterialInfo(only);
  if (std::filesystem::exists(ledgerPath(only, info)) ||
      std::filesystem::file_size(only) > encodeMaterialHeader(info).size())
    throw notDealtAgain(
        fmt::format("{}: is missing beside {}", outputs[there[0] ? 1 : 0].string(), only.string()));
  return std::nullopt;
}

/// `continues`: a file that is there is that of an interrupted run. Else it may be there only if it
/// holds nothing (see foundHalves) or is to be replaced.
static MaterialWriter openWriter(const DealOptions &options, const SetToDeal &set, Party party,
                                 bool continues) {
  const std::filesystem::path &path = options.outputs[index(party)];
  const MaterialInfo &info = set.halves[index(party)];
  if (continues)
    return MaterialWriter::resume(path, info, set.seeds[index(party)]);
  return MaterialWriter::create(
      path, info, options.replace || (options.resume && std::filesystem::exists(path)));
}

/// How many records of an interrupted run stay. Shares of one serial come from one run of the
/// dealer: what only one file has is dealt again for both. Not where that file is whole, for then a
/// server may have a copy.
static uint64_t keepCommon(std::array<MaterialWriter, 2> &writers, const DealOptions &options) {
  const auto [kept, most] = std::minmax({writers[0].written(), writers[1].written()});
  if (const unsigned whole = writers[0].written() == most ? 0 : 1;
      kept < most && most == options.records)
    throw notDealtAgain(fmt::format("{}: holds {} records of {}, and {} all of them",
                                    options.outputs[1 - whole].string(), kept, most,
                                    options.outputs[whole].string()));
  for (MaterialWriter &writer : writers)
    writer.truncate(kept);
  return kept;
}

/// A folder is there already, or has a slash at its end and is made. Throws OutputUnwritable.
static bool isFolder(const std::filesystem::path &output) {
  std::error_code failure;
  if (!output.has_filename() && !std::filesystem::exists(output)) {
    std::filesystem::create_directories(output.parent_path(), failure);
    if (failure)
      throw Error(ExitCode::OutputUnwritable,
                  fmt::format("{}: cannot be made: {}", output.string(), failure.message()),
                  "check --out0 and --out1");
  }
  return std::filesystem::is_directory(output, failure);
}

/// Of a set that is not complete: no server takes it for one.
static constexpr std::string_view partSuffix = ".part";

/// A server whose folder of material this is takes what nobody holds for abandoned.
static OpenFile hold(const std::filesystem::path &part) {
  OpenFile file(::open(part.c_str(), O_RDWR | O_CLOEXEC));
  if (part.extension() == partSuffix && file.get() >= 0)
    ::flock(file.get(), LOCK_EX | LOCK_NB);
  return file;
}

static void giveName(std::filesystem::path &part) {
  std::filesystem::path name = part;
  name.replace_extension();
  std::error_code failure;
  std::filesystem::rename(part, name, failure);
  if (failure)
    throw Error(ExitCode::OutputUnwritable,
                fmt::format("{}: cannot be written: {}", name.string(), failure.message()),
                fmt::format("the set is complete: rename {}", part.string()));
  part = name;
}

static Error interrupted(const DealOptions &options, uint64_t records) {
  const auto &[zero, one] = options.outputs;
  const bool inFolders = zero.extension() == partSuffix || one.extension() == partSuffix;
  return Error(ExitCode::Failure,
               fmt::format("interrupted after {} of {} records", records, options.records),
               fmt::format("the same command with --resume{} continues the set",
                           inFolders
                               ? fmt::format(" --out0 {} --out1 {}", zero.string(), one.string())
                               : ""));
}

DealSummary deal(const DealOptions &given) {
  checkPaths(given);
  DealOptions options = given;
  const auto start = std::chrono::steady_clock::now();
  SetDealer dealer(options, options.records);
  const auto found =
      options.resume ? foundHalves(options) : std::optional<std::array<MaterialInfo, 2>>();
  const SetToDeal set = found ? dealer.sameSet(*found) : dealer.newSet();
  const auto now = std::chrono::system_clock::now();
  for (Party party : {Party::Zero, Party::One})
    if (std::filesystem::path &output = options.outputs[index(party)]; isFolder(output))
      output /= materialName(set.halves[index(party)], now) + std::string(partSuffix);
  checkOutputs(options, set.halves);
  std::array<MaterialWriter, 2> writers = {openWriter(options, set, Party::Zero, found.has_value()),
                                           openWriter(options, set, Party::One, found.has_value())};
  const uint64_t kept = keepCommon(writers, options);
  const std::array<OpenFile, 2> held = {hold(options.outputs[0]), hold(options.outputs[1])};
  Progress progress("dealing", options.records, kept, options.quiet);
  dealer.deal(set, kept, {&writers[0], &writers[1]}, [&](uint64_t records, uint64_t bytes) {
    progress.update(records, bytes);
    if (options.stop.stop_requested() && records < options.records)
      throw interrupted(options, records);
  });
  for (std::filesystem::path &output : options.outputs)
    if (output.extension() == partSuffix)
      giveName(output);
  return {options.records - kept,
          kept,
          options.outputs,
          {set.halves[0].recordBytes(), set.halves[1].recordBytes()},
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
          dealer.device()};
}

} // namespace gfs::serve
