// SPDX-License-Identifier: Apache-2.0
// The product of one block of pixels with one block of output channels, step by step and limb
// product by limb product, in the order of TileSchedule.h.
//
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/TileSchedule.h"
#include "runtime/kernels/TileTransforms.h"

namespace gfs {
namespace {

/// Where the tiles of a block of pixels lie: limb i of step s, stepOffset[s] + i * limbStride from
/// the first one.
struct TilePlaces {
  const size_t *stepOffset;
  size_t limbStride;
};

template <class Word, class Tiles> class TileProduct {
  static constexpr unsigned lanes = PixelVector<Word>::lanes, vectors = PixelVector<Word>::halves;

public:
  /// The sums over all steps of `layout`, `chunk` of them between two folds. `x`: the block's first
  /// tile; `w`: weights of the block of output channels.
  void multiply(const TileLayout<Word> &layout, size_t chunk, const uint8_t *x,
                const TilePlaces &places, const uint8_t *w) {
    for (size_t first = 0; first < layout.steps; first += chunk) {
      const size_t steps = layout.steps - first < chunk ? layout.steps - first : chunk;
      multiplyLimbs(layout.limbs, x, {places.stepOffset + first, places.limbStride},
                    w + layout.weightTile(0, first, 0), steps, first == 0);
    }
  }
  /// What multiply() gave, by channel.
  void columns(ChannelColumns<Word> &columns) const { toColumns(sums, columns); }

private:
  /// sums (+)= the products of `steps` steps, all diagonals.
  void multiplyLimbs(unsigned limbs, const uint8_t *x, const TilePlaces &places, const uint8_t *w,
                     size_t steps, bool overwrite) {
    auto pass = [&]<unsigned ofWord, unsigned from, unsigned to>(bool fresh) {
      multiplyDiagonals<ofWord, from, to>(x, places, w, steps);
      fold<from, to>(fresh);
    };
    if constexpr (sizeof(Word) == 4) {
      if (limbs == 2)
        pass.template operator()<2, 0, 1>(overwrite);
      else if (limbs == 3)
        pass.template operator()<3, 0, 2>(overwrite);
      else
        pass.template operator()<4, 0, 3>(overwrite);
    } else if (limbs == 5) {
      pass.template operator()<5, 0, 4>(overwrite);
    } else if (limbs == 6) {
      pass.template operator()<6, 0, 5>(overwrite);
    } else if (limbs == 7) { // with more sums than six, too few tiles are left for operands
      pass.template operator()<7, 0, 3>(overwrite);
      pass.template operator()<7, 4, 6>(false);
    } else {
      pass.template operator()<8, 0, 3>(overwrite);
      pass.template operator()<8, 4, 7>(false);
    }
  }

  template <unsigned limbs, unsigned from, unsigned to>
  void multiplyDiagonals(const uint8_t *x, const TilePlaces &places, const uint8_t *w,
                         size_t steps) {
    static constexpr TileSchedule<limbs, from, to> schedule;
    constexpr unsigned sums = to - from + 1;
    zeroTiles<0, sums>();
    for (size_t s = 0; s < steps; ++s, w += limbs * tileBytes)
      runStep<schedule, 0>(x + places.stepOffset[s], places.limbStride, w);
    storeTiles<0, sums>();
  }

  template <const auto &schedule, unsigned at>
  [[gnu::always_inline]] static void runStep(const uint8_t *x, size_t limbStride,
                                             const uint8_t *w) {
    if constexpr (at < schedule.count) {
      constexpr TileStep step = schedule.steps[at];
      if constexpr (!step.isLoad)
        Tiles::template multiply<step.sum, step.a, step.b>();
      else if constexpr (step.isWeight)
        Tiles::template load<step.a>(w + step.limb * tileBytes, tileDepth);
      else
        Tiles::template load<step.a>(x + step.limb * limbStride, tileDepth);
      runStep<schedule, at + 1>(x, limbStride, w);
    }
  }

  template <unsigned at, unsigned end> static void zeroTiles() {
    if constexpr (at < end) {
      Tiles::template zero<at>();
      zeroTiles<at + 1, end>();
    }
  }

  template <unsigned at, unsigned end> void storeTiles() {
    if constexpr (at < end) {
      Tiles::template store<at>(products[at], tileDepth);
      storeTiles<at + 1, end>();
    }
  }

  /// sums (+)= sum of 2^{8d} S_d over the diagonals that are stored.
  template <unsigned from, unsigned to> void fold(bool overwrite) {
    for (unsigned row = 0; row < tileRows; ++row) {
      Word *sum = sums[row];
      for (unsigned v = 0; v < vectors; ++v) {
        __m512i total = overwrite ? _mm512_setzero_si512() : _mm512_load_si512(sum + v * lanes);
        for (unsigned d = from; d <= to; ++d) {
          const uint32_t *product = products[d - from] + row * tileRows + v * lanes;
          if constexpr (sizeof(Word) == 4)
            total = _mm512_add_epi32(total, _mm512_slli_epi32(_mm512_load_si512(product), 8 * d));
          else
            total = _mm512_add_epi64(
                total, _mm512_slli_epi64(_mm512_cvtepu32_epi64(_mm256_load_si256(
                                             reinterpret_cast<const __m256i *>(product))),
                                         8 * d));
        }
        _mm512_store_si512(sum + v * lanes, total);
      }
    }
  }

  alignas(64) uint32_t products[8][tileRows * tileRows]; ///< S_d as 16 pixels x 16 channels.
  alignas(64) Word sums[tileRows][tileRows];             ///< [pixel][channel]
};

} // namespace
} // namespace gfs
