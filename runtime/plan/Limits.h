// SPDX-License-Identifier: Apache-2.0
// Bounds of the protocols: what plans are verified against, and what whoever makes plans keeps to.
#pragma once

namespace gfs::plan {

/// The longest sign window that a table may decide: 2^9 bits are dealt for an element.
constexpr unsigned maxTableBits = 9;
/// The longest that does unless another protocol is asked for or predicted to be better: a table of 8
/// bits takes 32 dealt bytes, chunks for it 5, but one exchange more.
constexpr unsigned usualTableBits = 8;

/// A ONE_HOT comparison splits its window into chunks of so many bits, each a vector of 16.
constexpr unsigned oneHotChunkBits = 4;
/// Chunks that `bits` window bits are split into, and the AND levels that join them.
constexpr unsigned oneHotChunks(unsigned bits) {
  return (bits + oneHotChunkBits - 1) / oneHotChunkBits;
}
constexpr unsigned oneHotLevels(unsigned bits) {
  unsigned levels = 0;
  while ((1u << levels) < oneHotChunks(bits))
    ++levels;
  return levels;
}

/// Of a spline: its pieces but one. Each is worked on for each element.
constexpr unsigned maxThresholds = 64;

} // namespace gfs::plan
