// SPDX-License-Identifier: Apache-2.0
// Layer by layer: what the two servers compute together, what the integers of the plan are in
// clear, and what the model means in real numbers. Opens every value: for developers, on their own
// test data. No server links this.
#pragma once

#include "compiler/pipeline/Options.h"

#include <nlohmann/json.hpp>

namespace gfs {

struct LayerRow {
  std::string layer;     ///< The model's node.
  std::string operation; ///< "conv2d", "relu", …: the last step that the layer became.
  uint64_t elements = 0;
  int32_t scale = 0;
  double magnitude = 0;   ///< Largest real magnitude.
  double maxError = 0;    ///< Private against real values; in the model's units, like
  double rmsError = 0;    ///< the root of their mean square.
  double room = 0;        ///< What the ring or sign window holds, over the largest integer here.
  uint64_t differing = 0; ///< Elements whose private and clear integers are not the same bits.

  /// maxError over the magnitude (0.1 if that is less).
  double relativeError() const { return maxError / std::max(magnitude, 0.1); }
};

struct LayerComparison {
  std::string model;
  unsigned ringBits = 0, activationBits = 0, windowBits = 0;
  bool exact = false;
  double tolerance = 0; ///< Of relative errors.
  std::vector<LayerRow> rows;

  bool diverges(const LayerRow &row) const {
    return row.differing > 0 || !(row.relativeError() <= tolerance) || row.room < 1;
  }
  /// The first layer that diverges; nullptr if none does.
  const LayerRow *firstDivergent() const;
};

/// Compiles options.model, makes every layer an output of the plan, and runs it privately on sample
/// `sample` of `input` (as --calib files are read), once. Without calibration data the input serves
/// as such. Errors: those of compile(); Usage if there is no such sample.
LayerComparison compareLayers(CompileOptions options, const std::string &input, size_t sample,
                              double tolerance);

/// A table, and the first layer that diverges.
std::string comparisonText(const LayerComparison &comparison);
/// The same: `schema` 1, `model`, `formats`, `tolerance`, `layers`, `first_divergent` (a name or
/// null).
nlohmann::ordered_json comparisonJson(const LayerComparison &comparison);

} // namespace gfs
