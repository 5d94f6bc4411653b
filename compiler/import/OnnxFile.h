// SPDX-License-Identifier: Apache-2.0
// Reading the bytes of models: the file itself, and weights kept in files beside it.
#pragma once

#include "compiler/import/onnx.pb.h"

#include <filesystem>

namespace gfs::onnx {

/// Parses a model. Errors: InputUnreadable; InvalidInput if it is no model, or larger than
/// protobuf's 2 GiB.
ModelProto readModel(const std::filesystem::path &path);

/// Moves elements that `tensor` keeps in another file into its raw_data. The file must lie in
/// `folder` or below, links resolved. `budget` is what may still be read, in bytes, and shrinks.
/// Errors: InputUnreadable, InvalidInput.
void loadExternalData(tensor::TensorProto &tensor, const std::filesystem::path &folder,
                      uint64_t &budget);

} // namespace gfs::onnx
