// SPDX-License-Identifier: Apache-2.0
// Finds the narrowest ring and the shortest sign windows with which a network keeps its answers.
#pragma once

#include "passes/convert/NnToFixed.h"
#include "runtime/plan/Limits.h"

#include <functional>
#include <optional>
#include <vector>

namespace gfs {

/// One output of a network for all calibration samples, sample after sample. A row is what a client
/// takes an argmax over: the last axis.
struct OutputSamples {
  std::vector<float> values;
  size_t rowLength = 1;
};

/// How far integers are from real numbers, over all rows.
struct Deviation {
  /// Root of the mean square error over the root of the mean square of the reference about its
  /// mean; the largest of all outputs. Settles with few samples, which a count of different answers
  /// does not.
  double relativeError = 0;
  /// Share of rows whose largest element is another one; 0 for outputs with rows of one element.
  double disagreement = 0;
  /// The same as expected for samples like these: the mean of P(error > margin), where the margin
  /// of a row is the distance of its two largest elements and the error of that distance is taken
  /// as normal.
  double expectedDisagreement = 0;
};

/// Both lists name the same outputs in the same order, with equal sizes.
Deviation compareOutputs(const std::vector<OutputSamples> &reference,
                         const std::vector<OutputSamples> &candidate);

/// What the search may change, and when it is content.
struct SearchGoal {
  bool chooseRing = true;
  bool chooseWindow = true; ///< Ignored if the options ask for exact windows.
  /// Largest relative error of the outputs.
  double tolerance = 0.005;
  unsigned leastRing = 18, greatestRing = 48;
  unsigned leastWindow = 6, greatestWindow = 12;
  /// What a plan with these formats costs; none: see searchFixedOptions.
  std::function<double(const FixedOptions &)> cost = {};
};

/// The widest ring whose elements are 32-bit words.
constexpr unsigned widestWord32 = 32;

/// The window that costs as much as one of `bits`, and is the longest such: tables double with each
/// bit; beyond them, comparisons are made of whole chunks.
constexpr unsigned fullWindow(unsigned bits) {
  return bits <= plan::usualTableBits ? bits : plan::oneHotChunks(bits) * plan::oneHotChunkBits;
}

struct SearchResult {
  FixedOptions options;
  Deviation deviation;
  unsigned trials = 0;
};

/// Compiles the network with these options and returns its outputs on the calibration samples;
/// nullopt if it cannot be compiled with them (a ring too narrow).
using TrialRun = std::function<std::optional<std::vector<OutputSamples>>(const FixedOptions &)>;

/// Rings up to 32 bits are preferred: their elements are one machine word. The errors of ring and
/// window are independent, so each gets half of the tolerance's square; with the ring found, the
/// shortest window that stays within the tolerance is taken, filled up by fullWindow(). With a
/// cost, the cheapest of these points that meet the tolerance is taken instead: this one, the same
/// ring with the shortest window as it is, rings of up to six bits more with the shortest windows
/// that they allow, and windows of one and two bits more with the narrowest ring that each allows.
/// Deterministic. Throws RangeCheck, naming the tolerance that can be met, if nothing within the
/// goal's bounds meets it (also if nothing is left to choose and the given options do not).
SearchResult searchFixedOptions(const FixedOptions &start, const SearchGoal &goal,
                                const std::vector<OutputSamples> &reference, const TrialRun &run);

} // namespace gfs
