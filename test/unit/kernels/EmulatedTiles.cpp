// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX-512, as the variant is; EmulatedTileVariants.cpp asks the CPU first.
#include "test/unit/kernels/EmulatedTiles.h"

#include "runtime/kernels/TileConvs.h"

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
    // Bytes 0 and 2, then 1 and 3, of each four as pairs of 16 bits: VPMADDWD adds both products.
    const __m512i byte = _mm512_set1_epi32(0x00ff00ff);
    for (size_t m = 0; m < 16; ++m) {
      __m512i total = _mm512_loadu_si512(tiles[sum] + m * 64);
      for (size_t k = 0; k < 16; ++k) {
        int four;
        std::memcpy(&four, tiles[a] + m * 64 + 4 * k, 4);
        const __m512i x = _mm512_set1_epi32(four), y = _mm512_loadu_si512(tiles[b] + k * 64);
        for (unsigned odd : {0u, 8u})
          total = _mm512_add_epi32(
              total, _mm512_madd_epi16(_mm512_and_si512(_mm512_srli_epi32(x, odd), byte),
                                       _mm512_and_si512(_mm512_srli_epi32(y, odd), byte)));
      }
      _mm512_storeu_si512(tiles[sum] + m * 64, total);
    }
  }
};

/// One way to convolve wherever it is right, worth it or not.
template <class Word, class Conv> RingKernels<Word> always(RingKernels<Word> kernels) {
  kernels.packedWeightBytes = [](const ConvShape &s) -> size_t {
    if constexpr (requires { Conv::isExact(s); })
      return Conv::isExact(s) ? Conv::packedBytes(s) : 0;
    else
      return s.groups == 1 ? Conv::packedBytes(s) : 0;
  };
  kernels.packWeights = Conv::pack;
  kernels.convPacked = Conv::run;
  return kernels;
}

template <class Filter> Kernels withFilter(const char *name) {
  return {name,
          always<uint32_t, TileFilterConv<uint32_t, EmulatedTiles, Filter>>(kernelsAvx512.words32),
          always<uint64_t, TileFilterConv<uint64_t, EmulatedTiles, Filter>>(kernelsAvx512.words64)};
}

} // namespace

std::vector<const Kernels *> emulatedTileKernels() {
  static const Kernels
      chosen = {"emulated_tiles", TileConvs<uint32_t, EmulatedTiles>::over(kernelsAvx512.words32),
                TileConvs<uint64_t, EmulatedTiles>::over(kernelsAvx512.words64)},
      plain = {"emulated_tiles_plain",
               always<uint32_t, TileConv<uint32_t, EmulatedTiles>>(kernelsAvx512.words32),
               always<uint64_t, TileConv<uint64_t, EmulatedTiles>>(kernelsAvx512.words64)},
      rows = {"emulated_tiles_rows",
              always<uint32_t, TileRowConv<uint32_t, EmulatedTiles>>(kernelsAvx512.words32),
              always<uint64_t, TileRowConv<uint64_t, EmulatedTiles>>(kernelsAvx512.words64)},
      winograd = withFilter<WinogradFilter>("emulated_tiles_2x2"),
      large = withFilter<LargeWinogradFilter>("emulated_tiles_4x4"),
      karatsuba = withFilter<KaratsubaFilter>("emulated_tiles_3x3");
  return {&chosen, &plain, &rows, &winograd, &large, &karatsuba};
}

} // namespace gfs
