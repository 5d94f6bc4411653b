// SPDX-License-Identifier: Apache-2.0
// When the phases of a scheduled program run. Interval k is the local work before exchange k.
#pragma once

#include "dialects/secure/SecureDialect.h"

#include "llvm/ADT/DenseMap.h"

namespace gfs::secure {

class Schedule {
public:
  /// Reads the `exchange` lists of @main. Fails, with a diagnostic, where one is missing, does not
  /// increase, or sends before its operands are ready.
  static mlir::FailureOr<Schedule> read(mlir::func::FuncOp main);

  int64_t exchanges() const { return numExchanges; }
  /// Intervals in which `op` has its phases, ascending: phase p in intervals(op)[p].
  llvm::ArrayRef<int64_t> intervals(mlir::Operation *op) const { return phases.find(op)->second; }
  /// The interval from which on `value` can be read; 0 for arguments.
  int64_t ready(mlir::Value value) const;

private:
  int64_t numExchanges = 0;
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<int64_t, 2>> phases;
};

} // namespace gfs::secure
