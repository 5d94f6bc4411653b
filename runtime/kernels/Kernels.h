// SPDX-License-Identifier: Apache-2.0
// The kernels a device offers: functions on flat arrays of ring words that know no gate and no
// protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace gfs {

/// 2-D convolution geometry; see plan.Conv. Arrays are NCHW; weights
/// [outChannels][inChannels/groups][kernelH][kernelW].
struct ConvShape {
  uint32_t batch, inChannels, inH, inW, outChannels, outH, outW;
  uint32_t kernelH, kernelW, strideH, strideW, dilationH, dilationW, padTop, padLeft, groups;
  /// Low bits of the result that matter: the ring's. Some variants are faster when they may leave
  /// the others arbitrary.
  uint32_t ringBits = 64;
  /// The output channels [firstChannel, endChannel) are computed, others of the output left as they
  /// are: so a convolution is done in parts, by several threads perhaps. All pointers and every
  /// choice are those of the whole. Fast at multiples of 48; GPUs always compute all.
  uint32_t firstChannel = 0, endChannel = UINT32_MAX;
  uint32_t channelsEnd() const { return endChannel < outChannels ? endChannel : outChannels; }
  uint64_t inputElements() const { return uint64_t(batch) * inChannels * inH * inW; }
  uint64_t outputElements() const { return uint64_t(batch) * outChannels * outH * outW; }
  uint64_t weightElements() const {
    return uint64_t(outChannels) * (inChannels / groups) * kernelH * kernelW;
  }
  uint64_t multiplications() const {
    return outputElements() * (inChannels / groups) * kernelH * kernelW;
  }
};

/// How a sign is read off a masked value ẑ = z + s (all mod 2^l): X = ((ẑ + centre) mod 2^l) >>
/// low, n = high - low; the low n bits of X index the table, bit n of X is the public part of the
/// sign.
struct WindowShape {
  unsigned low, high;
  unsigned bits() const { return high - low; }
  /// 2^high lifts negative values below bit `high` and the others to it. The dropped low bits of z
  /// and s may carry, which adds up to 2^low to z; taking off half of that centres the error: the
  /// sign is random for |z| < 2^(low-1) (with P(z taken as positive) = 1/2 + z/2^low) instead of
  /// biased for -2^low < z < 0, an eighth of the mean square error.
  uint64_t centre() const { return (uint64_t(1) << high) - (low ? uint64_t(1) << (low - 1) : 0); }
};

/// What an opening sends of a word of `ring` bits: all but the lowest `dropped`; see
/// runtime/gates/Open.cpp.
struct OpenedBits {
  unsigned ring, dropped;
  constexpr unsigned sent() const { return ring - dropped; }
  /// What server 0 adds before it drops bits.
  constexpr uint64_t rounding() const { return (uint64_t(1) << dropped) >> 1; }
  /// What stands for dropped bits in the opened word: their mean, rounded down.
  constexpr uint64_t middle() const { return ((uint64_t(1) << dropped) - 1) >> 1; }
};

/// v = z >> shift of a masked value ẑ = z + s in the ring of ringBits bits; see
/// runtime/gates/Rescale.h.
struct RescaleShape {
  unsigned ringBits, shift;
};

/// One server's shares of what the gates Truncate, Square and Relu deal; one word per element, bits
/// above those the formula needs arbitrary. Names as in the gates' formulas.
template <class Word> struct TruncateShares {
  const Word *v, *u; ///< V_0, u
};
template <class Word> struct SquareShares {
  const Word *v, *vv, *u, *q; ///< V_1, V_1², u, u (2 V_1 + 2^{l-f})
};
template <class Word> struct ReluShares {
  const Word *rho, *v, *rhoV, *u, *rhoU; ///< ρ, V_0, ρV_0, u, ρu
};

/// All functions take element counts, never bytes, unless named so. Pointers need no alignment.
/// In-place use (output == input) is allowed where the element order is the same.
template <class Word> struct RingKernels {
  /// output = input * weight + addend mod 2^shape.ringBits (overwrites); bits above are arbitrary.
  /// `addend`: as many words as `output`, or null for zeros. Scratch is thread-local.
  void (*conv)(const ConvShape &shape, const Word *input, const Word *weight, const Word *addend,
               Word *output);
  /// Bytes of a layer's weights in the form that convPacked reads (64-byte aligned), made once for
  /// many convolutions; 0 where conv with plain weights is the better choice for this shape. All
  /// three are null in variants that have no such form.
  size_t (*packedWeightBytes)(const ConvShape &shape);
  void (*packWeights)(const ConvShape &shape, const Word *weight, void *packed);
  void (*convPacked)(const ConvShape &shape, const Word *input, const void *packed,
                     const Word *addend, Word *output);
  /// Gives back what packWeights holds outside of `packed` (device memory); null if nothing.
  void (*releaseWeights)(void *packed);
  void (*add)(const Word *a, const Word *b, Word *out, size_t n);
  void (*sub)(const Word *a, const Word *b, Word *out, size_t n);
  void (*scale)(const Word *a, Word factor, Word *out, size_t n);
  void (*reduce)(unsigned ringBits, Word *a, size_t n);
  /// Packs the low `bits` bits of each word, little-endian bit order, no gaps, ceil(n * bits / 8)
  /// bytes, tail bits 0.
  void (*pack)(unsigned bits, const Word *in, size_t n, uint8_t *out);
  /// Inverse of pack; results are reduced. Reads only ceil(n * bits / 8) bytes.
  void (*unpack)(unsigned bits, const uint8_t *in, size_t n, Word *out);
  /// (share + maskShare + rounding) >> dropped, packed: what Open sends.
  void (*maskAndPack)(OpenedBits bits, Word rounding, const Word *share, const Word *maskShare,
                      size_t n, uint8_t *out);
  /// out = ((unpack(a) + unpack(b)) << dropped) + middle, reduced: what Open makes of both
  /// servers' messages.
  void (*unpackAndAdd)(OpenedBits bits, const uint8_t *a, const uint8_t *b, size_t n, Word *out);
  /// Bit i of `out` (packed) = bit (X_i mod 2^n) of table i, tables of max(2^n, 8) bits each, one
  /// after the other.
  void (*tableLookup)(WindowShape window, unsigned ringBits, const Word *masked,
                      const uint8_t *tables, size_t n, uint8_t *out);
  /// With x_i the `bits` bits of index i from bit `low` on, 1 <= bits <= 4, and vector i of
  /// `oneHot` (packed, 2^bits bits each): bit i of `equal` (packed) = bit x_i of the vector, of
  /// `less` = the parity of the bits above it.
  void (*oneHotLookup)(unsigned low, unsigned bits, const Word *index, const uint8_t *oneHot,
                       size_t n, uint8_t *less, uint8_t *equal);
  /// This server's share of v, v² and D·v, D = g ^ ρ (g: one packed bit per element), from the
  /// masked value (reduced) and its shares. The server with `addsPublic` adds the public terms.
  /// `out` overlaps nothing.
  void (*truncate)(RescaleShape shape, bool addsPublic, const Word *masked,
                   const TruncateShares<Word> &shares, size_t n, Word *out);
  void (*square)(RescaleShape shape, bool addsPublic, const Word *masked,
                 const SquareShares<Word> &shares, size_t n, Word *out);
  void (*reluSelect)(RescaleShape shape, bool addsPublic, const Word *masked, const uint8_t *g,
                     const ReluShares<Word> &shares, size_t n, Word *out);
};

struct Kernels {
  const char *name; ///< "portable", "avx2", "avx512", "amx".
  RingKernels<uint32_t> words32;
  RingKernels<uint64_t> words64;
  bool dividesConvolutions = true; ///< Whether ConvShape's range of channels is heeded.
  template <class Word> const RingKernels<Word> &ring() const {
    if constexpr (std::is_same_v<Word, uint32_t>)
      return words32;
    else
      return words64;
  }
};

/// The best variant for this CPU, or the one GFS_KERNEL names (throws Usage if unknown or not
/// supported here).
const Kernels &bestKernels();
/// Every variant this CPU can run, portable first; tests run on each.
std::span<const Kernels *const> availableKernels();

} // namespace gfs
