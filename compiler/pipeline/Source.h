// SPDX-License-Identifier: Apache-2.0
// The program that a compilation starts from.
#pragma once

#include "compiler/pipeline/Options.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace gfs {

/// The compiler's languages, in order.
enum class Language { Nn, Fixed, Secure };

/// The language that most of @main is written in; operations of other dialects are left to the
/// passes to refuse.
Language languageOf(mlir::ModuleOp module);

/// Reads a .mlir file. Diagnostics go to the context. Errors: InputUnreadable.
mlir::OwningOpRef<mlir::ModuleOp> parseProgram(mlir::MLIRContext &context,
                                               const std::filesystem::path &path);

} // namespace gfs
