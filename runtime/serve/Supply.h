// SPDX-License-Identifier: Apache-2.0
// The material files a server may use: one, or those of a folder, which may get more while it runs.
#pragma once

#include "runtime/base/Error.h"
#include "runtime/base/Secret.h"
#include "runtime/material/MaterialInfo.h"

#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace gfs::serve {

/// What material must have been dealt for.
struct MaterialUse {
  plan::Hash planHash{};
  plan::Id16 modelId{};
  Party party = Party::Zero;
  uint64_t payloadBytes = 0;
  std::shared_ptr<const SecretSeed> partySeed; ///< The server's: opens the seeds of sets.
};

/// Throws, naming `place`, unless material with this header is for that use: PlanMismatch,
/// Integrity (its seed does not authenticate). Returns whether it has its seed still: else it is
/// used up.
bool requireUse(const MaterialUse &use, const MaterialInfo &info,
                const std::filesystem::path &place);

/// One set of material at this server; the other server has its own half of it.
struct MaterialSet {
  plan::Id16 id{};
  std::filesystem::path file, ledger;
  uint64_t left = 0; ///< Records, as far as the ledger on disk tells: right unless in use.
};

/// In a folder, files for another plan or server, damaged ones and those whose seed does not
/// authenticate are left alone until they change, with one warning, and the others serve; files
/// that are not complete yet are looked at again later. Cursors of a folder are kept by the
/// set's id (ID.ledger) and stay when the set is used up and its file removed: a copy that is
/// brought back under any name is known to be used.
class Supply {
public:
  /// `place`: a material file, or a folder of files *.material, which may be empty yet. Errors:
  /// InputUnreadable; for a file also InvalidInput, PlanMismatch, Integrity.
  Supply(std::filesystem::path place, const MaterialUse &use);

  /// Looks for files that came or went. Never fails: what is wrong with a folder is logged.
  void refresh();
  /// In the order of use: by file name.
  const std::vector<MaterialSet> &sets() const { return all; }
  const MaterialSet *find(const plan::Id16 &id) const;
  /// The set to begin with: the first with records left, else the first; null if there is none.
  const MaterialSet *first() const;
  /// Where sets come and go; none: there is one file.
  std::optional<std::filesystem::path> folder() const {
    return isFolder ? std::optional(place) : std::nullopt;
  }
  /// So many records are left in a set that was in use.
  void noteLeft(const plan::Id16 &id, uint64_t left);
  /// A set in a folder has turned out not to be usable: it is none any more until its file changes.
  /// Warns.
  void setAside(const plan::Id16 &id, const Error &cause);
  /// Removes the file of a set that is used up and closed, in a folder.
  void discard(const plan::Id16 &id);

private:
  void look(const std::filesystem::path &file);
  void complain(const std::filesystem::path &file, const Error &cause);

  const std::filesystem::path place;
  const MaterialUse use;
  const bool isFolder;
  std::vector<MaterialSet> all;
  /// Files that were complained about, as they were then.
  std::map<std::filesystem::path, std::filesystem::file_time_type> reported;
};

} // namespace gfs::serve
