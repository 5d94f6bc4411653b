// SPDX-License-Identifier: Apache-2.0
// Weights and key files: framing, checksums, modes.
#include "runtime/plan/Files.h"

#include "runtime/base/Error.h"
#include "runtime/plan/ReadFile.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <google/protobuf/stubs/logging.h>
#include <openssl/evp.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace gfs::plan {

namespace {

constexpr size_t prefixBytes = companionMagic.size() + 4; // magic, header length

/// A descriptor that closes itself.
struct Descriptor {
  int fd;
  explicit Descriptor(int fd) : fd(fd) {}
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  ~Descriptor() {
    if (fd >= 0)
      ::close(fd);
  }
};

std::string systemReason() { return std::strerror(errno); }

} // namespace

Id16 randomId() {
  Id16 id;
  randomBytes(id);
  return id;
}

std::string hex(std::span<const uint8_t> bytes) {
  std::string text;
  for (uint8_t byte : bytes)
    text += fmt::format("{:02x}", byte);
  return text;
}

Hash sha256(std::span<const uint8_t> bytes) {
  Hash hash;
  unsigned length = 0;
  check(EVP_Digest(bytes.data(), bytes.size(), hash.data(), &length, EVP_sha256(), nullptr) == 1 &&
            length == hash.size(),
        "SHA-256 failed");
  return hash;
}

SecretVector<uint8_t> readWholeFile(const std::filesystem::path &path) {
  auto unreadable = [&] {
    return Error(ExitCode::InputUnreadable,
                 fmt::format("{}: cannot be read: {}", path.string(), systemReason()),
                 "check the path and its permissions");
  };
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)); // a pipe must not wait
  struct stat status = {};
  if (file.fd < 0 || ::fstat(file.fd, &status) != 0)
    throw unreadable();
  if (!S_ISREG(status.st_mode))
    throw Error(ExitCode::InputUnreadable, fmt::format("{}: is not a file", path.string()),
                "check the path");
  SecretVector<uint8_t> bytes(static_cast<size_t>(status.st_size));
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t got = ::read(file.fd, bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      throw unreadable();
    if (got == 0)
      break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

/// Of everything in the header but itself.
static std::string headerDigest(FileHeader header) {
  header.clear_header_sha256();
  const std::string message = header.SerializeAsString();
  const Hash digest = sha256({reinterpret_cast<const uint8_t *>(message.data()), message.size()});
  return {digest.begin(), digest.end()};
}

/// Fields that weights and keys do not have: a flipped bit makes one of another, perhaps of the
/// digest.
static bool hasStrangeFields(const FileHeader &header) {
  static const std::set<int> own = {
      FileHeader::kFormatFieldNumber,       FileHeader::kKindFieldNumber,
      FileHeader::kPlanHashFieldNumber,     FileHeader::kModelIdFieldNumber,
      FileHeader::kPayloadBytesFieldNumber, FileHeader::kPayloadSha256FieldNumber,
      FileHeader::kHeaderSha256FieldNumber};
  std::vector<const google::protobuf::FieldDescriptor *> fields;
  header.GetReflection()->ListFields(header, &fields);
  return !header.GetReflection()->GetUnknownFields(header).empty() ||
         std::ranges::any_of(fields, [](auto *field) { return !own.contains(field->number()); });
}

void stageCompanion(StagedFiles &files, const std::filesystem::path &path, FileHeader header,
                    std::span<const uint8_t> payload, bool secret) {
  Hash digest = sha256(payload);
  header.set_format(formatVersion);
  header.set_payload_bytes(payload.size());
  header.set_payload_sha256(digest.data(), digest.size());
  header.set_header_sha256(headerDigest(header));
  std::string message = header.SerializeAsString();
  std::string prefix(companionMagic);
  for (unsigned i = 0; i < 4; ++i)
    prefix += static_cast<char>(message.size() >> (8 * i) & 0xff);

  const auto bytesOf = [](const std::string &text) {
    return std::span(reinterpret_cast<const uint8_t *>(text.data()), text.size());
  };
  files.add(path, {bytesOf(prefix), bytesOf(message), payload}, secret);
}

Companion readCompanion(const std::filesystem::path &path,
                        std::initializer_list<std::string_view> kinds) {
  SecretVector<uint8_t> bytes = readWholeFile(path);
  auto invalid = [&](const std::string &cause) {
    return Error(ExitCode::InvalidInput, fmt::format("{}: {}", path.string(), cause),
                 "copy it again from where gfscc wrote it");
  };
  if (bytes.size() < prefixBytes ||
      std::memcmp(bytes.data(), companionMagic.data(), companionMagic.size()) != 0)
    throw invalid(
        fmt::format("expects a file of kind {}, got something else", fmt::join(kinds, " or ")));
  uint32_t headerBytes = 0;
  for (unsigned i = 0; i < 4; ++i)
    headerBytes |= uint32_t(bytes[companionMagic.size() + i]) << (8 * i);
  google::protobuf::LogSilencer quiet; // the errors below say it all
  Companion file;
  if (headerBytes > bytes.size() - prefixBytes)
    throw invalid("the file is truncated");
  if (!file.header.ParseFromArray(bytes.data() + prefixBytes, static_cast<int>(headerBytes)))
    throw invalid("the header is damaged");
  const FileHeader &header = file.header;
  if (header.format() != formatVersion)
    throw invalid(fmt::format("format {} is not {}, the one this version reads", header.format(),
                              formatVersion));
  auto changed = [&](const char *what) {
    return Error(ExitCode::Integrity,
                 fmt::format("{}: its {} changed (SHA-256 differs)", path.string(), what),
                 "copy it again from where gfscc wrote it");
  };
  if (hasStrangeFields(header) ||
      (!header.header_sha256().empty() && header.header_sha256() != headerDigest(header)))
    throw changed("header was");
  if (std::find(kinds.begin(), kinds.end(), header.kind()) == kinds.end())
    throw invalid(
        fmt::format("expects a file of kind {}, got {}", fmt::join(kinds, " or "), header.kind()));
  if (header.plan_hash().size() != Hash().size() || header.model_id().size() != Id16().size())
    throw invalid("the header is damaged");
  size_t payload = bytes.size() - prefixBytes - headerBytes;
  if (payload < header.payload_bytes())
    throw invalid("the file is truncated");
  if (payload > header.payload_bytes())
    throw invalid("there are bytes behind the end");
  std::copy(header.model_id().begin(), header.model_id().end(), file.modelId.begin());
  file.payload.assign(bytes.end() - static_cast<ptrdiff_t>(payload), bytes.end());
  Hash digest = sha256(file.payload);
  if (std::string_view(reinterpret_cast<const char *>(digest.data()), digest.size()) !=
      header.payload_sha256())
    throw changed("contents were");
  return file;
}

void requirePlan(const Companion &file, const LoadedPlan &plan, const std::filesystem::path &path) {
  std::string_view expected(reinterpret_cast<const char *>(plan.hash.data()), plan.hash.size());
  if (file.header.plan_hash() != expected)
    throw Error(ExitCode::PlanMismatch, fmt::format("{}: belongs to another plan", path.string()),
                "use the plan, weights and keys of one gfscc run");
}

void requireModel(const Id16 &expected, const Id16 &found, const std::filesystem::path &path) {
  if (expected != found)
    throw Error(ExitCode::PlanMismatch,
                fmt::format("{}: belongs to model {}, expected {}", path.string(), hex(found),
                            hex(expected)),
                "use the plan, weights and keys of one gfscc run");
}

FileHeader companionHeader(const char *kind, const LoadedPlan &plan, const Id16 &modelId) {
  FileHeader header;
  header.set_kind(kind);
  header.set_plan_hash(plan.hash.data(), plan.hash.size());
  header.set_model_id(modelId.data(), modelId.size());
  return header;
}

static SecretSeed seedAt(const Companion &file, size_t index, size_t seeds,
                         const std::filesystem::path &path) {
  if (file.payload.size() != seeds * SecretSeed::size)
    throw Error(ExitCode::InvalidInput,
                fmt::format("{}: expects {} bytes of key, got {}", path.string(),
                            seeds * SecretSeed::size, file.payload.size()),
                "copy it again from where gfscc wrote it");
  return SecretSeed(std::span<const uint8_t, SecretSeed::size>(
      file.payload.data() + index * SecretSeed::size, SecretSeed::size));
}

PartyKey readPartyKey(const std::filesystem::path &path, const LoadedPlan &plan) {
  Companion file = readCompanion(path, {"key.s0", "key.s1"});
  requirePlan(file, plan, path);
  Party party = file.header.kind() == "key.s0" ? Party::Zero : Party::One;
  return {party, file.modelId, seedAt(file, 0, 1, path)};
}

DealerKey readDealerKey(const std::filesystem::path &path, const LoadedPlan &plan) {
  Companion file = readCompanion(path, {"key.dealer"});
  requirePlan(file, plan, path);
  return {file.modelId, {seedAt(file, 0, 2, path), seedAt(file, 1, 2, path)}};
}

void stagePartyKey(StagedFiles &files, const std::filesystem::path &path, const LoadedPlan &plan,
                   const PartyKey &key) {
  const char *kind = key.party == Party::Zero ? "key.s0" : "key.s1";
  stageCompanion(files, path, companionHeader(kind, plan, key.modelId), key.seed.bytes(),
                 /*secret=*/true);
}

void stageDealerKey(StagedFiles &files, const std::filesystem::path &path, const LoadedPlan &plan,
                    const DealerKey &key) {
  SecretVector<uint8_t> both;
  for (const SecretSeed &seed : key.seeds)
    both.insert(both.end(), seed.bytes().begin(), seed.bytes().end());
  stageCompanion(files, path, companionHeader("key.dealer", plan, key.modelId), both,
                 /*secret=*/true);
}

} // namespace gfs::plan
