// SPDX-License-Identifier: Apache-2.0
#include "compiler/verify/TestSets.h"

#include "runtime/tensor/TensorFile.h"

#include <algorithm>
#include <charconv>

namespace gfs {

namespace fs = std::filesystem;

static constexpr const char *layout =
    "the layout is test_data_set_0/input_0.pb, output_0.pb, as in ONNX's test cases";

/// FOLDER/input_0.pb, input_1.pb, … up to the first that is missing.
static std::vector<Tensor> readNumbered(const fs::path &folder, const std::string &kind) {
  std::vector<Tensor> tensors;
  for (;;) {
    fs::path path = folder / fmt::format("{}_{}.pb", kind, tensors.size());
    if (!fs::exists(path))
      return tensors;
    tensors.push_back(readTensor(path.string()));
  }
}

static TestSet readSet(const fs::path &folder) {
  TestSet set{folder.filename().string(), readNumbered(folder, "input"),
              readNumbered(folder, "output")};
  if (set.inputs.empty() || set.outputs.empty())
    throw Error(
        ExitCode::InvalidInput,
        fmt::format("{}: has no {}_0.pb", folder.string(), set.inputs.empty() ? "input" : "output"),
        layout);
  return set;
}

/// 12 of "test_data_set_12"; -1 of other names.
static int setNumber(const fs::path &folder) {
  constexpr std::string_view prefix = "test_data_set_";
  std::string name = folder.filename().string();
  int number = -1;
  if (name.starts_with(prefix))
    std::from_chars(name.data() + prefix.size(), name.data() + name.size(), number);
  return number;
}

std::vector<TestSet> readTestSets(const fs::path &given) {
  // "folder/" has no file name to call the set by.
  fs::path folder = given.has_filename() ? given : given.parent_path();
  std::error_code failed;
  if (!fs::is_directory(folder, failed))
    throw Error(ExitCode::InputUnreadable, fmt::format("{}: is not a folder", given.string()),
                layout);
  if (fs::exists(folder / "input_0.pb"))
    return {readSet(folder)};
  std::vector<fs::path> folders;
  for (const fs::directory_entry &entry : fs::directory_iterator(folder, failed))
    if (entry.is_directory() && setNumber(entry.path()) >= 0)
      folders.push_back(entry.path());
  if (failed || folders.empty())
    throw Error(
        ExitCode::InputUnreadable,
        fmt::format("{}: holds neither input_0.pb nor folders test_data_set_*", given.string()),
        layout);
  std::sort(folders.begin(), folders.end(), [](const fs::path &a, const fs::path &b) {
    return std::pair(setNumber(a), a) < std::pair(setNumber(b), b);
  });
  std::vector<TestSet> sets;
  for (const fs::path &path : folders)
    sets.push_back(readSet(path));
  return sets;
}

const Tensor &tensorOfPort(const std::vector<Tensor> &tensors, size_t port, size_t ports,
                           const std::string &name, uint64_t elements, const char *what,
                           const std::string &set) {
  auto found = std::find_if(tensors.begin(), tensors.end(),
                            [&](const Tensor &tensor) { return tensor.name == name; });
  if (found == tensors.end()) {
    if (tensors.size() != ports)
      throw Error(ExitCode::InvalidInput,
                  fmt::format("{}: holds {} {}s for the model's {}, and none is called '{}'", set,
                              tensors.size(), what, ports, name),
                  "name the tensors as the model does, or give one a port, in the model's order");
    found = tensors.begin() + static_cast<ptrdiff_t>(port);
  }
  if (found->elements() != elements)
    throw Error(ExitCode::InvalidInput,
                fmt::format("{}: {} '{}' has shape {}, the model's has {} elements", set, what,
                            name, shapeText(found->shape), elements),
                "the set belongs to another model, or to another --shape or --outputs");
  return *found;
}

} // namespace gfs
