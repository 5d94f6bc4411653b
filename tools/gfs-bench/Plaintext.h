// SPDX-License-Identifier: Apache-2.0
// The same network without privacy, in the same run: ONNX Runtime on one core.
#pragma once

#include "runtime/serve/Summary.h"

namespace gfs {

struct PlaintextOptions {
  std::filesystem::path model; ///< .onnx, with one input.
  std::filesystem::path input; ///< .npy; images along the leading axis.
  std::filesystem::path folder;
  std::string python;  ///< An interpreter that has numpy and onnxruntime.
  uint64_t images = 1; ///< So many of the input's.
  unsigned repeat = 1; ///< How often each.
  unsigned warmUp = 0; ///< Inferences before, that are not counted.
};

struct PlaintextResult {
  serve::Percentiles ms;          ///< Of one inference.
  std::string version;            ///< Of ONNX Runtime.
  std::filesystem::path expected; ///< .npy: the first output of every image.
};

/// Errors: Usage (the interpreter lacks a module), Failure.
PlaintextResult runPlaintext(const PlaintextOptions &options);

} // namespace gfs
