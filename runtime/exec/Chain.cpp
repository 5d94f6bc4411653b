// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/Chain.h"

#include "runtime/gates/Tiles.h"

#include <algorithm>
#include <atomic>
#include <chrono>

namespace gfs {

namespace {

using Clock = std::chrono::steady_clock;

/// So many units at a time go through all links: 4,096 elements, whose arrays fit in the second
/// cache.
constexpr uint64_t rangeUnits = 64;
/// So many ranges are done between looks at the messages: 65,536 elements.
constexpr uint64_t roundRanges = 16;

/// Multiplications of a layer below which waking a thread costs more than it saves (0.1 ms).
constexpr uint64_t leastMultiplications = uint64_t(1) << 21;

/// Links that treat elements alike: every range goes through all of them before the next one.
class ElementwiseLinks {
public:
  /// `first`: the number of the first of them in the chain.
  ElementwiseLinks(std::span<const ChainLink> links, size_t first, const Division &division,
                   MessageFlow &flow)
      : links(links), first(first), pool(division.pool), flow(flow), busy(links.size()),
        units(links.empty() ? 0 : links[0].gate.units(links[0].phase)) {}

  /// Does all units.
  void run() {
    for (uint64_t next = 0; next < units; next += rangeUnits * roundRanges) {
      const Range round{next, std::min(units, next + rangeUnits * roundRanges)};
      for (size_t i = 0; i < links.size(); ++i)
        flow.await(first + i, round.end);
      const auto start = Clock::now();
      pool.run((round.size() + rangeUnits - 1) / rangeUnits, [&](uint64_t part) {
        const uint64_t begin = round.first + part * rangeUnits;
        evaluate({begin, std::min(begin + rangeUnits, round.end)});
      });
      passed += std::chrono::duration<double>(Clock::now() - start).count();
      for (size_t i = 0; i < links.size(); ++i)
        flow.done(first + i, round.end);
    }
    shareTime();
  }

private:
  void evaluate(Range range) {
    auto before = Clock::now();
    for (size_t i = 0; i < links.size(); ++i) {
      links[i].gate.evaluate(links[i].context, links[i].phase, range);
      const auto after = Clock::now();
      busy[i] += std::chrono::duration<double>(after - before).count();
      before = after;
    }
  }

  /// Threads work at the same time: each link gets its part of what passed.
  void shareTime() {
    double all = 0;
    for (double seconds : busy)
      all += seconds;
    for (size_t i = 0; i < links.size() && all > 0; ++i)
      links[i].seconds += passed * busy[i] / all;
  }

  std::span<const ChainLink> links;
  size_t first;
  ThreadPool &pool;
  MessageFlow &flow;
  std::vector<std::atomic<double>> busy; ///< By link, of all threads.
  const uint64_t units;
  double passed = 0;
};

/// A layer, as a whole: in parts, each on its way while the next is computed, its input would be
/// fetched and transformed for every part, which cost more than it gained on links of 1 Gbit/s and
/// more.
void evaluateLayer(const ChainLink &layer, const Division &division, MessageFlow &flow) {
  const uint64_t units = layer.gate.units(layer.phase);
  const bool divided =
      division.layers && units > 1 && layer.cost.multiplications >= leastMultiplications;
  flow.await(0, units);
  const auto start = Clock::now();
  auto evaluate = [&](Range part) { layer.gate.evaluate(layer.context, layer.phase, part); };
  if (divided)
    divide({0, units}, division.pool, evaluate);
  else
    evaluate({0, units});
  layer.seconds += std::chrono::duration<double>(Clock::now() - start).count();
  flow.done(0, units);
}

} // namespace

void divide(Range units, ThreadPool &pool, const std::function<void(Range)> &body) {
  const uint64_t parts = std::min<uint64_t>(units.size(), pool.threads());
  pool.run(parts, [&](uint64_t part) {
    body({units.first + units.size() * part / parts,
          units.first + units.size() * (part + 1) / parts});
  });
}

void evaluateChain(std::span<const ChainLink> links, const Division &division, MessageFlow &flow) {
  const bool layer = !links[0].gate.elementwise(links[0].phase);
  ElementwiseLinks rest(links.subspan(layer ? 1 : 0), layer ? 1 : 0, division, flow);
  if (layer)
    evaluateLayer(links[0], division, flow);
  rest.run();
}

} // namespace gfs
