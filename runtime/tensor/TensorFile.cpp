// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/StagedFiles.h"
#include "runtime/tensor/Formats.h"

#include <algorithm>
#include <cstring>
#include <fstream>

namespace gfs {

std::optional<uint64_t> boundedBytes(std::span<const uint64_t> shape, unsigned elementBytes) {
  if (std::ranges::find(shape, 0u) != shape.end())
    return 0; // However large the other extents are.
  uint64_t bytes = elementBytes;
  for (uint64_t extent : shape) {
    if (extent > maxTensorFileBytes / bytes)
      return std::nullopt;
    bytes *= extent;
  }
  return bytes;
}

static std::vector<std::byte> readFile(const std::filesystem::path &path) {
  auto unreadable = [&](const char *cause) {
    return Error(ExitCode::InputUnreadable, fmt::format("{}: {}", path.string(), cause),
                 "check the path and its permissions");
  };
  std::error_code failure;
  auto status = std::filesystem::status(path, failure);
  if (!std::filesystem::exists(status))
    throw unreadable("no such file");
  if (std::filesystem::is_directory(status))
    throw unreadable("is a directory, not a file");
  std::ifstream in(path, std::ios::binary);
  if (!in)
    throw unreadable("cannot be opened");
  // Pipes have no size: read in pieces, bounded.
  std::vector<std::byte> bytes;
  if (std::filesystem::is_regular_file(status)) {
    uint64_t size = std::filesystem::file_size(path, failure);
    if (!failure && size <= maxTensorFileBytes)
      bytes.reserve(size);
  }
  std::vector<char> piece(1 << 16);
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0) {
    auto *begin = reinterpret_cast<const std::byte *>(piece.data());
    bytes.insert(bytes.end(), begin, begin + in.gcount());
    if (bytes.size() > maxTensorFileBytes)
      invalidFile(path.string(), "is larger than 4 GiB", "split the images over several files");
  }
  if (in.bad())
    throw unreadable("reading failed");
  return bytes;
}

static bool startsWith(std::span<const std::byte> bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

std::vector<Tensor> parseTensors(std::span<const std::byte> bytes, const std::string &file) {
  if (bytes.empty())
    invalidFile(file, "is empty", copyAgain);
  if (startsWith(bytes, "\x93NUMPY"))
    return {parseNpy(bytes, file)};
  if (startsWith(bytes, "PK\x03\x04") || startsWith(bytes, "PK\x05\x06"))
    return parseNpz(bytes, file);
  if (std::filesystem::path(file).extension() == ".pb")
    return {parseTensorProto(bytes, file)};
  invalidFile(file, "is neither .npy nor .npz, and its name does not end in .pb",
              "save the array with numpy.save, numpy.savez or as an ONNX TensorProto");
}

std::vector<Tensor> readTensors(const std::filesystem::path &path) {
  return parseTensors(readFile(path), path.string());
}

static std::string namesOf(const std::vector<Tensor> &tensors) {
  std::vector<std::string> names;
  for (const Tensor &tensor : tensors)
    names.push_back(tensor.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

TensorSpec parseTensorSpec(const std::string &spec) {
  const size_t colon = spec.rfind(':');
  std::error_code ignored;
  if (colon == std::string::npos || std::filesystem::exists(spec, ignored))
    return {spec, ""};
  return {spec.substr(0, colon), spec.substr(colon + 1)};
}

Tensor readTensor(const std::string &spec) {
  const auto [path, name] = parseTensorSpec(spec);
  const std::string file = path.string();
  std::vector<Tensor> tensors = readTensors(path);
  if (tensors.empty())
    invalidFile(file, "holds no array", "save at least one array in it");
  if (name.empty()) {
    if (tensors.size() > 1)
      invalidFile(file, fmt::format("holds {} arrays ({})", tensors.size(), namesOf(tensors)),
                  fmt::format("say which one: {}:{}", file, tensors.front().name));
    return std::move(tensors.front());
  }
  for (Tensor &tensor : tensors)
    if (tensor.name == name)
      return std::move(tensor);
  invalidFile(file, fmt::format("holds no array named \"{}\"", name),
              fmt::format("it holds: {}", namesOf(tensors)));
}

void writeNpy(const std::filesystem::path &path, const Tensor &tensor) {
  const std::vector<std::byte> bytes = npyBytes(tensor);
  writeFile(path, {reinterpret_cast<const char *>(bytes.data()), bytes.size()});
}

} // namespace gfs
