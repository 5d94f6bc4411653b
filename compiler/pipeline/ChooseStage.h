// SPDX-License-Identifier: Apache-2.0
// --replace: fewer ReLUs before formats are chosen.
#pragma once

#include "compiler/choose/Choose.h"
#include "compiler/pipeline/Diagnostics.h"
#include "compiler/pipeline/Options.h"
#include "compiler/pipeline/Progress.h"

#include "mlir/IR/BuiltinOps.h"
#include <nlohmann/json.hpp>

namespace gfs {

/// What the texts of --replace and its companions ask for; nullopt for --replace=none. Errors:
/// Usage (a text that says nothing sensible), InputUnreadable and InvalidInput (the file of --pin).
std::optional<ChooseGoal> parseGoal(const ReplaceOptions &options, const Budget &budget);

/// The choices of a --pin file: {"layers": {NAME: CHOICE or [CHOICE, ...]}} with a choice per layer
/// or one per channel, each "relu", "free", "zero", "identity", "linear", "quadratic" or
/// {"a": A, "b": B, "c": C}, which stays as it is.
std::map<std::string, std::vector<std::optional<ChannelChoice>>>
parsePins(const nlohmann::json &file, const std::string &name);

/// Chooses activations for an optimised nn program and writes them into it. Returns what was
/// chosen. Errors: those of readSamples and chooseActivations.
Choice replaceActivations(mlir::ModuleOp module, const CompileOptions &options, ChooseGoal goal,
                          DiagnosticCollector &diagnostics, Progress &progress);

/// Points and choice, for --frontier and the section "frontier" of reports: `version`, `relus`,
/// `kept`, `chosen` (an index into `points`), `points` and `judged` [{replaced, agreement,
/// relative_error, accuracy, predicted_ms, exchanges, bytes_each_way, dealt_bytes, ring_bits}];
/// accuracy and costs where they are known.
nlohmann::ordered_json choiceJson(const Choice &choice);

} // namespace gfs
