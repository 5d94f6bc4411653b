// SPDX-License-Identifier: Apache-2.0
#include "compiler/choose/Path.h"

#include "compiler/choose/Augment.h"
#include "runtime/base/Error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

using namespace mlir;

namespace gfs {

/// A lower degree is taken if it harms little more: a constant or a linear function needs no
/// opening at all.
static constexpr double lowerDegreeFactor = 1.1;

/// Samples that rank; a ranking takes longer than a fit, and settles with fewer.
static constexpr size_t mostRanked = 600;

GreedyPath::GreedyPath(func::FuncOp function, SampleBatch given, const ChooseGoal &goal)
    : function(function), samples(goal.augmented ? augment(function, given) : std::move(given)),
      ranked(samples.slice(0, std::min(samples.count, mostRanked))), goal(goal),
      sites(reluSites(function)), total(reluCount(sites)) {
  for (const ReluSite &site : sites)
    pinned.emplace_back(site.channels, false);
  applyPins();
  current = refit(function, samples, current.variant, goal.refit);
}

std::vector<ChannelChoice> &GreedyPath::choicesOf(size_t site) {
  std::vector<ChannelChoice> &choices = current.variant.activations[sites[site].op];
  choices.resize(sites[site].channels);
  return choices;
}

void GreedyPath::applyPins() {
  size_t held = 0;
  for (size_t s = 0; s < sites.size(); ++s) {
    auto found = goal.pins.find(nn::layerName(sites[s].op));
    if (found == goal.pins.end())
      continue;
    const auto &pins = found->second;
    if (pins.size() != 1 && pins.size() != sites[s].channels)
      throw Error(ExitCode::InvalidInput,
                  fmt::format("--pin: '{}' has {} channels, not {}", found->first,
                              sites[s].channels, pins.size()),
                  "give one choice for the layer, or one per channel");
    for (size_t channel = 0; channel < sites[s].channels; ++channel) {
      const std::optional<ChannelChoice> &pin = pins[pins.size() == 1 ? 0 : channel];
      if (!pin)
        continue;
      pinned[s][channel] = true;
      if (pin->relu)
        held += sites[s].elements;
      else
        choicesOf(s)[channel] = *pin;
    }
  }
  if (total > 0)
    reachable = 1 - static_cast<double>(held) / static_cast<double>(total);
}

double GreedyPath::replaced() const {
  return total == 0 ? 0
                    : 1 - static_cast<double>(keptRelus(sites, current.variant)) /
                              static_cast<double>(total);
}

GreedyPath::Candidate GreedyPath::cheapest(size_t site, size_t channel) const {
  // A function behind may not be defined for what a candidate gives: then nothing is more harmful.
  auto harm = [&](unsigned degree) {
    const double measured = sensitivities[site][channel][degree];
    return std::isnan(measured) ? std::numeric_limits<double>::infinity() : measured;
  };
  double least = harm(goal.degrees.front());
  for (unsigned degree : goal.degrees)
    least = std::min(least, harm(degree));
  unsigned degree = *llvm::find_if(
      goal.degrees, [&](unsigned each) { return harm(each) <= lowerDegreeFactor * least; });
  return {site, channel, degree, harm(degree) / static_cast<double>(sites[site].elements),
          sites[site].elements};
}

std::vector<GreedyPath::Candidate> GreedyPath::rank() {
  if (sensitivities.empty() || goal.remeasure)
    sensitivities = measureSensitivities(function, ranked, current, goal.elementwise);
  std::vector<Candidate> ranking;
  for (size_t s = 0; s < sites.size(); ++s) {
    auto found = current.variant.activations.find(sites[s].op);
    Candidate whole{s, 0, 0, 0, 0};
    for (size_t channel = 0; channel < sites[s].channels; ++channel) {
      bool gone = found != current.variant.activations.end() && !found->second[channel].relu;
      if (gone || pinned[s][channel])
        continue;
      Candidate one = cheapest(s, channel);
      if (goal.perChannel) {
        ranking.push_back(one);
      } else {
        whole.degree = std::max(whole.degree, one.degree);
        whole.cost += one.cost / static_cast<double>(sites[s].channels);
        whole.relus += one.relus;
      }
    }
    if (whole.relus > 0)
      ranking.push_back(whole);
  }
  llvm::sort(ranking, [](const Candidate &a, const Candidate &b) {
    return std::tie(a.cost, a.site, a.channel) < std::tie(b.cost, b.site, b.channel);
  });
  return ranking;
}

void GreedyPath::replace(const Candidate &candidate) {
  std::vector<ChannelChoice> &choices = choicesOf(candidate.site);
  for (size_t channel = 0; channel < choices.size(); ++channel)
    if (!pinned[candidate.site][channel] && (!goal.perChannel || channel == candidate.channel)) {
      choices[channel].relu = false;
      choices[channel].degree = candidate.degree;
    }
}

void GreedyPath::advanceTo(double share) {
  double wanted = (share - replaced()) * static_cast<double>(total), gone = 0;
  for (const Candidate &candidate : rank()) {
    // Half a channel beyond the mark is nearer to it than the channel before.
    if (gone > 0 && gone + static_cast<double>(candidate.relus) / 2 > wanted)
      break;
    replace(candidate);
    gone += static_cast<double>(candidate.relus);
  }
  current = refit(function, samples, current.variant, goal.refit);
}

} // namespace gfs
