// SPDX-License-Identifier: Apache-2.0
// What the multiplications of the convolution kernels reach in registers alone: the peak that
// "conv" and "packed" are to be held against, on this machine and in this run. A "MAC" is one
// product of two ring words added to a sum, each by itself ("peak") or two with one multiplication
// and three additions ("peak-pairs", see PairedProducts.h), or by products of tiles of their limbs
// (AMX; random bytes, on which the unit is slower than on zeros). (Fewer multiplications than that,
// as "packed" has for 3x3, may exceed it.)
#include "tools/gfs-bench/Bench.h"

#include "runtime/base/CpuVariant.h"

#include <algorithm>
#include <fmt/format.h>

#if defined(__x86_64__)

// Fourteen independent sums in registers 0 to 13; products in 16 to 29 (AVX-512), or in 14 (AVX2),
// which are renamed.
#define GFS_EACH_SUM(op)                                                                           \
  op(0, 16) op(1, 17) op(2, 18) op(3, 19) op(4, 20) op(5, 21) op(6, 22) op(7, 23) op(8, 24)        \
      op(9, 25) op(10, 26) op(11, 27) op(12, 28) op(13, 29)
#define GFS_ZMM_32(sum, product)                                                                   \
  "vpmulld %%zmm30, %%zmm31, %%zmm" #product "\n\t"                                                \
  "vpaddd %%zmm" #product ", %%zmm" #sum ", %%zmm" #sum "\n\t"
#define GFS_ZMM_52(sum, product) "vpmadd52luq %%zmm30, %%zmm31, %%zmm" #sum "\n\t"
#define GFS_ZMM_64(sum, product)                                                                   \
  "vpmullq %%zmm30, %%zmm31, %%zmm" #product "\n\t"                                                \
  "vpaddq %%zmm" #product ", %%zmm" #sum ", %%zmm" #sum "\n\t"
#define GFS_ZMM_PAIR(add, multiply, sum, product)                                                  \
  add " %%zmm30, %%zmm31, %%zmm" #product "\n\t" add " %%zmm31, %%zmm30, %%zmm15\n\t" multiply     \
      " %%zmm15, %%zmm" #product ", %%zmm" #product "\n\t" add " %%zmm" #product ", %%zmm" #sum    \
      ", %%zmm" #sum "\n\t"
#define GFS_ZMM_PAIR_32(sum, product) GFS_ZMM_PAIR("vpaddd", "vpmulld", sum, product)
#define GFS_ZMM_PAIR_64(sum, product) GFS_ZMM_PAIR("vpaddq", "vpmullq", sum, product)
#define GFS_ZMM_PAIR_52(sum, product)                                                              \
  "vpaddq %%zmm30, %%zmm31, %%zmm" #product "\n\t"                                                 \
  "vpaddq %%zmm31, %%zmm30, %%zmm15\n\t"                                                           \
  "vpmadd52luq %%zmm15, %%zmm" #product ", %%zmm" #sum "\n\t"
#define GFS_YMM_PAIR_32(sum, product)                                                              \
  "vpaddd %%ymm15, %%ymm15, %%ymm14\n\t"                                                           \
  "vpaddd %%ymm15, %%ymm14, %%ymm14\n\t"                                                           \
  "vpmulld %%ymm14, %%ymm14, %%ymm14\n\t"                                                          \
  "vpaddd %%ymm14, %%ymm" #sum ", %%ymm" #sum "\n\t"
#define GFS_YMM_32(sum, product)                                                                   \
  "vpmulld %%ymm15, %%ymm15, %%ymm14\n\t"                                                          \
  "vpaddd %%ymm14, %%ymm" #sum ", %%ymm" #sum "\n\t"
// a b = a0 b0 + 2^32 (a0 b1 + a1 b0): two multiplications, two sums.
#define GFS_YMM_64(sum, product)                                                                   \
  "vpmuludq %%ymm15, %%ymm15, %%ymm14\n\t"                                                         \
  "vpaddq %%ymm14, %%ymm" #sum ", %%ymm" #sum "\n\t"                                               \
  "vpmulld %%ymm15, %%ymm15, %%ymm14\n\t"                                                          \
  "vpaddd %%ymm14, %%ymm" #sum ", %%ymm" #sum "\n\t"

#define GFS_LOW_REGISTERS                                                                          \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",         \
      "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define GFS_ALL_REGISTERS                                                                          \
  GFS_LOW_REGISTERS, "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23",       \
      "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31"

namespace gfs {
namespace {

constexpr int sums = 14, rounds = 4096;

#define GFS_PEAK(name, features, op)                                                               \
  __attribute__((target(features))) void name() {                                                  \
    for (int i = 0; i < rounds; ++i)                                                               \
      asm volatile(GFS_EACH_SUM(op)::: GFS_CLOBBERED);                                             \
  }
#define GFS_CLOBBERED GFS_ALL_REGISTERS
GFS_PEAK(multiply32Avx512, "avx512f,avx512dq", GFS_ZMM_32)
GFS_PEAK(multiply52Avx512, "avx512f,avx512ifma", GFS_ZMM_52)
GFS_PEAK(multiply64Avx512, "avx512f,avx512dq", GFS_ZMM_64)
GFS_PEAK(pairs32Avx512, "avx512f,avx512dq", GFS_ZMM_PAIR_32)
GFS_PEAK(pairs52Avx512, "avx512f,avx512ifma", GFS_ZMM_PAIR_52)
GFS_PEAK(pairs64Avx512, "avx512f,avx512dq", GFS_ZMM_PAIR_64)
#undef GFS_CLOBBERED
#define GFS_CLOBBERED GFS_LOW_REGISTERS
GFS_PEAK(multiply32Avx2, "avx2", GFS_YMM_32)
GFS_PEAK(multiply64Avx2, "avx2", GFS_YMM_64)
GFS_PEAK(pairs32Avx2, "avx2", GFS_YMM_PAIR_32)

/// 4 x `rounds` products of tiles, 16 x 64 times 64 x 16 bytes each, into four sums in turn.
/// `operands`: four tiles.
__attribute__((target("amx-tile,amx-int8"))) void multiplyTiles(const uint8_t *operands) {
  struct alignas(64) {
    uint8_t palette = 1, startRow = 0, reserved[14] = {};
    uint16_t rowBytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } const config;
  static_assert(sizeof(config) == 64);
  asm volatile("ldtilecfg %0\n\t"
               "tilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\ttilezero %%tmm3\n\t"
               "tileloadd (%1,%2), %%tmm4\n\ttileloadd 1024(%1,%2), %%tmm5\n\t"
               "tileloadd 2048(%1,%2), %%tmm6\n\ttileloadd 3072(%1,%2), %%tmm7"
               :
               : "m"(config), "r"(operands), "r"(uint64_t(64))
               : "memory");
  for (int i = 0; i < rounds; ++i)
    asm volatile("tdpbuud %tmm6, %tmm4, %tmm0\n\ttdpbuud %tmm7, %tmm4, %tmm1\n\t"
                 "tdpbuud %tmm6, %tmm5, %tmm2\n\ttdpbuud %tmm7, %tmm5, %tmm3");
  asm volatile("tilerelease");
}

/// Words of `limbs` limbs take limbs (limbs + 1) / 2 products of tiles.
void benchTilePeak(benchmark::State &state, int limbs) {
  const auto operands = benchWords<uint8_t>(4 * 1024);
  for (auto _ : state)
    multiplyTiles(operands.data());
  countRate(state, "MAC", 4.0 * rounds * 16 * 16 * 64 / (limbs * (limbs + 1) / 2));
}

/// `macs`: of each of the independent sums, in one of the rounds.
void benchPeak(benchmark::State &state, void (*multiply)(), int macs) {
  for (auto _ : state)
    multiply();
  countRate(state, "MAC", double(rounds) * sums * macs);
}

} // namespace

void registerPeakBenchmarks() {
  auto supports = [](CpuVariant variant) {
    return std::ranges::find(supportedVariants(), variant) != supportedVariants().end();
  };
  if (supports(CpuVariant::Avx2)) {
    benchmark::RegisterBenchmark("peak/32/avx2", benchPeak, multiply32Avx2, 8);
    benchmark::RegisterBenchmark("peak/64/avx2", benchPeak, multiply64Avx2, 4);
    benchmark::RegisterBenchmark("peak-pairs/32/avx2", benchPeak, pairs32Avx2, 2 * 8);
  }
  if (supports(CpuVariant::Avx512)) {
    benchmark::RegisterBenchmark("peak/32/avx512", benchPeak, multiply32Avx512, 16);
    benchmark::RegisterBenchmark("peak/52/avx512", benchPeak, multiply52Avx512, 8);
    benchmark::RegisterBenchmark("peak/64/avx512", benchPeak, multiply64Avx512, 8);
    benchmark::RegisterBenchmark("peak-pairs/32/avx512", benchPeak, pairs32Avx512, 2 * 16);
    benchmark::RegisterBenchmark("peak-pairs/52/avx512", benchPeak, pairs52Avx512, 2 * 8);
    benchmark::RegisterBenchmark("peak-pairs/64/avx512", benchPeak, pairs64Avx512, 2 * 8);
  }
  if (supports(CpuVariant::Amx))
    for (int bits : {16, 24, 32, 40, 48, 64})
      benchmark::RegisterBenchmark(fmt::format("peak/{}/amx", bits).c_str(), benchTilePeak,
                                   bits / 8);
}

} // namespace gfs

#else

void gfs::registerPeakBenchmarks() {}

#endif
