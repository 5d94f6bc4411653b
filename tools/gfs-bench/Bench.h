// SPDX-License-Identifier: Apache-2.0
// The benchmarks of gfs-bench, by layer. Each registers one benchmark per available variant and
// shape.
#pragma once

#include <benchmark/benchmark.h>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/crypto/Prg.h"

namespace gfs {

void registerCryptoBenchmarks();

/// Random operands, as shares are: zeros run faster than real data on some units.
template <class Word> std::vector<Word> benchWords(size_t n) {
  static const AesKey key(std::array<uint8_t, 16>{});
  static uint64_t stream = 0;
  std::vector<Word> words(n);
  Prg(key, stream++).fillWords(std::span(words));
  return words;
}

/// Reports `perIteration` items as a rate and as time per item.
inline void countItems(benchmark::State &state, const char *unit, double perIteration) {
  using benchmark::Counter;
  state.counters[unit] =
      Counter(perIteration, Counter::kIsIterationInvariantRate, Counter::kIs1000);
  state.counters[std::string("s/") + unit] = Counter(
      perIteration, Counter::kIsIterationInvariantRate | Counter::kInvert, Counter::kIs1000);
}

} // namespace gfs
