// SPDX-License-Identifier: Apache-2.0
// Inputs to calibrate on when the user has none at hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gfs {

/// What a user says about the numbers of an input.
struct InputRange {
  float low = -3, high = 3; ///< Covers images normalised by mean and standard deviation.
};

/// `count` samples of `shape`, one after the other, all in `range`, the same on every machine. For
/// a shape with two image axes at the end, samples are mosaics of square tiles of 1, 2, 4, … pixels
/// with a value each, up to one tile per channel: white noise averages out in convolutions, flat
/// areas do not, and real images have both. Two of each kind's samples in three use the whole
/// range, the third its middle half.
std::vector<float> syntheticInputs(std::span<const int64_t> shape, size_t count, InputRange range);

} // namespace gfs
