// SPDX-License-Identifier: Apache-2.0
// How a ring convolution becomes products of bytes for the GPU's matrix units.
//
// With x = sum_i x_i 2^{8i}, w = sum_j w_j 2^{8j} and L = ceil(l / 8) limbs,
//   x w mod 2^l = sum_{d < L} 2^{8d} S_d,   S_d = sum_{i+j=d} x_i w_j:
// L (L + 1) / 2 products of bytes, with one 32-bit sum for each diagonal d. A sum may wrap: S_d
// only matters mod 2^{l-8d}. In words of 64 bits that is more than 32 bits for d < 4, so sums are
// folded into the result before (d + 1) 255^2 K reaches 2^32, every `foldChunks` chunks.
//
// The product is [output channels][depth] x [depth][pixels], depth = (kernel row, kernel column,
// channel), channels innermost and padded; a step of the kernel takes `chunkDepth` of it. The right
// factor is never stored: it is read from the limb planes
//   limbs[limb][group][image][y][x][channel]    (bytes),
// the left one is packed once as
//   weights[group][block of 64 rows][chunk][limb][row][chunkDepth]    (bytes).
#pragma once

#include "runtime/kernels/Kernels.h"

namespace gfs::cuda {

constexpr uint32_t chunkDepth = 32, blockRows = 64;
constexpr uint32_t foldChunks = 512; ///< 4 * 255^2 * 512 * 32 < 2^32.

struct ConvLayout {
  uint32_t limbs;
  uint32_t channels;        ///< Of one group, padded; a multiple of pieceBytes.
  uint32_t pieceBytes;      ///< 16 or 4: what one copy moves, all of one kernel tap.
  uint32_t rows, rowBlocks; ///< Output channels of one group.
  uint32_t depth, chunks;
  uint64_t planeBytes;  ///< One limb of the whole input.
  uint64_t weightBytes; ///< Packed.
  bool usesMatrixUnits; ///< Else one thread per output multiplies words.

  /// `wordBytes`: 4 for rings of up to 32 bits, else 8.
  ConvLayout(const ConvShape &s, uint32_t wordBytes);
};

inline ConvLayout::ConvLayout(const ConvShape &s, uint32_t wordBytes) {
  const uint32_t perGroup = s.inChannels / s.groups;
  // Kernels exist for 2 to 4 limbs of short words and 5 to 8 of long ones.
  const uint32_t needed = (s.ringBits + 7) / 8, fewest = wordBytes == 4 ? 2 : 5;
  limbs = needed < fewest ? fewest : needed > wordBytes ? wordBytes : needed;
  pieceBytes = perGroup <= 12 ? 4 : 16;
  channels = (perGroup + pieceBytes - 1) / pieceBytes * pieceBytes;
  rows = s.outChannels / s.groups;
  rowBlocks = (rows + blockRows - 1) / blockRows;
  depth = s.kernelH * s.kernelW * channels;
  chunks = (depth + chunkDepth - 1) / chunkDepth;
  planeBytes = uint64_t(s.groups) * s.batch * s.inH * s.inW * channels;
  weightBytes = uint64_t(s.groups) * rowBlocks * chunks * limbs * blockRows * chunkDepth;
  // With few rows or little depth most of a matrix product would be padding; the grid has limits.
  constexpr uint32_t gridLimit = 65535;
  usesMatrixUnits = rows >= 8 && perGroup * s.kernelH * s.kernelW >= 16 && s.groups <= gridLimit &&
                    rowBlocks <= gridLimit;
}

} // namespace gfs::cuda
