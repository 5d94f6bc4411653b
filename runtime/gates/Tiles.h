// SPDX-License-Identifier: Apache-2.0
// How phases that treat every element alike are divided. A unit is 64 elements, so that packed
// messages of any width and bit arrays start at whole bytes, and streams at whole AES blocks. A
// range of units is worked on in tiles, so small that those of all arrays a phase reads stay in the
// first cache together.
#pragma once

#include "runtime/base/Secret.h"
#include "runtime/gates/Gate.h"

#include <algorithm>

namespace gfs {

inline constexpr uint64_t unitElements = 64, tileElements = 512;
/// Elements whose bits fill a SecretTile<uint8_t>: arrays of bits are worked on in larger pieces,
/// so that calls do not cost more than the work.
inline constexpr uint64_t bitTileElements = 8 * tileElements;

inline uint64_t unitsOf(uint64_t elements) { return (elements + unitElements - 1) / unitElements; }

/// The elements of `units` of an array of `count`.
inline Range elementsOf(Range units, uint64_t count) {
  return {units.first * unitElements, std::min(units.end * unitElements, count)};
}

/// Calls body(first, n) for tile after tile of `elements`: the n elements from `first` on, n at
/// most tileElements.
template <class Body> void forEachTile(Range elements, Body &&body) {
  for (uint64_t first = elements.first; first < elements.end; first += tileElements)
    body(first, std::min(tileElements, elements.end - first));
}
/// The same with n at most bitTileElements.
template <class Body> void forEachBitTile(Range elements, Body &&body) {
  for (uint64_t first = elements.first; first < elements.end; first += bitTileElements)
    body(first, std::min(bitTileElements, elements.end - first));
}
template <class Body> void forEachTile(uint64_t count, Body &&body) {
  forEachTile(Range{0, count}, body);
}

/// Room for secrets of one tile: on the stack, wiped. Uninitialised.
template <class T> class SecretTile {
public:
  SecretTile() {}
  SecretTile(const SecretTile &) = delete;
  SecretTile &operator=(const SecretTile &) = delete;
  ~SecretTile() { secureWipe(values, sizeof values); }
  T *data() { return values; }
  const T *data() const { return values; }
  std::span<T> first(size_t n) { return std::span(values).first(n); }
  T &operator[](size_t i) { return values[i]; }

private:
  alignas(64) T values[tileElements];
};

} // namespace gfs
