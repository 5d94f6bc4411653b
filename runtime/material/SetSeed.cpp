// SPDX-License-Identifier: Apache-2.0
#include "runtime/material/SetSeed.h"

#include "runtime/base/Error.h"
#include "runtime/crypto/Prg.h"
#include "runtime/material/RecordCipher.h"

#include <algorithm>
#include <openssl/sha.h>

namespace gfs {

/// No record has this serial; records are sealed by keys of the set, besides.
static constexpr uint64_t seedSerial = UINT64_MAX;

static RecordCipher cipherOf(MaterialInfo info, const SecretSeed &partySeed) {
  info.payloadBytes = SecretSeed::size;
  return RecordCipher(partySeed, info);
}

using SeedDigest = decltype(MaterialInfo::otherSeedDigest);

/// Tells nothing of the seed, or of what else is derived from it.
static SeedDigest digestOf(const SecretSeed &seed) {
  SeedDigest digest;
  std::ranges::copy(deriveSeed(seed, "gfs material set digest").bytes(), digest.begin());
  return digest;
}

static plan::Id16 idOf(const SeedDigest &zero, const SeedDigest &one) {
  std::array<uint8_t, 2 * std::tuple_size_v<SeedDigest>> both;
  std::ranges::copy(one, std::ranges::copy(zero, both.begin()).out);
  uint8_t hash[SHA256_DIGEST_LENGTH];
  SHA256(both.data(), both.size(), hash);
  plan::Id16 id;
  std::copy_n(hash, id.size(), id.begin());
  return id;
}

std::array<SecretSeed, 2> drawSetSeeds(std::array<MaterialInfo, 2> &halves,
                                       const std::array<SecretSeed, 2> &partySeeds) {
  std::array<SecretSeed, 2> seeds = {SecretSeed::random(), SecretSeed::random()};
  const std::array<SeedDigest, 2> digests = {digestOf(seeds[0]), digestOf(seeds[1])};
  for (unsigned party : {0u, 1u}) {
    MaterialInfo &info = halves[party];
    info.materialId = idOf(digests[0], digests[1]);
    info.otherSeedDigest = digests[1 - party];
    std::ranges::copy(seeds[party].bytes(), RecordCipher::payload(info.sealedSeed).begin());
    cipherOf(info, partySeeds[party]).seal(seedSerial, info.sealedSeed);
  }
  return seeds;
}

std::optional<SecretSeed> openSetSeed(const MaterialInfo &info, const SecretSeed &partySeed,
                                      const std::string &place) {
  if (std::ranges::all_of(info.sealedSeed, [](uint8_t byte) { return byte == 0; }))
    return std::nullopt;
  SecretVector<uint8_t> record(info.sealedSeed.begin(), info.sealedSeed.end());
  if (!cipherOf(info, partySeed).open(seedSerial, record))
    throw Error(ExitCode::Integrity, fmt::format("{}: the set's seed does not authenticate", place),
                "the file is damaged, or was dealt with another key: copy it again, or deal a new "
                "set with the plan.dealer.key of the servers' compilation");
  SecretSeed seed(std::span(RecordCipher::payload(record)).first<SecretSeed::size>());
  const SeedDigest mine = digestOf(seed);
  const bool isZero = info.party == Party::Zero;
  if (idOf(isZero ? mine : info.otherSeedDigest, isZero ? info.otherSeedDigest : mine) !=
      info.materialId)
    throw Error(ExitCode::Integrity,
                fmt::format("{}: the halves of the set were not dealt together", place),
                "copy it again or deal a new set");
  return seed;
}

} // namespace gfs
