// SPDX-License-Identifier: Apache-2.0
// Searches all formats of a network: bits of activations, weights and squares, ring and windows.
#pragma once

#include "compiler/calibrate/OptionSearch.h"
#include "compiler/pipeline/Options.h"

#include <map>
#include <tuple>

namespace gfs {

/// Of all formats that are precise enough, finds those with the cheapest plan. searchFixedOptions
/// chooses ring and windows for given bits of activations and squares; this class goes through
/// these bits. Deterministic.
class FormatSearch {
public:
  struct Found {
    SearchResult result; ///< With the trials of all searches.
    double tolerance;    ///< Of the relative error, that was kept.
  };
  /// What a plan with these formats costs; infinity if there is none.
  using Cost = std::function<double(const FixedOptions &)>;

  /// What a network has, and so what can be searched for.
  struct Network {
    bool squares = false;
    bool extraBits = false; ///< For some values or weights, see distributeBits.
  };

  /// What `given` fixes is kept. `reference`: the network's outputs on the samples that `run` runs
  /// formats on.
  FormatSearch(const FormatOptions &given, Network network,
               const std::vector<OutputSamples> &reference, TrialRun run, Cost cost);

  /// The cheapest formats that keep the first of `tolerances` that any keep; where that takes rings
  /// of two words, and the next tolerance one, the latter if that is much cheaper. Throws
  /// RangeCheck, naming what the most precise formats reach, if none keeps the last.
  Found find(const std::vector<double> &tolerances);

private:
  /// Formats that are precise enough, and what their plan costs.
  struct Priced {
    SearchResult result;
    double cost;
  };

  /// In rings of at most `widest` bits.
  std::optional<Priced> cheapestOf(const std::vector<FixedOptions> &group, unsigned widest);
  /// `best`, or what is cheaper with the ring's bits divided otherwise.
  Priced otherwiseDivided(Priced best);
  /// The first group's that has any.
  std::optional<Priced> cheapestWithin(double tolerance, unsigned widest);
  std::optional<Priced> cheapestSquares(FixedOptions start);
  std::optional<Priced> searchFrom(const FixedOptions &start);
  /// Whether the longest window in the widest ring that the goal allows keeps its tolerance.
  bool mayMeet(const FixedOptions &start);

  /// To be tried in turn; within a group the cheapest is taken.
  std::vector<std::vector<FixedOptions>> groups;
  std::vector<unsigned> squareBits; ///< Lengths of squares that are tried.
  const std::vector<OutputSamples> &reference;
  TrialRun run;
  SearchGoal goal;
  const bool dividesBits;
  /// Relative errors by ring, activation and square bits, exactness, and how bits are divided: the
  /// looks of mayMeet.
  std::map<std::tuple<unsigned, unsigned, unsigned, bool, double, bool>, double> looks;
  unsigned trials = 0;
};

} // namespace gfs
