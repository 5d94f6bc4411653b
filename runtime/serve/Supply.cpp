// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Supply.h"

#include "runtime/material/Ledger.h"
#include "runtime/material/MaterialArrival.h"
#include "runtime/material/SetSeed.h"

#include <algorithm>
#include <spdlog/spdlog.h>

namespace gfs::serve {

static constexpr std::string_view suffix = ".material";
/// After so long without a write, nobody is copying a file any more.
static constexpr std::chrono::minutes copyingPause{1};

static uint64_t leftOf(const MaterialInfo &info, const std::filesystem::path &ledger) {
  uint64_t cursor = info.firstSerial;
  if (std::filesystem::exists(ledger))
    cursor = std::max(cursor, readCursor(ledger, info));
  return info.endSerial() - std::min(cursor, info.endSerial());
}

Supply::Supply(std::filesystem::path givenPlace, const MaterialUse &use)
    : place(std::move(givenPlace)), use(use), isFolder(std::filesystem::is_directory(place)) {
  if (!isFolder) {
    const MaterialInfo info = readMaterialInfo(place);
    const bool hasSeed = requireUse(use, info, place);
    const std::filesystem::path ledger = ledgerPath(place, info);
    all.push_back({info.materialId, place, ledger, hasSeed ? leftOf(info, ledger) : 0});
    return;
  }
  removeAbandonedArrivals(place);
  refresh();
  if (all.empty())
    spdlog::warn("material {}: holds none for this plan and server {} yet; gfsdeal --to0 and --to1 "
                 "bring some, or put its files there, named *.material",
                 place.string(), index(use.party));
}

bool requireUse(const MaterialUse &use, const MaterialInfo &info,
                const std::filesystem::path &place) {
  auto mismatch = [&](const char *cause, const char *hint) {
    throw Error(ExitCode::PlanMismatch, fmt::format("{}: {}", place.string(), cause), hint);
  };
  if (info.planHash != use.planHash)
    mismatch("was dealt for another plan", "deal material for this plan.bin");
  if (info.party != use.party)
    mismatch("is for the other server", "server 0 takes --out0 of gfsdeal, server 1 --out1");
  plan::requireModel(use.modelId, info.modelId, place);
  if (info.payloadBytes != use.payloadBytes)
    mismatch("has records of another size than the plan needs",
             "deal it with the gfsdeal of this version");
  return openSetSeed(info, *use.partySeed, place.string()).has_value();
}

void Supply::look(const std::filesystem::path &file) {
  std::error_code failure;
  auto bad = reported.find(file);
  if (bad != reported.end() && bad->second == std::filesystem::last_write_time(file, failure))
    return;
  if (!holdsAllRecords(file)) {
    // Half a file is one that is being copied, unless nothing has come for a while.
    const auto written = std::filesystem::last_write_time(file, failure);
    if (std::filesystem::file_time_type::clock::now() - written > copyingPause)
      throw Error(ExitCode::InvalidInput,
                  fmt::format("{}: holds fewer records than were to be dealt", file.string()),
                  "copy it again, or finish it where it was dealt with gfsdeal --resume");
    return;
  }
  const MaterialInfo info = readMaterialInfo(file);
  const bool hasSeed = requireUse(use, info, file);
  const MaterialSet *known = find(info.materialId);
  if (known && known->file != file)
    throw Error(ExitCode::MaterialReuse,
                fmt::format("{}: is the same set as {}", file.string(), known->file.string()),
                "it is not used; remove one of them");
  if (known)
    return;
  const std::filesystem::path ledger = ledgerInFolder(file, info);
  all.push_back({info.materialId, file, ledger, hasSeed ? leftOf(info, ledger) : 0});
  spdlog::info("material {}: {} inferences", file.string(), all.back().left);
}

void Supply::refresh() {
  if (!isFolder)
    return;
  std::error_code failure;
  std::erase_if(
      all, [&](const MaterialSet &set) { return !std::filesystem::exists(set.file, failure); });
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator entry(place, failure), end; !failure && entry != end;
       entry.increment(failure))
    if (entry->path().filename().string().ends_with(suffix))
      files.push_back(entry->path());
  if (failure)
    spdlog::error("material {}: {}", place.string(), failure.message());
  std::ranges::sort(files);
  for (const std::filesystem::path &file : files) {
    try {
      look(file);
    } catch (const Error &error) {
      // What cannot be read at the moment may be sound.
      if (error.code() != ExitCode::InputUnreadable)
        std::erase_if(all, [&](const MaterialSet &set) { return set.file == file; });
      complain(file, error);
    }
  }
  std::ranges::sort(all, {}, &MaterialSet::file);
}

void Supply::complain(const std::filesystem::path &file, const Error &cause) {
  std::error_code failure;
  spdlog::warn("{} ({}); it is not used", cause.what(), cause.hint());
  reported[file] = std::filesystem::last_write_time(file, failure);
}

void Supply::setAside(const plan::Id16 &id, const Error &cause) {
  auto found = std::ranges::find(all, id, &MaterialSet::id);
  if (!isFolder || found == all.end())
    return;
  complain(found->file, cause);
  all.erase(found);
}

const MaterialSet *Supply::find(const plan::Id16 &id) const {
  auto found = std::ranges::find(all, id, &MaterialSet::id);
  return found == all.end() ? nullptr : &*found;
}

const MaterialSet *Supply::first() const {
  if (all.empty())
    return nullptr;
  auto found = std::ranges::find_if(all, [](const MaterialSet &set) { return set.left > 0; });
  return found == all.end() ? &all.front() : &*found;
}

void Supply::noteLeft(const plan::Id16 &id, uint64_t left) {
  auto found = std::ranges::find(all, id, &MaterialSet::id);
  if (found != all.end())
    found->left = left;
}

void Supply::discard(const plan::Id16 &id) {
  auto found = std::ranges::find(all, id, &MaterialSet::id);
  if (!isFolder || found == all.end())
    return;
  std::error_code failure;
  std::filesystem::remove(found->file, failure);
  if (failure)
    spdlog::warn("material {}: is used up and cannot be removed: {}", found->file.string(),
                 failure.message());
  else
    spdlog::info("material {}: is used up; removed", found->file.string());
  found->left = 0;
}

} // namespace gfs::serve
