// SPDX-License-Identifier: Apache-2.0
// From an ONNX file to a module in the nn dialect.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace gfs {

struct ImportOptions {
  /// Shapes of inputs by name. An input without one keeps the model's shape; if that leaves the
  /// first extent open, it becomes 1.
  /// By input name; an empty name stands for the only input.
  std::map<std::string, std::vector<int64_t>> shapes;
  /// Names of the values to return, in this order; empty: the model's outputs. Nodes that none of
  /// them needs are not read.
  std::vector<std::string> outputs;
};

/// The operators that can be imported, with the first opset each of their meanings belongs to:
/// "Clip" {6, 11}.
std::map<std::string, std::vector<int>> importedOperators();

/// Reads a model: one function @main, its weights as constants, integer and constant arithmetic
/// done. The file is untrusted; memory stays within a small multiple of its size. Opsets 7 to 27.
///
/// Errors: InputUnreadable; InvalidInput (not a model, or a malformed one); Unsupported. Every node
/// that is refused is in the one message, with its name, operator, opset, the reason and what to
/// try. Usage: options name unknown inputs or outputs.
mlir::OwningOpRef<mlir::ModuleOp> importOnnx(const std::filesystem::path &path,
                                             const ImportOptions &options,
                                             mlir::MLIRContext &context);

} // namespace gfs
