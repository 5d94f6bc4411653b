// SPDX-License-Identifier: Apache-2.0
#include "runtime/material/MaterialFile.h"

#include "runtime/base/Error.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <numeric>
#include <sys/stat.h>
#include <unistd.h>

namespace gfs {

static constexpr uint64_t syncEvery = uint64_t(64) << 20;
/// Read from a file at a time: fits the second-level cache.
static constexpr uint64_t readBytes = uint64_t(96) << 10;

OpenFile::~OpenFile() {
  if (descriptor >= 0)
    ::close(descriptor);
}

[[noreturn]] static void unwritable(const std::filesystem::path &path,
                                    const char *hint = "is the disk full?") {
  throw Error(ExitCode::OutputUnwritable,
              fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno)), hint);
}

static void writeAt(const std::filesystem::path &path, int file, uint64_t offset,
                    std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t now = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (now < 0 && errno == EINTR)
      continue;
    if (now <= 0)
      unwritable(path);
    bytes = bytes.subspan(static_cast<size_t>(now));
    offset += static_cast<uint64_t>(now);
  }
}

/// Reads up to out.size() bytes; returns how many there were.
static size_t readSome(const std::filesystem::path &path, int file, uint64_t offset,
                       std::span<uint8_t> out) {
  size_t done = 0;
  while (done < out.size()) {
    ssize_t now =
        ::pread(file, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (now < 0 && errno == EINTR)
      continue;
    if (now < 0)
      throw Error(ExitCode::InputUnreadable,
                  fmt::format("{}: cannot be read: {}", path.string(), std::strerror(errno)));
    if (now == 0)
      break;
    done += static_cast<size_t>(now);
  }
  return done;
}

static OpenFile openExisting(const std::filesystem::path &path) {
  int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0)
    throw Error(ExitCode::InputUnreadable,
                fmt::format("{}: cannot be opened for reading and erasing: {}", path.string(),
                            std::strerror(errno)),
                "gfsdeal writes material files; check the path and permissions");
  return OpenFile(file);
}

static uint64_t sizeOf(const std::filesystem::path &path, int file) {
  struct stat status;
  if (::fstat(file, &status) != 0)
    throw Error(ExitCode::InputUnreadable,
                fmt::format("{}: cannot be read: {}", path.string(), std::strerror(errno)));
  return static_cast<uint64_t>(status.st_size);
}

static std::pair<MaterialInfo, uint64_t> readHeader(const std::filesystem::path &path, int file) {
  std::array<uint8_t, maxMaterialHeaderBytes> bytes;
  return decodeMaterialHeader(std::span(bytes).first(readSome(path, file, 0, bytes)),
                              path.string());
}

static OpenFile openToLook(const std::filesystem::path &path) {
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe must not wait
  if (file < 0)
    throw Error(ExitCode::InputUnreadable,
                fmt::format("{}: cannot be opened: {}", path.string(), std::strerror(errno)));
  return OpenFile(file);
}

MaterialInfo readMaterialInfo(const std::filesystem::path &path) {
  const OpenFile file = openToLook(path);
  return readHeader(path, file.get()).first;
}

bool holdsAllRecords(const std::filesystem::path &path) {
  const OpenFile file = openToLook(path);
  const uint64_t size = sizeOf(path, file.get());
  if (size < materialPrefixBytes)
    return false;
  const auto [info, headerBytes] = readHeader(path, file.get());
  return size == headerBytes + info.records * info.recordBytes();
}

// --- Writer -------------------------------------------------------------------------------------

MaterialWriter::MaterialWriter(const std::filesystem::path &path, const MaterialInfo &info)
    : path(path), info(info) {
  check(info.payloadBytes <= maxMaterialPayloadBytes, "material record too large");
}

MaterialWriter MaterialWriter::create(const std::filesystem::path &path, const MaterialInfo &info,
                                      bool replace) {
  MaterialWriter writer(path, info);
  if (replace) {
    // The old records go with their cursor: what comes has another material id and shares nothing
    // with them.
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    std::filesystem::remove(ledgerPath(path), ignored);
  } else if (std::filesystem::exists(ledgerPath(path))) {
    throw Error(ExitCode::OutputUnwritable,
                fmt::format("{}: a ledger lies beside this name", ledgerPath(path).string()),
                "it belongs to other material: choose another name");
  }
  int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 && errno == EEXIST)
    throw Error(ExitCode::OutputUnwritable, fmt::format("{}: exists already", path.string()),
                "--resume continues an interrupted run, --force starts a new set");
  if (file < 0)
    unwritable(path, "check the folder and its permissions");
  writer.file = OpenFile(file);
  std::string header = encodeMaterialHeader(info);
  writer.headerBytes = header.size();
  writeAt(path, file, 0, {reinterpret_cast<const uint8_t *>(header.data()), header.size()});
  writer.sync();
  return writer;
}

MaterialWriter MaterialWriter::resume(const std::filesystem::path &path, const MaterialInfo &info,
                                      const SecretSeed &setSeed) {
  if (std::filesystem::exists(ledgerPath(path, info)))
    throw Error(ExitCode::MaterialReuse,
                fmt::format("{}: a server has used this material", path.string()),
                "deal a new set under another name");
  const RecordCipher cipher(setSeed, info);
  MaterialWriter writer(path, info);
  writer.file = openExisting(path);
  auto [found, headerBytes] = readHeader(path, writer.file.get());
  if (found != info)
    throw Error(
        ExitCode::PlanMismatch,
        fmt::format(
            "{}: was begun for another plan, key or number of records, or with another half",
            path.string()),
        "repeat the interrupted command exactly, or start over with --force");
  writer.headerBytes = headerBytes;
  // A power failure may have left holes before the end of the file: only records that authenticate
  // count.
  SecretVector<uint8_t> record(info.recordBytes());
  while (writer.complete < info.records &&
         readSome(path, writer.file.get(), writer.offset(writer.complete), record) ==
             info.recordBytes() &&
         cipher.open(info.firstSerial + writer.complete, record))
    ++writer.complete;
  writer.truncate(writer.complete);
  return writer;
}

void MaterialWriter::truncate(uint64_t records) {
  check(records <= complete, "truncating to more records than there are");
  if (::ftruncate(file.get(), static_cast<off_t>(offset(records))) != 0)
    unwritable(path);
  complete = records;
}

void MaterialWriter::append(std::span<const uint8_t> sealed) {
  check(complete < info.records, "more material than announced");
  check(sealed.size() == info.recordBytes(), "size of a material record");
  writeAt(path, file.get(), offset(complete), sealed);
  // The disk begins now, so that sync() finds little left to wait for.
  ::sync_file_range(file.get(), static_cast<off_t>(offset(complete)),
                    static_cast<off_t>(sealed.size()), SYNC_FILE_RANGE_WRITE);
  ++complete;
  unsynced += sealed.size();
  if (unsynced >= syncEvery)
    sync();
}

void MaterialWriter::sync() {
  if (::fdatasync(file.get()) != 0)
    unwritable(path);
  unsynced = 0;
}

void MaterialWriter::finish() {
  check(complete == info.records, "material file finished too early");
  sync();
}

// --- Reader -------------------------------------------------------------------------------------

Error seedErased(const std::filesystem::path &path) {
  return Error(ExitCode::MaterialReuse,
               fmt::format("{}: was used up and its seed erased", path.filename().string()),
               "was an old ledger put back? deal a new set");
}

MaterialReader::MaterialReader(const std::filesystem::path &path, const SecretSeed &partySeed)
    : path(path), header(), file(openExisting(path)), headerBytes(0), seed([&] {
        std::tie(header, headerBytes) = readHeader(path, file.get());
        return openSetSeed(header, partySeed, path.filename().string());
      }()),
      cipher(seed ? std::make_optional<RecordCipher>(*seed, header) : std::nullopt) {
  uint64_t present = sizeOf(path, file.get()) - headerBytes,
           expected = header.records * header.recordBytes();
  if (present != expected)
    throw Error(ExitCode::InvalidInput,
                fmt::format("{}: holds {} of {} records", path.string(),
                            present / header.recordBytes(), header.records),
                "copy it again, or continue an interrupted gfsdeal with --resume");
}

void MaterialReader::readAt(uint64_t offset, std::span<uint8_t> out) const {
  if (readSome(path, file.get(), offset, out) != out.size())
    throw Error(ExitCode::InvalidInput,
                fmt::format("{}: has been cut short", path.filename().string()), "copy it again");
}

void MaterialReader::requireHeld(uint64_t serial) const {
  if (serial >= header.endSerial())
    throw Error(
        ExitCode::MaterialExhausted,
        fmt::format("{}: all {} records are used", path.filename().string(), header.records),
        moreMaterial);
}

std::vector<SecretVector<uint8_t>> MaterialReader::read(uint64_t serial,
                                                        std::span<const uint64_t> lengths) const {
  requireHeld(serial);
  if (!cipher)
    throw seedErased(path);
  check(serial >= header.firstSerial, "serial before the first record");
  check(std::accumulate(lengths.begin(), lengths.end(), uint64_t(0)) == header.payloadBytes,
        "lengths of the pieces of a record");
  uint64_t at = offset(serial);
  auto take = [&](std::span<uint8_t> out) {
    readAt(at, out);
    at += out.size();
  };
  std::array<uint8_t, RecordCipher::nonceBytes> nonce;
  take(nonce);
  RecordCipher::Opening opening(*cipher, serial, nonce);
  // From the cache of the processor, not from memory, each byte is decrypted.
  std::vector<uint8_t> sealed(std::min(readBytes, header.payloadBytes));
  std::vector<SecretVector<uint8_t>> pieces;
  for (uint64_t length : lengths) {
    SecretVector<uint8_t> &piece = pieces.emplace_back(length);
    for (uint64_t done = 0; done < length;) {
      std::span<uint8_t> now = std::span(sealed).first(std::min(readBytes, length - done));
      take(now);
      opening.next(now, piece.data() + done);
      done += now.size();
    }
  }
  std::array<uint8_t, RecordCipher::tagBytes> tag;
  take(tag);
  if (!opening.finish(tag)) {
    if (erased(serial))
      throw Error(
          ExitCode::MaterialReuse,
          fmt::format("{}: record {} was used and erased", path.filename().string(), serial),
          "was an old ledger put back? deal a new set");
    throw Error(
        ExitCode::Integrity,
        fmt::format("{}: record {} does not authenticate", path.filename().string(), serial),
        "the file is damaged or from another key: copy it again or deal a new set");
  }
  if (serial + 1 < header.endSerial())
    ::posix_fadvise(file.get(), static_cast<off_t>(at), static_cast<off_t>(header.recordBytes()),
                    POSIX_FADV_WILLNEED);
  return pieces;
}

void MaterialReader::eraseSeed() noexcept {
  if (!seed)
    return;
  eraseSeedOnDisk();
  seed.reset();
  cipher.reset();
}

void MaterialReader::eraseSeedOnDisk() const noexcept {
  std::array<uint8_t, maxMaterialHeaderBytes> bytes;
  const std::span<uint8_t> found = std::span(bytes).first(headerBytes);
  const std::array<uint8_t, sizeof header.sealedSeed> zeros{};
  try {
    readAt(0, found);
    const auto at = std::ranges::search(found, header.sealedSeed).begin();
    if (at == found.end())
      return;
    writeAt(path, file.get(), static_cast<uint64_t>(at - found.begin()), zeros);
    ::fdatasync(file.get());
  } catch (const Error &) {
    // Read-only since, or the disk failed: the records are used all the same.
  }
}

bool MaterialReader::erased(uint64_t serial) const {
  std::array<uint8_t, 12> nonce;
  readAt(offset(serial), nonce);
  return std::all_of(nonce.begin(), nonce.end(), [](uint8_t byte) { return byte == 0; });
}

void MaterialReader::erase(uint64_t from, uint64_t to) const noexcept {
  from = std::max(from, header.firstSerial);
  to = std::min(to, header.endSerial());
  if (from >= to)
    return;
  uint64_t begin = offset(from), length = offset(to) - begin;
  if (::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
                  static_cast<off_t>(length)) == 0)
    return;
  std::array<uint8_t, 65536> zeros{};
  for (uint64_t done = 0; done < length;) {
    ssize_t now =
        ::pwrite(file.get(), zeros.data(), std::min<uint64_t>(zeros.size(), length - done),
                 static_cast<off_t>(begin + done));
    if (now <= 0)
      return;
    done += static_cast<uint64_t>(now);
  }
}

} // namespace gfs
