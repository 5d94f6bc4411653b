// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/FormatSearch.h"

#include "runtime/base/Error.h"

#include <limits>

namespace gfs {

/// The most precise activations that are tried, and the bits of weights beside them: linear layers
/// that follow each other without an activation, as bottlenecks have, get so few between the
/// operand and the ring that rounding them is what loses most. Operands of more bits are truncated
/// before, one more exchange each.
static constexpr unsigned preciseActivationBits = 15, preciseWeightBits = 10;
/// Bits of squares: shorter ones than the default leave the ring narrow and are tried as long as
/// that pays, longer ones round less and are tried where the default rounds too much.
static constexpr unsigned squareBitsTried[] = {20, 18, 16, 14, 22, 24};

/// Other ways to divide a ring between values and weights than derivatives on a few samples say,
/// which come out in whole bits: half a bit to either side, in rings narrower than that of the
/// cheapest formats so far; and the same number for all values, which truncates fewer operands and
/// so may cost less in a ring a few bits wider, too.
struct Division {
  double favourWeights;
  bool equalBits;
  unsigned moreActivationBits; ///< Than of the formats found so far.
  int widerRing;               ///< At most so many bits than theirs.
};
static constexpr Division otherDivisions[] = {
    {0.5, false, 0, -1}, {-0.5, false, 0, -1}, {0, true, 0, 6}, {0, true, 1, -1}};

/// Rings are tried up to so many bits wider than that of the cheapest formats so far.
static constexpr unsigned widerThanBest = 4;
/// So many dearer formats in a row do not end the search.
static constexpr unsigned patience = 1;

/// The next tolerance must cost at most this part of what the one aimed at does.
static constexpr double muchCheaper = 0.75;

/// What to start from, as far as nothing was asked for: activations of 11 to 15 bits with short
/// windows (with fewer bits the ring may be narrower, with more a network that rounding hurts keeps
/// its outputs), then the same with exact windows. Where there are squares, whose lengths are tried
/// as well and lose more, the default and more precise activations in turn, until some do.
static std::vector<std::vector<FixedOptions>> groupsOf(const FormatOptions &given, bool squares) {
  FixedOptions start;
  start.ringBits = given.ringBits.value_or(start.ringBits);
  start.activationBits = given.activationBits.value_or(start.activationBits);
  start.windowBits = given.windowBits.value_or(start.windowBits);
  start.headroom = given.headroom.value_or(start.headroom);
  start.activationError = given.activationError.value_or(start.activationError);
  start.exact = given.exact;
  auto withActivations = [&](unsigned bits) {
    FixedOptions formats = start;
    formats.activationBits = bits;
    if (bits == preciseActivationBits)
      formats.minWeightBits = preciseWeightBits;
    return formats;
  };
  std::vector<std::vector<FixedOptions>> groups;
  if (given.activationBits)
    groups = {{start}};
  else if (squares)
    for (unsigned bits = start.activationBits; bits <= preciseActivationBits; ++bits)
      groups.push_back({withActivations(bits)});
  else
    groups = {{withActivations(11), withActivations(12), withActivations(13), withActivations(14),
               withActivations(preciseActivationBits)}};
  if (!given.windowBits && !given.exact) {
    groups.push_back(groups.back());
    for (FixedOptions &formats : groups.back())
      formats.exact = true;
  }
  return groups;
}

FormatSearch::FormatSearch(const FormatOptions &given, Network network,
                           const std::vector<OutputSamples> &reference, TrialRun run, Cost cost)
    : groups(groupsOf(given, network.squares)), squareBits{FixedOptions().squareBits},
      reference(reference), run([this, run = std::move(run)](const FixedOptions &formats) {
        ++trials;
        return run(formats);
      }),
      dividesBits(network.extraBits) {
  if (network.squares)
    squareBits.assign(std::begin(squareBitsTried), std::end(squareBitsTried));
  goal.chooseRing = !given.ringBits;
  goal.chooseWindow = !given.windowBits && !given.exact;
  goal.cost = std::move(cost);
}

bool FormatSearch::mayMeet(const FixedOptions &start) {
  FixedOptions best = start;
  if (goal.chooseRing)
    best.ringBits = goal.greatestRing;
  if (goal.chooseWindow)
    best.windowBits = goal.greatestWindow;
  auto [look, isNew] = looks.try_emplace({best.ringBits, best.activationBits, best.squareBits,
                                          best.exact, best.favourWeights, best.equalBits});
  if (isNew) {
    auto outputs = run(best);
    look->second = outputs ? compareOutputs(reference, *outputs).relativeError
                           : std::numeric_limits<double>::infinity();
  }
  return look->second <= goal.tolerance;
}

std::optional<FormatSearch::Priced> FormatSearch::searchFrom(const FixedOptions &start) {
  try {
    SearchResult found = searchFixedOptions(start, goal, reference, run);
    return Priced{found, goal.cost(found.options)};
  } catch (const Error &error) {
    if (error.code() != ExitCode::RangeCheck)
      throw;
    return std::nullopt;
  }
}

std::optional<FormatSearch::Priced> FormatSearch::cheapestSquares(FixedOptions start) {
  // The most precise formats are always searched: a ring narrower than the widest may do better.
  const FixedOptions &last = groups.back().back();
  bool always = start.activationBits == last.activationBits && start.exact == last.exact;
  std::optional<Priced> best;
  for (unsigned bits : squareBits) {
    if (best && bits > best->result.options.squareBits)
      break;
    start.squareBits = bits;
    if (!always && !mayMeet(start))
      continue;
    std::optional<Priced> found = searchFrom(start);
    if (found && best && found->cost >= best->cost)
      break;
    if (found)
      best = found;
  }
  return best;
}

std::optional<FormatSearch::Priced> FormatSearch::cheapestOf(const std::vector<FixedOptions> &group,
                                                             unsigned widest) {
  std::optional<Priced> best;
  unsigned misses = 0;
  for (const FixedOptions &start : group) {
    // More bits in a much wider ring than the best so far cost more; in one a little wider, shorter
    // windows and so fewer exchanges may outweigh it.
    goal.greatestRing =
        best ? std::min(best->result.options.ringBits + widerThanBest, widest) : widest;
    std::optional<Priced> found = cheapestSquares(start);
    const bool better = found && (!best || found->cost < best->cost);
    if (better)
      best = found;
    misses = better ? 0 : misses + (found ? 1 : 0);
    // Elements of two words are so dear that everything is tried against them.
    if (misses > patience && best->result.options.ringBits <= widestWord32)
      break;
  }
  if (best && dividesBits && goal.chooseRing)
    return otherwiseDivided(*best);
  return best;
}

FormatSearch::Priced FormatSearch::otherwiseDivided(Priced best) {
  for (const Division &division : otherDivisions) {
    FixedOptions start = best.result.options;
    const unsigned word = start.ringBits <= widestWord32 ? widestWord32 : SearchGoal().greatestRing;
    start.favourWeights = division.favourWeights;
    start.equalBits = division.equalBits;
    start.activationBits += division.moreActivationBits;
    goal.greatestRing = std::min(
        static_cast<unsigned>(static_cast<int>(start.ringBits) + division.widerRing), word);
    if (goal.greatestRing < goal.leastRing)
      continue;
    std::optional<Priced> found;
    if (division.equalBits)
      found = cheapestSquares(start);
    else if (mayMeet(start))
      found = searchFrom(start);
    if (found && found->cost < best.cost)
      best = *found;
  }
  return best;
}

std::optional<FormatSearch::Priced> FormatSearch::cheapestWithin(double tolerance,
                                                                 unsigned widest) {
  goal.tolerance = tolerance;
  for (const std::vector<FixedOptions> &group : groups)
    if (std::optional<Priced> best = cheapestOf(group, widest))
      return best;
  return std::nullopt;
}

FormatSearch::Found FormatSearch::find(const std::vector<double> &tolerances) {
  const unsigned widest = SearchGoal().greatestRing;
  auto found = [&](Priced best, double tolerance) {
    best.result.trials = trials;
    return Found{best.result, tolerance};
  };
  for (size_t i = 0; i < tolerances.size(); ++i) {
    std::optional<Priced> best = cheapestWithin(tolerances[i], widest);
    if (!best)
      continue;
    if (best->result.options.ringBits > widestWord32 && goal.chooseRing &&
        i + 1 < tolerances.size())
      if (std::optional<Priced> one = cheapestWithin(tolerances[i + 1], widestWord32);
          one && one->cost < muchCheaper * best->cost)
        return found(*one, tolerances[i + 1]);
    return found(*best, tolerances[i]);
  }
  FixedOptions start = groups.back().back();
  start.squareBits = squareBits.back();
  goal.greatestRing = widest;
  goal.tolerance = tolerances.back();
  return {searchFixedOptions(start, goal, reference, run), goal.tolerance};
}

} // namespace gfs
