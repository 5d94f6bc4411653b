// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/Chain.h"

#include "runtime/gates/Tiles.h"

#include <algorithm>
#include <atomic>
#include <chrono>

namespace gfs {

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// So many units at a time go through all links: 4,096 elements, whose arrays fit in the second
/// cache.
constexpr uint64_t rangeUnits = 64;

/// Every range goes through all links before the next one.
class ElementwiseRun {
public:
  explicit ElementwiseRun(std::span<const ChainLink> links) : links(links), busy(links.size()) {}

  void on(ThreadPool &pool) {
    const uint64_t units = links.front().gate.units(links.front().phase);
    const auto start = Clock::now();
    pool.run((units + rangeUnits - 1) / rangeUnits, [&](uint64_t part) {
      evaluate({part * rangeUnits, std::min((part + 1) * rangeUnits, units)});
    });
    share(secondsSince(start));
  }

private:
  void evaluate(Range units) {
    auto before = Clock::now();
    for (size_t i = 0; i < links.size(); ++i) {
      links[i].gate.evaluate(links[i].context, links[i].phase, units);
      const auto after = Clock::now();
      busy[i] += std::chrono::duration<double>(after - before).count();
      before = after;
    }
  }

  /// Threads work at the same time: each link gets its part of what passed.
  void share(double passed) {
    double all = 0;
    for (double seconds : busy)
      all += seconds;
    for (size_t i = 0; i < links.size(); ++i)
      links[i].seconds += all > 0 ? passed * busy[i] / all : 0;
  }

  std::span<const ChainLink> links;
  std::vector<std::atomic<double>> busy; ///< By link, of all threads.
};

/// Multiplications of a layer below which waking a thread costs more than it saves (0.1 ms).
constexpr uint64_t leastMultiplications = uint64_t(1) << 21;

} // namespace

void divide(uint64_t units, ThreadPool &pool, const std::function<void(Range)> &body) {
  const uint64_t parts = std::min<uint64_t>(units, pool.threads());
  pool.run(parts, [&](uint64_t part) { body({units * part / parts, units * (part + 1) / parts}); });
}

void evaluateChain(std::span<const ChainLink> links, const Division &division) {
  const ChainLink &first = links.front();
  if (!first.gate.elementwise(first.phase)) {
    const auto start = Clock::now();
    const uint64_t units = first.gate.units(first.phase);
    auto evaluate = [&](Range range) { first.gate.evaluate(first.context, first.phase, range); };
    if (division.layers && first.cost.multiplications >= leastMultiplications)
      divide(units, division.pool, evaluate);
    else
      evaluate({0, units});
    first.seconds += secondsSince(start);
    links = links.subspan(1);
  }
  if (!links.empty())
    ElementwiseRun(links).on(division.pool);
}

} // namespace gfs
