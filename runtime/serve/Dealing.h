// SPDX-License-Identifier: Apache-2.0
// Dealing a set of material into one file per server: what gfsdeal does.
#pragma once

#include "runtime/serve/SetDealer.h"

#include <stop_token>

namespace gfs::serve {

/// "plan.bin" -> "plan.s0.material": where gfsdeal writes and gfsrun reads unless told otherwise.
std::filesystem::path defaultMaterial(const std::filesystem::path &plan, Party party);

struct DealOptions : DealerFiles {
  /// Files; in folders ("DIR/") names of their own, which end in ".part" until the set is complete.
  std::array<std::filesystem::path, 2> outputs;
  uint64_t records = 0;
  bool resume = false;  ///< Continue interrupted files, of which both must be there.
  bool replace = false; ///< Replace existing files, and their ledgers, by a new set.
  bool quiet = false;
  std::stop_token stop = {}; ///< Asked after every record.
};

struct DealSummary {
  uint64_t dealt = 0, kept = 0;                 ///< Records made now, and found complete.
  std::array<std::filesystem::path, 2> outputs; ///< The files.
  std::array<uint64_t, 2> recordBytes{};
  double seconds = 0;
  std::string device; ///< What made them, and its planned memory.
};

/// Errors: those of SetDealer and MaterialWriter; Usage; MaterialReuse (half of an interrupted set
/// is missing, or complete while the other is not); Failure after a stop request.
DealSummary deal(const DealOptions &options);

} // namespace gfs::serve
