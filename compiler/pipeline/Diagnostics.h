// SPDX-License-Identifier: Apache-2.0
// What passes have to say, as the errors of Error.h: no raw compiler message reaches a user.
#pragma once

#include "compiler/pipeline/Phases.h"
#include "runtime/base/Error.h"

#include "mlir/IR/Diagnostics.h"

#include <string>
#include <vector>

namespace gfs {

/// Collects the diagnostics of a context while it lives.
class DiagnosticCollector {
public:
  explicit DiagnosticCollector(mlir::MLIRContext *context);

  /// Throws one Error with everything collected since the last call, if `result` is a failure. Each
  /// line names the model's node. Forgets what was collected otherwise; warnings among it are
  /// handed to `takeWarnings`.
  void check(mlir::LogicalResult result, Phase phase, ExitCode code, const std::string &hint);
  /// The errors so far, one a line, for failures that are expected.
  std::string takeErrors();
  std::vector<std::string> takeWarnings() { return std::exchange(warnings, {}); }

private:
  std::vector<std::string> errors, warnings;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace gfs
