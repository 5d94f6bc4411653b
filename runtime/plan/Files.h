// SPDX-License-Identifier: Apache-2.0
// The files beside a plan: weights and keys. Each is: magic, header length, header (FileHeader),
// payload.
#pragma once

#include "runtime/base/Secret.h"
#include "runtime/base/StagedFiles.h"
#include "runtime/plan/Plan.h"

namespace gfs::plan {

constexpr std::string_view companionMagic =
    "GFSFILE1"; ///< Then u32 header length, FileHeader, payload.

using Id16 = std::array<uint8_t, 16>;

/// 16 fresh random bytes.
Id16 randomId();
/// Lower-case hexadecimal, for messages.
std::string hex(std::span<const uint8_t> bytes);
Hash sha256(std::span<const uint8_t> bytes);

/// Writes header and payload; fills format, payload size and SHA-256 in. Errors: OutputUnwritable.
void stageCompanion(StagedFiles &files, const std::filesystem::path &path, FileHeader header,
                    std::span<const uint8_t> payload, bool secret);

/// A companion file that is whole: magic, format, kind, length and SHA-256 were checked.
struct Companion {
  FileHeader header;
  SecretVector<uint8_t> payload;
  Id16 modelId{};
};
/// Takes a file of any of `kinds`. Errors: InputUnreadable; InvalidInput (foreign, truncated,
/// another kind); Integrity (contents changed).
Companion readCompanion(const std::filesystem::path &path,
                        std::initializer_list<std::string_view> kinds);
/// A header with kind, plan and model filled in.
FileHeader companionHeader(const char *kind, const LoadedPlan &plan, const Id16 &modelId);
/// Throws PlanMismatch unless the header names this plan.
void requirePlan(const Companion &file, const LoadedPlan &plan, const std::filesystem::path &path);

/// plan.s0.key, plan.s1.key: one seed; plan.dealer.key: both.
struct PartyKey {
  Party party;
  Id16 modelId;
  SecretSeed seed;
};
struct DealerKey {
  Id16 modelId;
  std::array<SecretSeed, 2> seeds;
};
/// Errors: those of readCompanion and requirePlan. readPartyKey takes either server's key and says
/// whose it is.
PartyKey readPartyKey(const std::filesystem::path &path, const LoadedPlan &plan);
DealerKey readDealerKey(const std::filesystem::path &path, const LoadedPlan &plan);
void stagePartyKey(StagedFiles &files, const std::filesystem::path &path, const LoadedPlan &plan,
                   const PartyKey &key);
void stageDealerKey(StagedFiles &files, const std::filesystem::path &path, const LoadedPlan &plan,
                    const DealerKey &key);

/// Throws PlanMismatch unless both files come from the same compilation.
void requireModel(const Id16 &expected, const Id16 &found, const std::filesystem::path &path);

} // namespace gfs::plan
