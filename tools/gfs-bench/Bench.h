// SPDX-License-Identifier: Apache-2.0
// The benchmarks of gfs-bench, by layer. Each registers one benchmark per available variant and
// shape.
#pragma once

#include "runtime/base/Secret.h"
#include "runtime/crypto/Prg.h"

#include <array>
#include <benchmark/benchmark.h>
#include <cstdint>
#include <span>
#include <string>

namespace gfs {

void registerConvBenchmarks();
void registerCryptoBenchmarks();
void registerElementwiseBenchmarks();
void registerPeakBenchmarks();

/// Random operands, as shares are: zeros run faster than real data on some units.
template <class Word> SecretVector<Word> benchWords(size_t n) {
  static const AesKey key(std::array<uint8_t, 16>{});
  static uint64_t stream = 0;
  SecretVector<Word> words(n);
  Prg(key, stream++).fillWords(std::span(words));
  return words;
}

/// Reports `perIteration` units as a rate (units per second).
inline void countRate(benchmark::State &state, const char *unit, double perIteration) {
  state.counters[unit] =
      benchmark::Counter(perIteration, benchmark::Counter::kIsIterationInvariantRate);
}

/// Reports the time per item of `perIteration` items.
inline void countTimePerItem(benchmark::State &state, const char *item, double perIteration) {
  using benchmark::Counter;
  state.counters[std::string("s/") + item] =
      Counter(perIteration, Counter::kIsIterationInvariantRate | Counter::kInvert);
}

} // namespace gfs
