// SPDX-License-Identifier: Apache-2.0
// Finds the narrowest ring and the shortest sign windows with which a network keeps its answers.
#include "compiler/calibrate/OptionSearch.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <tuple>

namespace gfs {

namespace {
/// Sums over one output's rows.
struct RowTotals {
  double squaredError = 0, sum = 0, squaredSum = 0;
  std::vector<double> margins; ///< Of the reference: largest minus second largest, by row.
  double squaredMarginError = 0;
  size_t otherWinner = 0;
};
} // namespace

/// Positions of the largest and the second largest of `row`; `length` is at least 2.
static std::pair<size_t, size_t> topTwo(const float *row, size_t length) {
  size_t first = row[1] > row[0] ? 1 : 0, second = 1 - first;
  for (size_t i = 2; i < length; ++i) {
    if (row[i] > row[first])
      second = std::exchange(first, i);
    else if (row[i] > row[second])
      second = i;
  }
  return {first, second};
}

static RowTotals totalsOf(const OutputSamples &reference, const OutputSamples &candidate) {
  RowTotals totals;
  for (size_t i = 0; i < reference.values.size(); ++i) {
    double value = reference.values[i], error = double(candidate.values[i]) - value;
    totals.squaredError += error * error;
    totals.sum += value;
    totals.squaredSum += value * value;
  }
  size_t length = reference.rowLength;
  if (length < 2)
    return totals;
  for (size_t row = 0; row + length <= reference.values.size(); row += length) {
    const float *expected = &reference.values[row], *got = &candidate.values[row];
    auto [first, second] = topTwo(expected, length);
    double margin = double(expected[first]) - expected[second];
    double error = (double(got[first]) - got[second]) - margin;
    totals.margins.push_back(margin);
    totals.squaredMarginError += error * error;
    totals.otherWinner += topTwo(got, length).first != first;
  }
  return totals;
}

Deviation compareOutputs(const std::vector<OutputSamples> &reference,
                         const std::vector<OutputSamples> &candidate) {
  check(reference.size() == candidate.size(), "outputs are compared one to one");
  Deviation deviation;
  for (size_t port = 0; port < reference.size(); ++port) {
    check(reference[port].values.size() == candidate[port].values.size(),
          "outputs are compared element by element");
    RowTotals totals = totalsOf(reference[port], candidate[port]);
    double count = static_cast<double>(std::max<size_t>(reference[port].values.size(), 1));
    double spread = totals.squaredSum / count - std::pow(totals.sum / count, 2);
    double error = totals.squaredError / count;
    // A constant output has no spread: then its own size is the measure.
    double unit = spread > 1e-12 * totals.squaredSum / count
                      ? spread
                      : std::max(totals.squaredSum / count, 1e-30);
    deviation.relativeError = std::max(deviation.relativeError, std::sqrt(error / unit));
    if (totals.margins.empty())
      continue;
    double rows = static_cast<double>(totals.margins.size()), expected = 0;
    double marginDeviation = std::sqrt(totals.squaredMarginError / rows);
    for (double margin : totals.margins)
      expected += marginDeviation > 0
                      ? 0.5 * std::erfc(margin / (marginDeviation * std::numbers::sqrt2))
                      : 0;
    deviation.disagreement =
        std::max(deviation.disagreement, static_cast<double>(totals.otherWinner) / rows);
    deviation.expectedDisagreement = std::max(deviation.expectedDisagreement, expected / rows);
  }
  return deviation;
}

namespace {
/// Runs each choice of options once and remembers what came of it.
class Trials {
public:
  Trials(const FixedOptions &start, const std::vector<OutputSamples> &reference,
         const TrialRun &run)
      : start(start), reference(reference), run(run) {}

  /// nullopt if the network cannot be compiled so.
  std::optional<Deviation> deviation(unsigned ringBits, unsigned windowBits) {
    auto [entry, isNew] = results.try_emplace({ringBits, windowBits});
    if (!isNew)
      return entry->second;
    if (auto outputs = run(optionsOf(ringBits, windowBits)))
      entry->second = compareOutputs(reference, *outputs);
    return entry->second;
  }
  bool meets(unsigned ringBits, unsigned windowBits, double tolerance) {
    auto result = deviation(ringBits, windowBits);
    return result && result->relativeError <= tolerance;
  }
  FixedOptions optionsOf(unsigned ringBits, unsigned windowBits) const {
    FixedOptions options = start;
    options.ringBits = ringBits;
    options.windowBits = windowBits;
    return options;
  }
  unsigned count() const { return static_cast<unsigned>(results.size()); }

private:
  const FixedOptions &start;
  const std::vector<OutputSamples> &reference;
  const TrialRun &run;
  std::map<std::pair<unsigned, unsigned>, std::optional<Deviation>> results;
};
} // namespace

/// Smallest value in [least, greatest] that satisfies, if the ones above a satisfying value do too;
/// greatest + 1 if none.
static unsigned smallestThat(unsigned least, unsigned greatest,
                             const std::function<bool(unsigned)> &satisfies) {
  unsigned beyond = greatest + 1;
  while (least < beyond) {
    unsigned middle = least + (beyond - least) / 2;
    if (satisfies(middle))
      beyond = middle;
    else
      least = middle + 1;
  }
  return beyond;
}

[[noreturn]] static void giveUp(const SearchGoal &goal, std::optional<Deviation> best,
                                unsigned ringBits) {
  constexpr const char *advice =
      "allow wider rings (--ring), longer windows (--window-bits or --exact) or a larger "
      "--tolerance, and check that the calibration data is preprocessed as the network expects";
  if (!best)
    throw Error(
        ExitCode::RangeCheck,
        fmt::format("fixed point: the network does not fit into a ring of {} bits", ringBits),
        advice);
  // Rounded up, so that what is named can be met.
  double digits = std::pow(10, 2 - std::floor(std::log10(std::max(best->relativeError, 1e-300))));
  throw Error(ExitCode::RangeCheck,
              fmt::format("fixed point: the outputs deviate by {:.3g} of their spread in a ring of "
                          "{} bits, {:.3g} is allowed",
                          best->relativeError, ringBits, goal.tolerance),
              fmt::format("the nearest that is reached so: --tolerance {:.3g}; or {}",
                          std::ceil(best->relativeError * digits) / digits, advice));
}

/// Rings that are so many bits wider are tried with the shorter windows that they allow.
static constexpr unsigned mostWider = 6;

/// The cheapest of the points near (ring, shortest window) that meet the tolerance.
static std::pair<unsigned, unsigned> cheapest(Trials &trials, const SearchGoal &goal, unsigned ring,
                                              unsigned shortest, unsigned filled) {
  std::vector<std::pair<unsigned, unsigned>> points = {{ring, filled}};
  if (shortest != filled)
    points.emplace_back(ring, shortest);
  unsigned window = shortest;
  for (unsigned wider = ring + 1;
       goal.chooseRing && wider <= std::min(ring + mostWider, goal.greatestRing); ++wider) {
    if ((wider <= widestWord32) != (ring <= widestWord32))
      break;
    auto fits = [&](unsigned bits) { return trials.meets(wider, bits, goal.tolerance); };
    unsigned found = smallestThat(goal.leastWindow, window - 1, fits);
    if (found < window)
      points.emplace_back(wider, window = found);
  }
  for (unsigned longer = shortest + 1;
       goal.chooseRing && longer <= std::min(shortest + 2, goal.greatestWindow); ++longer) {
    auto fits = [&](unsigned bits) { return trials.meets(bits, longer, goal.tolerance); };
    if (unsigned narrowest = smallestThat(goal.leastRing, ring, fits); narrowest < ring)
      points.emplace_back(narrowest, longer);
  }
  std::pair<unsigned, unsigned> best = points.front();
  double least = std::numeric_limits<double>::infinity();
  for (auto [ringBits, windowBits] : points)
    if (double cost = goal.cost(trials.optionsOf(ringBits, windowBits)); cost < least) {
      least = cost;
      best = {ringBits, windowBits};
    }
  return best;
}

SearchResult searchFixedOptions(const FixedOptions &start, const SearchGoal &goal,
                                const std::vector<OutputSamples> &reference, const TrialRun &run) {
  Trials trials(start, reference, run);
  bool chooseWindow = goal.chooseWindow && !start.exact;
  unsigned ring = start.ringBits, window = chooseWindow ? goal.greatestWindow : start.windowBits;
  double ringTolerance = chooseWindow ? goal.tolerance / std::numbers::sqrt2 : goal.tolerance;
  if (goal.chooseRing) {
    auto fits = [&](unsigned bits) { return trials.meets(bits, window, ringTolerance); };
    unsigned last = std::min(widestWord32, goal.greatestRing);
    ring = smallestThat(goal.leastRing, last, fits);
    // Words of 64 bits cost more than a longer window does: the ring gets half of what the widest
    // one of a word leaves.
    if (ring > last && trials.meets(last, window, goal.tolerance)) {
      double best = trials.deviation(last, window)->relativeError;
      ringTolerance = (best + goal.tolerance) / 2;
      ring = smallestThat(goal.leastRing, last, fits);
    }
    if (ring > last)
      ring = smallestThat(std::max(goal.leastRing, last + 1), goal.greatestRing, fits);
    if (ring > goal.greatestRing)
      giveUp(goal, trials.deviation(goal.greatestRing, window), goal.greatestRing);
  }
  if (chooseWindow) {
    auto fits = [&](unsigned bits) { return trials.meets(ring, bits, goal.tolerance); };
    unsigned shortest = smallestThat(goal.leastWindow, goal.greatestWindow, fits);
    window = std::min(fullWindow(shortest), goal.greatestWindow);
    if (goal.cost && shortest <= goal.greatestWindow)
      std::tie(ring, window) = cheapest(trials, goal, ring, shortest, window);
  }
  if (!trials.meets(ring, window, goal.tolerance))
    giveUp(goal, trials.deviation(ring, window), ring);
  return {trials.optionsOf(ring, window), *trials.deviation(ring, window), trials.count()};
}

} // namespace gfs
