// SPDX-License-Identifier: Apache-2.0
// AES-128-CTR streams on a GPU, the bytes of runtime/crypto/Prg.h: bit-sliced, four blocks a
// thread, without tables, so that no address and no bank of shared memory depends on a key.
#pragma once

#include "runtime/crypto/BitslicedAes.h"
#include "runtime/kernels/cuda/Simt.h"

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

/// Block j of the output is AES(nonce || firstBlock + j), both 8 bytes little-endian; the counter
/// wraps. Thread `index` makes four of them. Keys lie in device memory, where they are wiped.
struct CounterModeTask {
  const SlicedRoundKeys *keys;
  uint64_t nonce, firstBlock, blocks;
  uint64_t *out;

  uint64_t count() const { return (blocks + 3) / 4; }
  GFS_DEVICE void operator()(uint64_t index) const {
    SlicedAes::State state;
    for (int j = 0; j < 4; ++j) {
      state[2 * j] = {nonce};
      state[2 * j + 1] = {firstBlock + 4 * index + static_cast<uint64_t>(j)};
    }
    SlicedAes::transposeBytes(state);
    SlicedAes::transposeBits(state);
    SlicedAes::encrypt(state, keys->round);
    SlicedAes::transposeBits(state);
    SlicedAes::transposeBytes(state);
    for (uint64_t j = 0; j < 4 && 4 * index + j < blocks; ++j) {
      out[2 * (4 * index + j)] = state[2 * j].bits;
      out[2 * (4 * index + j) + 1] = state[2 * j + 1].bits;
    }
  }
};

/// Slices the round keys of a stream, once for all threads; thread `index` does round `index`.
struct SliceKeysTask {
  const uint64_t *roundKeys; ///< Two words a round.
  SlicedRoundKeys *sliced;

  uint64_t count() const { return 11; }
  GFS_DEVICE void operator()(uint64_t index) const {
    SlicedAes::State key;
    for (uint64_t i = 0; i < 8; ++i)
      key[i] = {roundKeys[2 * index + i % 2]};
    SlicedAes::transposeBytes(key);
    SlicedAes::transposeBits(key);
    sliced->round[index] = key;
  }
};

} // namespace gfs::cuda
