// SPDX-License-Identifier: Apache-2.0
// Inputs and expected outputs of a model, as ONNX's own test cases keep them:
// test_data_set_0/input_0.pb, …/output_0.pb, one tensor a file.
#pragma once

#include "runtime/tensor/Tensor.h"

#include <filesystem>
#include <string>
#include <vector>

namespace gfs {

struct TestSet {
  std::string name; ///< "test_data_set_0"
  std::vector<Tensor> inputs, outputs;
};

/// The set in `folder`, or all sets in its subfolders test_data_set_*, by number. Errors:
/// InputUnreadable (no folder, no set), InvalidInput (no input, no output, or a broken tensor).
std::vector<TestSet> readTestSets(const std::filesystem::path &folder);

/// The tensor of a port: the one of its name, else the one at its position if there are as many as
/// ports. `what` ("input", "output") and `set` are for the message. Errors: InvalidInput, also if
/// the elements are not as many as the port's.
const Tensor &tensorOfPort(const std::vector<Tensor> &tensors, size_t port, size_t ports,
                           const std::string &name, uint64_t elements, const char *what,
                           const std::string &set);

} // namespace gfs
