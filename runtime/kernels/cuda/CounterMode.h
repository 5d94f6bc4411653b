// SPDX-License-Identifier: Apache-2.0
// AES-128-CTR streams on a GPU, the bytes of runtime/crypto/Prg.h: bit-sliced, four blocks a
// thread, without tables, so that no address and no bank of shared memory depends on a key.
#pragma once

#include "runtime/crypto/BitslicedAes.h"
#include "runtime/kernels/cuda/Elements.h"

namespace gfs::cuda {

/// 64 bits: four blocks.
struct AesPlane {
  uint64_t bits;
  GFS_HOST_DEVICE AesPlane operator^(AesPlane b) const { return {bits ^ b.bits}; }
  GFS_HOST_DEVICE AesPlane operator&(AesPlane b) const { return {bits & b.bits}; }
  GFS_HOST_DEVICE AesPlane operator&(uint64_t mask) const { return {bits & mask}; }
  GFS_HOST_DEVICE AesPlane operator|(AesPlane b) const { return {bits | b.bits}; }
  GFS_HOST_DEVICE AesPlane operator~() const { return {~bits}; }
  GFS_HOST_DEVICE AesPlane operator>>(int count) const { return {bits >> count}; }
  GFS_HOST_DEVICE AesPlane operator<<(int count) const { return {bits << count}; }
};
using SlicedAes = aes::Bitsliced<AesPlane>;

/// The 11 round keys, each as the planes of four copies of it.
struct SlicedRoundKeys {
  SlicedAes::State round[11];
};

/// A stream of one request: AES(nonce || block), both 8 bytes little-endian.
struct StreamPlace {
  Array<const SlicedRoundKeys> keys; ///< In device memory, where they are wiped.
  uint64_t nonce, firstBlock;        ///< The counter wraps.
};

/// Four blocks of a stream from block `block` on, as eight words.
GFS_DEVICE SlicedAes::State streamBlocks(const SlicedAes::State *roundKeys, uint64_t nonce,
                                         uint64_t block) {
  SlicedAes::State state;
  for (int j = 0; j < 4; ++j) {
    state[2 * j] = {nonce};
    state[2 * j + 1] = {block + static_cast<uint64_t>(j)};
  }
  SlicedAes::transposeBytes(state);
  SlicedAes::transposeBits(state);
  SlicedAes::encrypt(state, roundKeys);
  SlicedAes::transposeBits(state);
  SlicedAes::transposeBytes(state);
  return state;
}

/// Writes a stream. Thread `index` makes four blocks and writes all of them: the array is padded.
struct ExpandTask {
  StreamPlace stream;
  uint64_t bytes;
  Array<uint64_t> out;

  uint64_t count() const { return (bytes + 63) / 64; }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    const SlicedAes::State words =
        streamBlocks(stream.keys.of(member)->round, stream.nonce, stream.firstBlock + 4 * index);
    uint64_t *to = out.of(member) + 8 * index;
    for (int j = 0; j < 8; ++j)
      to[j] = words[j].bits;
  }
};

/// What Open and Output send: (share ± stream + rounding) mod 2^ring >> dropped, packed; masks are
/// made where they are used and never stored. Thread `index` takes 32 words, which fill as many
/// words of the message as bits are sent of each.
template <class Word> struct MaskAndPackTask {
  OpenedBits bits;
  Word rounding;
  bool subtracts;
  StreamPlace stream;
  Array<const Word> share;
  uint64_t elements;
  /// Where what is sent is left as words too, shifted back, if anywhere. May be `share`.
  Array<Word> sum;
  Array<uint32_t> out;

  uint64_t count() const { return (elements + 31) / 32; }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    constexpr unsigned wordsPerStep = 64 / sizeof(Word), steps = 32 / wordsPerStep;
    constexpr unsigned perPair = 8 / sizeof(Word); // words of 64 bits
    const Word *from = share.of(member);
    Word *kept = sum.of(member);
    const Word mask = lowBits<Word>(bits.ring);
    const unsigned width = bits.sent();
    const uint64_t last = packedWords(elements, width);
    uint64_t at = index * width; // next word of the message
    uint32_t *to = out.of(member);
    uint64_t window = 0; // bits not yet written, `filled` < 32 of them
    unsigned filled = 0;
    for (unsigned step = 0; step < steps; ++step) {
      const SlicedAes::State words = streamBlocks(stream.keys.of(member)->round, stream.nonce,
                                                  stream.firstBlock + 4 * (index * steps + step));
      GFS_UNROLL
      for (unsigned j = 0; j < wordsPerStep; ++j) {
        const uint64_t i = 32 * index + step * wordsPerStep + j;
        const Word pad =
            static_cast<Word>(words[j / perPair].bits >> (j % perPair * 8 * sizeof(Word) % 64));
        const Word masked =
            i < elements ? (subtracts ? from[i] - pad : from[i] + pad) + rounding : Word(0);
        const Word sent = (masked & mask) >> bits.dropped;
        if (i < elements && sum.exists())
          kept[i] = sent << bits.dropped;
        // In halves: 31 pending bits and 32 new ones fit.
        appendBits(static_cast<uint32_t>(sent), width < 32 ? width : 32, window, filled, to, at,
                   last);
        if (width > 32)
          appendBits(static_cast<uint32_t>(uint64_t(sent) >> 32), width - 32, window, filled, to,
                     at, last);
      }
    }
  }

private:
  static GFS_DEVICE void appendBits(uint32_t value, unsigned width, uint64_t &window,
                                    unsigned &filled, uint32_t *to, uint64_t &at, uint64_t last) {
    window |= uint64_t(value) << filled;
    filled += width;
    if (filled < 32)
      return;
    if (at < last)
      to[at] = static_cast<uint32_t>(window);
    ++at;
    window >>= 32;
    filled -= 32;
  }
};

/// One round key, two words, as the planes of four copies of it.
GFS_HOST_DEVICE inline SlicedAes::State sliceRoundKey(const uint64_t *roundKey) {
  SlicedAes::State key;
  for (uint64_t i = 0; i < 8; ++i)
    key[i] = {roundKey[i % 2]};
  SlicedAes::transposeBytes(key);
  SlicedAes::transposeBits(key);
  return key;
}

/// Slices the round keys of a stream, once for all threads; thread `index` does round `index`.
struct SliceKeysTask {
  Array<const uint64_t> roundKeys; ///< Two words a round.
  Array<SlicedRoundKeys> sliced;

  uint64_t count() const { return 11; }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    sliced.of(member)->round[index] = sliceRoundKey(roundKeys.of(member) + 2 * index);
  }
};

} // namespace gfs::cuda
