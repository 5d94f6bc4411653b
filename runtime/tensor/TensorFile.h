// SPDX-License-Identifier: Apache-2.0
// Reads tensors from .npy, .npz and ONNX TensorProto (.pb) files, which are untrusted, and writes
// .npy.
#pragma once

#include "runtime/tensor/Tensor.h"

#include <filesystem>
#include <string>
#include <vector>

namespace gfs {

namespace tensor {
class TensorProto;
}

/// Largest file and largest sum of decompressed arrays that is read.
constexpr uint64_t maxTensorFileBytes = uint64_t(1) << 32;

/// Every array of the file, in file order: one for .npy and .pb, any number for .npz. The format is
/// told by the content. Bool, integers, float32 and float64 keep their type; float16 and bfloat16
/// become float32. Errors: InputUnreadable; InvalidInput (names file and cause);
/// Unsupported (a TensorProto of complex numbers or texts, or one kept in another file).
std::vector<Tensor> readTensors(const std::filesystem::path &path);

/// What names arrays on a command line: the path of a file, or "FILE.npz:NAME" for one of several.
struct TensorSpec {
  std::filesystem::path file;
  std::string name; ///< Empty: none is named.
};

/// A colon of the path itself names nothing: what follows the last one does if there is no such
/// file as the whole.
TensorSpec parseTensorSpec(const std::string &spec);

/// The array that `spec` names, or the only one of its file. Errors: those of readTensors;
/// InvalidInput if it is not there, or one of several and none is named.
Tensor readTensor(const std::string &spec);

/// The same from memory; `file` names it in messages.
std::vector<Tensor> parseTensors(std::span<const std::byte> bytes, const std::string &file);

/// An ONNX tensor. `place` starts the message of the error it throws (InvalidInput, or Unsupported
/// for strings, complex numbers, types newer than ours, and elements kept in another file).
Tensor tensorFromProto(const tensor::TensorProto &proto, const std::string &place);

/// The bytes of an .npy file (format 1.0, C order).
std::vector<std::byte> npyBytes(const Tensor &tensor);

/// Writes an .npy file. Throws OutputUnwritable.
void writeNpy(const std::filesystem::path &path, const Tensor &tensor);

} // namespace gfs
