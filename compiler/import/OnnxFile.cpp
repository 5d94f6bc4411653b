// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/OnnxFile.h"

#include "runtime/base/Error.h"

#include <charconv>
#include <fstream>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <system_error>

namespace fs = std::filesystem;

namespace gfs::onnx {

/// What protobuf can hold in one message.
static constexpr uint64_t maxModelBytes = (uint64_t(1) << 31) - 1;

static constexpr const char *saveAgain =
    "check that it is a complete .onnx file; copy or export it again";

ModelProto readModel(const fs::path &path) {
  std::error_code failed;
  if (!fs::is_regular_file(path, failed))
    throw Error(
        ExitCode::InputUnreadable,
        fmt::format("{}: {}", path.string(), failed ? failed.message() : std::string("not a file")),
        "check the path");
  if (fs::file_size(path, failed) > maxModelBytes)
    throw Error(ExitCode::InvalidInput, fmt::format("{}: larger than 2 GiB", path.string()),
                "save the weights as external data, in a file beside the model");
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw Error(ExitCode::InputUnreadable, fmt::format("{}: cannot be opened", path.string()),
                "check that it may be read");
  ModelProto model;
  google::protobuf::io::IstreamInputStream stream(&file);
  if (!model.ParseFromZeroCopyStream(&stream))
    throw Error(ExitCode::InvalidInput, fmt::format("{}: not an ONNX model", path.string()),
                saveAgain);
  if (!model.has_graph())
    throw Error(ExitCode::InvalidInput, fmt::format("{}: holds no graph", path.string()),
                saveAgain);
  return model;
}

static std::string entry(const tensor::TensorProto &tensor, std::string_view key) {
  for (const tensor::Entry &entry : tensor.external_data())
    if (entry.key() == key)
      return entry.value();
  return {};
}

[[noreturn]] static void refuse(const tensor::TensorProto &tensor, const std::string &cause) {
  throw Error(ExitCode::InvalidInput,
              fmt::format("external data of '{}': {}", tensor.name(), cause),
              "keep the data files beside the model, or save it as one file");
}

static uint64_t number(const tensor::TensorProto &tensor, std::string_view key, uint64_t fallback) {
  std::string text = entry(tensor, key);
  if (text.empty())
    return fallback;
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    refuse(tensor, fmt::format("its {} is not a number", key));
  return value;
}

/// The file that `location` names, if it lies in `folder`: relative, without "..", and still inside
/// once links are followed.
static fs::path confined(const tensor::TensorProto &tensor, const fs::path &folder,
                         const fs::path &location) {
  bool climbs = std::find(location.begin(), location.end(), "..") != location.end();
  if (location.empty() || location.is_absolute() || climbs)
    refuse(tensor, fmt::format("'{}' is not a path inside the model's folder", location.string()));
  std::error_code failed;
  fs::path base = fs::canonical(folder.empty() ? fs::path(".") : folder, failed);
  fs::path target = failed ? fs::path() : fs::canonical(base / location, failed);
  if (failed)
    throw Error(ExitCode::InputUnreadable,
                fmt::format("external data of '{}': {}: {}", tensor.name(), location.string(),
                            failed.message()),
                "put the data file beside the model");
  fs::path inside = target.lexically_relative(base);
  if (inside.empty() || *inside.begin() == "..")
    refuse(tensor, fmt::format("'{}' leads out of the model's folder", location.string()));
  if (!fs::is_regular_file(target, failed))
    refuse(tensor, fmt::format("'{}' is not a file", location.string()));
  return target;
}

void loadExternalData(tensor::TensorProto &tensor, const fs::path &folder, uint64_t &budget) {
  fs::path path = confined(tensor, folder, entry(tensor, "location"));
  std::error_code failed;
  uint64_t size = fs::file_size(path, failed);
  uint64_t offset = number(tensor, "offset", 0);
  if (failed || offset > size)
    refuse(tensor, fmt::format("begins at byte {} of a file of {}", offset, size));
  uint64_t length = number(tensor, "length", size - offset);
  if (length > size - offset)
    refuse(tensor, fmt::format("needs {} bytes at {}, but the file has {}", length, offset, size));
  if (length > budget)
    refuse(tensor, "the model's external data is too large");
  budget -= length;
  std::string &bytes = *tensor.mutable_raw_data();
  bytes.resize(length);
  std::ifstream file(path, std::ios::binary);
  if (!file.seekg(static_cast<std::streamoff>(offset)) ||
      !file.read(bytes.data(), static_cast<std::streamsize>(length)))
    throw Error(ExitCode::InputUnreadable, fmt::format("{}: cannot be read", path.string()),
                "check that it may be read");
  tensor.clear_data_location();
  tensor.clear_external_data();
}

} // namespace gfs::onnx
