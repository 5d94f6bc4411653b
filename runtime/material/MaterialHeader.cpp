// SPDX-License-Identifier: Apache-2.0
#include "runtime/material/MaterialHeader.h"

#include "runtime/base/Error.h"
#include "runtime/plan/plan.pb.h"

#include <algorithm>
#include <fmt/chrono.h>

namespace gfs {

static constexpr std::string_view magic = "GFSFILE1";
/// 1 had no seed of its own; 2 had all dealt shares in the records of server 1; in 3 the id of a
/// set did not depend on its seeds.
static constexpr uint32_t formatVersion = 4;
static_assert(materialPrefixBytes == magic.size() + 4);

static const char *kindOf(Party party) {
  return party == Party::Zero ? "material.s0" : "material.s1";
}

std::string encodeMaterialHeader(const MaterialInfo &info) {
  plan::FileHeader message;
  message.set_format(formatVersion);
  message.set_kind(kindOf(info.party));
  message.set_plan_hash(info.planHash.data(), info.planHash.size());
  message.set_model_id(info.modelId.data(), info.modelId.size());
  message.set_material_id(info.materialId.data(), info.materialId.size());
  message.set_first_serial(info.firstSerial);
  message.set_records(info.records);
  message.set_record_bytes(info.recordBytes());
  message.set_payload_bytes(info.payloadBytes);
  message.set_sealed_seed(info.sealedSeed.data(), info.sealedSeed.size());
  message.set_other_seed_digest(info.otherSeedDigest.data(), info.otherSeedDigest.size());
  std::string body = message.SerializeAsString();
  std::string header(magic);
  for (unsigned i = 0; i < 4; ++i)
    header += static_cast<char>(body.size() >> 8 * i);
  return header + body;
}

template <size_t size> static bool copyId(const std::string &from, std::array<uint8_t, size> &to) {
  if (from.size() != size)
    return false;
  std::copy(from.begin(), from.end(), to.begin());
  return true;
}

std::pair<MaterialInfo, uint64_t> decodeMaterialHeader(std::span<const uint8_t> bytes,
                                                       const std::string &place) {
  auto invalid = [&](const std::string &cause, const char *hint = "gfsdeal writes material files") {
    return Error(ExitCode::InvalidInput, fmt::format("{}: {}", place, cause), hint);
  };
  if (bytes.size() < materialPrefixBytes || !std::equal(magic.begin(), magic.end(), bytes.begin()))
    throw invalid("not a material file");
  uint32_t length = 0;
  for (unsigned i = 0; i < 4; ++i)
    length |= uint32_t(bytes[magic.size() + i]) << 8 * i;
  if (length > maxMaterialHeaderBytes - materialPrefixBytes)
    throw invalid("the header is too long");
  bytes = bytes.subspan(materialPrefixBytes);
  plan::FileHeader message;
  if (bytes.size() < length || !message.ParseFromArray(bytes.data(), static_cast<int>(length)))
    throw invalid("the header is damaged");
  if (message.format() != formatVersion)
    throw invalid(
        fmt::format("format version {}, this program reads {}", message.format(), formatVersion),
        "deal a new set with the gfsdeal of this version");

  MaterialInfo info;
  if (message.kind() != kindOf(Party::Zero) && message.kind() != kindOf(Party::One))
    throw invalid(fmt::format("a file of another kind, not material"));
  info.party = message.kind() == kindOf(Party::Zero) ? Party::Zero : Party::One;
  info.firstSerial = message.first_serial();
  info.records = message.records();
  info.payloadBytes = message.payload_bytes();
  bool sound = copyId(message.plan_hash(), info.planHash) &&
               copyId(message.model_id(), info.modelId) &&
               copyId(message.material_id(), info.materialId) &&
               copyId(message.sealed_seed(), info.sealedSeed) &&
               copyId(message.other_seed_digest(), info.otherSeedDigest) &&
               info.payloadBytes <= maxMaterialPayloadBytes &&
               message.record_bytes() == info.recordBytes() && info.firstSerial <= UINT64_MAX / 2 &&
               info.records <= (uint64_t(1) << 62) / info.recordBytes();
  if (!sound)
    throw invalid("the header is damaged");
  return {info, materialPrefixBytes + length};
}

std::string materialName(const MaterialInfo &info, std::chrono::system_clock::time_point dealt) {
  const auto at = std::chrono::floor<std::chrono::milliseconds>(dealt);
  return fmt::format("{:%Y%m%dT%H%M%S}.{:03}Z-{}.s{}.material",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(at)),
                     at.time_since_epoch().count() % 1000, plan::hex(info.materialId).substr(0, 8),
                     index(info.party));
}

} // namespace gfs
