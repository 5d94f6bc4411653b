// SPDX-License-Identifier: Apache-2.0
// Whatever bytes weights, keys, material and ledgers consist of, reading them ends in gfs::Error or
// in something that is what it says. A quarter of the inputs are files as they lie; of the others
// the first bytes are the payload, and the rest is the header, framed as it has to be.
#include "runtime/base/Error.h"
#include "runtime/material/MaterialStore.h"
#include "runtime/plan/plan.pb.h"
#include "test/fuzz/Mutate.h"

#include <cstdlib>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

constexpr size_t payloadBytes = 64, prefixBytes = payloadBytes + 2;

/// A file in memory, with a path.
class MemoryFile {
public:
  explicit MemoryFile(std::string_view bytes) : file(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      std::abort();
  }
  std::filesystem::path path() const { return fmt::format("/proc/self/fd/{}", file.get()); }

private:
  gfs::OpenFile file;
};

template <class Read> void expectErrors(Read read) {
  try {
    read();
  } catch (const gfs::Error &error) {
    using enum gfs::ExitCode;
    for (gfs::ExitCode expected : {InputUnreadable, InvalidInput, OutputUnwritable, PlanMismatch,
                                   Integrity, MaterialExhausted, MaterialReuse})
      if (error.code() == expected)
        return;
    std::abort();
  }
}

std::string framed(std::string_view header, std::string_view payload) {
  std::string file(gfs::plan::companionMagic);
  for (unsigned i = 0; i < 4; ++i)
    file += static_cast<char>(header.size() >> 8 * i);
  return file.append(header).append(payload);
}

void readAsMaterial(const MemoryFile &file) {
  const gfs::SecretSeed seed;
  gfs::readMaterialInfo(file.path());
  gfs::holdsAllRecords(file.path());
  const gfs::MaterialReader reader(file.path(), seed);
  if (reader.info().records > 0)
    reader.read(reader.info().firstSerial, std::array{reader.info().payloadBytes});
}

void readAsLedger(const MemoryFile &file) {
  gfs::MaterialInfo info;
  info.records = 100;
  const uint64_t cursor = gfs::readCursor(file.path(), info);
  gfs::Ledger ledger(file.path(), info, false);
  if (ledger.cursor() != cursor)
    std::abort();
  ledger.claim(cursor);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < prefixBytes)
    return 0;
  const std::string_view all(reinterpret_cast<const char *>(data), size);
  const bool asItLies = data[0] % 4 == 0;
  const MemoryFile file(
      asItLies ? std::string(all.substr(1))
               : framed(all.substr(prefixBytes), all.substr(2, data[1] % (payloadBytes + 1))));
  expectErrors([&] {
    gfs::plan::readCompanion(file.path(), {"weights", "key.s0", "key.s1", "key.dealer"});
  });
  expectErrors([&] { readAsMaterial(file); });
  expectErrors([&] { readAsLedger(file); });
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                                          unsigned seed) {
  static gfs::plan::FileHeader scratch;
  static const gfs::fuzz::Format format{scratch,
                                        prefixBytes,
                                        {"weights", "key.s0", "key.s1", "key.dealer", "material.s0",
                                         "material.s1", std::string(16, '\0'),
                                         std::string(32, '\0')}};
  return gfs::fuzz::mutate(format, data, size, maxSize, seed);
}
