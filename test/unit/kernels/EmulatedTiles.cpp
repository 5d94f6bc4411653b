// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX-512, as the variant is; EmulatedTileVariants.cpp asks the CPU first.
#include "test/unit/kernels/EmulatedTiles.h"

#include "runtime/kernels/TileConv.h"

namespace gfs {
namespace {

/// TDPBUUD and its companions by their definition.
struct EmulatedTiles {
  static inline thread_local uint8_t tiles[8][tileBytes]; // As registers are.

  static void begin() {}
  static void end() { std::memset(tiles, 0, sizeof tiles); }
  template <unsigned tile> static void zero() { std::memset(tiles[tile], 0, tileBytes); }
  template <unsigned tile> static void load(const void *at, size_t rowBytes) {
    for (size_t row = 0; row < tileRows; ++row)
      std::memcpy(tiles[tile] + row * 64, static_cast<const uint8_t *>(at) + row * rowBytes, 64);
  }
  template <unsigned tile> static void store(void *at, size_t rowBytes) {
    for (size_t row = 0; row < tileRows; ++row)
      std::memcpy(static_cast<uint8_t *>(at) + row * rowBytes, tiles[tile] + row * 64, 64);
  }
  /// sum[m][n] += sum over k, i of a[m][4 k + i] * b[k][4 n + i], in 32 bits.
  template <unsigned sum, unsigned a, unsigned b> static void multiply() {
    for (size_t m = 0; m < 16; ++m)
      for (size_t n = 0; n < 16; ++n) {
        uint32_t total;
        std::memcpy(&total, tiles[sum] + m * 64 + n * 4, 4);
        for (size_t k = 0; k < 16; ++k)
          for (size_t i = 0; i < 4; ++i)
            total += uint32_t(tiles[a][m * 64 + 4 * k + i]) * tiles[b][k * 64 + 4 * n + i];
        std::memcpy(tiles[sum] + m * 64 + n * 4, &total, 4);
      }
  }
};

template <class Word> RingKernels<Word> withTiles(RingKernels<Word> kernels) {
  kernels.packedWeightBytes = TileConv<Word, EmulatedTiles>::packedBytes;
  kernels.packWeights = TileConv<Word, EmulatedTiles>::pack;
  kernels.convPacked = TileConv<Word, EmulatedTiles>::run;
  return kernels;
}

} // namespace

const Kernels *emulatedTileKernels() {
  static const Kernels kernels = {"emulated_tiles", withTiles(kernelsAvx512.words32),
                                  withTiles(kernelsAvx512.words64)};
  return &kernels;
}

} // namespace gfs
