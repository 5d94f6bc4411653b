// SPDX-License-Identifier: Apache-2.0
// NumPy's .npz format: a zip archive of .npy files. Sizes come from the central directory at the
// end of the archive and are checked before anything is allocated.
#include "runtime/tensor/Formats.h"

#include <zlib.h>

#include <memory>

namespace gfs {

namespace {
constexpr size_t endRecordBytes = 22, centralEntryBytes = 46, localHeaderBytes = 30;
constexpr uint32_t endSignature = 0x06054b50, centralSignature = 0x02014b50,
                   localSignature = 0x04034b50;
constexpr uint16_t stored = 0, deflated = 8;
/// Deflate makes at most 1032 bytes of one; a claim beyond that is a lie. The sum over all entries
/// is bound alike, so that entries which share compressed bytes gain nothing.
constexpr uint64_t maxExpansion = 1032;

struct Entry {
  std::string name;
  uint16_t flags, method;
  uint32_t crc;
  uint64_t compressedBytes, bytes, localHeader;
};
} // namespace

/// The offset of the end-of-central-directory record, which a comment of up to 65535 bytes may
/// follow.
static size_t findEndRecord(std::span<const std::byte> zip, const std::string &file) {
  for (size_t back = endRecordBytes; back <= zip.size() && back <= endRecordBytes + 0xffff;
       ++back) {
    size_t at = zip.size() - back;
    if (loadLittle<uint32_t>(zip, at) == endSignature &&
        loadLittle<uint16_t>(zip, at + 20) == back - endRecordBytes)
      return at;
  }
  invalidFile(file, "has no zip directory at its end", copyAgain);
}

static std::vector<Entry> readDirectory(std::span<const std::byte> zip, const std::string &file) {
  size_t end = findEndRecord(zip, file);
  size_t count = loadLittle<uint16_t>(zip, end + 10);
  uint64_t at = loadLittle<uint32_t>(zip, end + 16);
  if (count == 0xffff || at == 0xffffffff)
    invalidFile(file, "is a zip64 archive", "keep it below 4 GiB and 65535 arrays");

  std::vector<Entry> entries;
  uint64_t sum = 0;
  for (size_t i = 0; i < count; ++i) {
    if (at + centralEntryBytes > end || loadLittle<uint32_t>(zip, at) != centralSignature)
      invalidFile(file, fmt::format("its zip directory is damaged at entry {} of {}", i + 1, count),
                  copyAgain);
    Entry entry{.name = {},
                .flags = loadLittle<uint16_t>(zip, at + 8),
                .method = loadLittle<uint16_t>(zip, at + 10),
                .crc = loadLittle<uint32_t>(zip, at + 16),
                .compressedBytes = loadLittle<uint32_t>(zip, at + 20),
                .bytes = loadLittle<uint32_t>(zip, at + 24),
                .localHeader = loadLittle<uint32_t>(zip, at + 42)};
    uint64_t nameBytes = loadLittle<uint16_t>(zip, at + 28);
    uint64_t skip =
        nameBytes + loadLittle<uint16_t>(zip, at + 30) + loadLittle<uint16_t>(zip, at + 32);
    if (at + centralEntryBytes + skip > end)
      invalidFile(file, fmt::format("its zip directory is damaged at entry {} of {}", i + 1, count),
                  copyAgain);
    entry.name.assign(reinterpret_cast<const char *>(zip.data()) + at + centralEntryBytes,
                      nameBytes);
    sum += entry.bytes;
    if (sum > maxTensorFileBytes || sum > zip.size() * maxExpansion)
      invalidFile(file,
                  fmt::format("claims {} bytes of arrays in {} bytes of archive", sum, zip.size()),
                  "check where the file comes from");
    entries.push_back(std::move(entry));
    at += centralEntryBytes + skip;
  }
  return entries;
}

/// Decompresses a raw deflate stream to exactly `bytes` bytes; false if it does not have that
/// length.
static bool inflateExactly(std::span<const std::byte> compressed, std::span<std::byte> out) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    throw std::bad_alloc();
  std::unique_ptr<z_stream, decltype(&inflateEnd)> guard(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<std::byte *>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size()); // Both sizes come from 32-bit fields.
  stream.next_out = reinterpret_cast<Bytef *>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  return inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0;
}

static std::vector<std::byte> extract(std::span<const std::byte> zip, const Entry &entry,
                                      const std::string &place) {
  if (entry.flags & 1)
    invalidFile(place, "is encrypted", "save the array without a password");
  if (entry.method != stored && entry.method != deflated)
    invalidFile(place, fmt::format("uses zip compression method {}", entry.method),
                "save it with numpy.savez or numpy.savez_compressed");
  uint64_t at = entry.localHeader;
  if (at + localHeaderBytes > zip.size() || loadLittle<uint32_t>(zip, at) != localSignature)
    invalidFile(place, "its local zip header is damaged", copyAgain);
  // Only the lengths of the variable fields are taken from here: NumPy leaves the sizes to the
  // directory.
  at += localHeaderBytes + loadLittle<uint16_t>(zip, at + 26) + loadLittle<uint16_t>(zip, at + 28);
  if (at > zip.size() || zip.size() - at < entry.compressedBytes)
    invalidFile(place, "breaks off", copyAgain);
  auto compressed = zip.subspan(at, entry.compressedBytes);
  if (entry.method == stored ? entry.bytes != entry.compressedBytes
                             : entry.bytes > entry.compressedBytes * maxExpansion)
    invalidFile(place, "its compressed and full sizes contradict each other", copyAgain);

  std::vector<std::byte> bytes(entry.bytes);
  if (entry.method == stored)
    bytes.assign(compressed.begin(), compressed.end());
  else if (!inflateExactly(compressed, bytes))
    invalidFile(place, "cannot be decompressed", copyAgain);
  uLong crc = crc32_z(0, reinterpret_cast<const Bytef *>(bytes.data()), bytes.size());
  if (crc != entry.crc)
    throw Error(ExitCode::InvalidInput, fmt::format("{}: its checksum does not match", place),
                copyAgain);
  return bytes;
}

std::vector<Tensor> parseNpz(std::span<const std::byte> bytes, const std::string &file) {
  std::vector<Tensor> tensors;
  for (const Entry &entry : readDirectory(bytes, file)) {
    std::string name = entry.name;
    if (name.ends_with(".npy"))
      name.resize(name.size() - 4);
    std::string place = fmt::format("{}:{}", file, name);
    std::vector<std::byte> npy = extract(bytes, entry, place);
    constexpr std::string_view magic = "\x93NUMPY";
    if (std::string_view(reinterpret_cast<const char *>(npy.data()),
                         std::min(npy.size(), magic.size())) != magic)
      invalidFile(place, "is not an .npy array", "save the archive with numpy.savez");
    tensors.push_back(parseNpy(npy, place));
    tensors.back().name = std::move(name);
  }
  return tensors;
}

} // namespace gfs
