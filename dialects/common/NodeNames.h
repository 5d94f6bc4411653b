// SPDX-License-Identifier: Apache-2.0
// Names of the model's nodes, which operations carry as their locations through every language.
#pragma once

#include "mlir/IR/Location.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/SetVector.h"

#include <string>

namespace gfs {

/// The names in a location, each once: an operation that others were folded into has theirs, too.
/// They live as long as the context.
llvm::SetVector<llvm::StringRef> nodeNames(mlir::Location location);

/// The first name of an operation, or what it is where it has none: for messages and tables.
std::string layerName(mlir::Operation *op);

} // namespace gfs
