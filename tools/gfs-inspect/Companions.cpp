// SPDX-License-Identifier: Apache-2.0
// Weights, keys and material: what their headers say, and whether weights and keys are whole.
// Payloads, which are secret, are never shown.
#include "runtime/base/Error.h"
#include "runtime/material/Ledger.h"
#include "runtime/plan/Files.h"
#include "tools/gfs-inspect/Views.h"

#include <fstream>

namespace gfs::inspect {

using Json = nlohmann::ordered_json;

/// Headers are some 150 bytes; a larger claim is not a header.
static constexpr uint32_t maxHeaderBytes = 4096;

static plan::FileHeader readHeader(const std::filesystem::path &path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    throw Error(ExitCode::InputUnreadable, fmt::format("{}: cannot be opened", path.string()),
                "check the path");
  std::array<char, 12> start{};
  plan::FileHeader header;
  bool sound = static_cast<bool>(in.read(start.data(), start.size())) &&
               std::string_view(start.data(), 8) == plan::companionMagic;
  if (sound) {
    uint32_t length = 0;
    for (unsigned i = 0; i < 4; ++i)
      length |= static_cast<uint32_t>(static_cast<uint8_t>(start[8 + i])) << (8 * i);
    std::string bytes(std::min(length, maxHeaderBytes), '\0');
    sound = length <= maxHeaderBytes &&
            in.read(bytes.data(), static_cast<std::streamsize>(bytes.size())) &&
            header.ParseFromString(bytes);
  }
  if (!sound)
    throw Error(ExitCode::InvalidInput,
                fmt::format("{}: not a plan, weights, key or material file of GFS", path.string()),
                "give a file that gfscc or gfsdeal wrote");
  return header;
}

static std::string hexOf(const std::string &bytes) {
  return plan::hex({reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()});
}

/// Where the cursor of a material file stands. The ledger is made with the first use; a server may
/// hold it.
static void addLedger(Json &file, const std::filesystem::path &path) {
  MaterialInfo info = readMaterialInfo(path);
  uint64_t cursor = info.firstSerial;
  if (std::filesystem::path ledger = ledgerPath(path, info); std::filesystem::exists(ledger))
    cursor = std::max(cursor, readCursor(ledger, info));
  file["next_serial"] = cursor;
  file["records_left"] = info.endSerial() - std::min(cursor, info.endSerial());
}

Json fileJson(const std::filesystem::path &path) {
  plan::FileHeader header = readHeader(path);
  Json file = {{"schema", 1},
               {"file", path.string()},
               {"kind", header.kind()},
               {"format", header.format()},
               {"plan_hash", hexOf(header.plan_hash())},
               {"model_id", hexOf(header.model_id())}};
  if (header.kind().starts_with("material.")) {
    file["material_id"] = hexOf(header.material_id());
    file["first_serial"] = header.first_serial();
    file["records"] = header.records();
    file["record_bytes"] = header.record_bytes();
    addLedger(file, path);
  } else {
    plan::readCompanion(path, {"weights", "key.s0", "key.s1", "key.dealer"}); // is it whole?
    file["payload_bytes"] = header.payload_bytes();
  }
  return file;
}

std::string fileText(const Json &file, const std::string &name) {
  std::string text = fmt::format("{}: {}\n", name, file["kind"].get<std::string>());
  for (const auto &[key, value] : file.items()) {
    if (key == "schema" || key == "file" || key == "kind")
      continue;
    std::string label = key;
    std::replace(label.begin(), label.end(), '_', ' ');
    text +=
        fmt::format("  {:<18}{}\n", label,
                    value.is_string() ? value.get<std::string>() : grouped(value.get<uint64_t>()));
  }
  return text;
}

} // namespace gfs::inspect
