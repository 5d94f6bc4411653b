// SPDX-License-Identifier: Apache-2.0
// Kernels for AMX (TILE, INT8): convolutions with packed weights on the matrix unit, everything
// else as AVX-512.
#include "runtime/kernels/Amx.h"

#include "runtime/kernels/KernelVariants.h"
#include "runtime/kernels/TileConvs.h"

namespace gfs {
namespace {

/// Palette 1: eight tiles of up to 16 rows of 64 bytes. The layout that LDTILECFG reads.
struct TileConfig {
  uint8_t palette = 1, startRow = 0, reserved[14] = {};
  uint16_t rowBytes[16] = {};
  uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64);

struct AmxTiles {
  /// The registers belong to the convolution from begin to end: with them released, the operating
  /// system need not save them.
  static void begin() {
    alignas(64) TileConfig config;
    for (unsigned tile = 0; tile < 8; ++tile) {
      config.rowBytes[tile] = tileDepth;
      config.rows[tile] = tileRows;
    }
    _tile_loadconfig(&config);
  }
  static void end() { _tile_release(); }

  template <unsigned tile> static void zero() { _tile_zero(tile); }
  template <unsigned tile> static void load(const void *at, size_t rowBytes) {
    _tile_loadd(tile, at, rowBytes);
  }
  template <unsigned tile> static void store(void *at, size_t rowBytes) {
    _tile_stored(tile, at, rowBytes);
  }
  template <unsigned sum, unsigned a, unsigned b> static void multiply() {
    _tile_dpbuud(sum, a, b);
  }
};

} // namespace

// 8 pixels, 16 taps, 8 channels: small enough for every start.
bool amxMultipliesRight() {
  const ConvShape shape = {1, 16, 1, 8, 8, 1, 8, 1, 1, 1, 1, 1, 1, 0, 0, 1, 32};
  uint32_t input[16 * 8], weight[8 * 16], output[8 * 8];
  for (uint32_t i = 0; i < 128; ++i) {
    input[i] = 0x9e3779b9u * (i + 1);
    weight[i] = 0x85ebca6bu * (i + 3);
  }
  alignas(64) uint8_t packed[4 * tileBytes];
  if (TileConv<uint32_t, AmxTiles>::packedBytes(shape) != sizeof(packed))
    return false;
  TileConv<uint32_t, AmxTiles>::pack(shape, weight, packed);
  TileConv<uint32_t, AmxTiles>::run(shape, input, packed, nullptr, output);
  for (uint32_t o = 0; o < 8; ++o)
    for (uint32_t p = 0; p < 8; ++p) {
      uint32_t sum = 0;
      for (uint32_t k = 0; k < 16; ++k)
        sum += weight[o * 16 + k] * input[k * 8 + p];
      if (sum != output[o * 8 + p])
        return false;
    }
  return true;
}

Kernels amxKernels() {
  return {"amx", TileConvs<uint32_t, AmxTiles>::over(kernelsAvx512.words32),
          TileConvs<uint64_t, AmxTiles>::over(kernelsAvx512.words64)};
}

} // namespace gfs
