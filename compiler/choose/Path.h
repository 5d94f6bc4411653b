// SPDX-License-Identifier: Apache-2.0
// The greedy way from a network to cheaper and cheaper ones.
#pragma once

#include "compiler/choose/Choose.h"
#include "compiler/choose/Sensitivity.h"

namespace gfs {

/// Replaces the least sensitive ReLU channels step by step, with a fit and a new ranking after each
/// step.
class GreedyPath {
public:
  GreedyPath(mlir::func::FuncOp function, SampleBatch samples, const ChooseGoal &goal);

  /// Share of the ReLUs that are gone.
  double replaced() const;
  /// Whether more channels may go.
  bool canAdvance() const { return replaced() < reachable - 1e-9; }
  /// Replaces channels until `share` of the ReLUs are gone, as nearly as whole channels allow, and
  /// fits once. At least one channel goes.
  void advanceTo(double share);
  const Variant &variant() const { return current.variant; }

private:
  struct Candidate {
    size_t site, channel; ///< All channels of the site if only whole layers may go.
    unsigned degree;
    double cost; ///< Sensitivity per ReLU.
    size_t relus;
  };
  void applyPins();
  std::vector<Candidate> rank();
  Candidate cheapest(size_t site, size_t channel) const;
  void replace(const Candidate &candidate);
  std::vector<ChannelChoice> &choicesOf(size_t site);

  mlir::func::FuncOp function;
  SampleBatch samples, ranked; ///< With changed images, for fits; the first of them, for rankings.
  const ChooseGoal &goal;
  std::vector<ReluSite> sites;
  std::vector<std::vector<bool>> pinned;
  RefitResult current;
  Sensitivities sensitivities;
  size_t total = 0;
  double reachable = 1;
};

} // namespace gfs
