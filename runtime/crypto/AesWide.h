// SPDX-License-Identifier: Apache-2.0
// AES-128 on registers of any width, written once. Each including file is compiled for its own
// instruction set and passes a `Vector` type with the few operations below; everything here has
// internal linkage, so that no code for a newer CPU can be picked up elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace gfs {
namespace {

// `Vector` offers: type, blocks (AES blocks per register), broadcast(const uint8_t[16]), load,
// store, add64(a, b), xor_(a, b), round(state, key), lastRound(state, key), counters(nonce, first),
// step(blocks).
template <class Vector> struct AesWide {
  using V = typename Vector::type;
  static constexpr size_t interleave = 8; // hides the latency of the AES unit
  static constexpr size_t vectorBlocks = Vector::blocks;
  static constexpr size_t groupBlocks = interleave * vectorBlocks;

  struct Keys {
    V round[11];
    explicit Keys(const uint8_t *roundKeys) {
      for (int r = 0; r < 11; ++r)
        round[r] = Vector::broadcast(roundKeys + 16 * r);
    }
  };

  static void encryptGroup(const Keys &keys, V (&state)[interleave]) {
    for (size_t i = 0; i < interleave; ++i)
      state[i] = Vector::xor_(state[i], keys.round[0]);
    for (int r = 1; r <= 9; ++r)
      for (size_t i = 0; i < interleave; ++i)
        state[i] = Vector::round(state[i], keys.round[r]);
    for (size_t i = 0; i < interleave; ++i)
      state[i] = Vector::lastRound(state[i], keys.round[10]);
  }

  static void counterMode(const uint8_t *roundKeys, uint64_t nonce, uint64_t firstBlock,
                          uint8_t *out, size_t count) {
    Keys keys(roundKeys);
    V counter = Vector::counters(nonce, firstBlock);
    const V step = Vector::step(vectorBlocks);
    while (count > 0) {
      V state[interleave];
      for (size_t i = 0; i < interleave; ++i) {
        state[i] = counter;
        counter = Vector::add64(counter, step);
      }
      encryptGroup(keys, state);
      size_t blocks = storeGroup(state, out, count);
      out += 16 * blocks;
      count -= blocks;
    }
  }

  static void encrypt(const uint8_t *roundKeys, const uint8_t *in, uint8_t *out, size_t count) {
    Keys keys(roundKeys);
    while (count > 0) {
      V state[interleave];
      if (count >= groupBlocks) {
        for (size_t i = 0; i < interleave; ++i)
          state[i] = Vector::load(in + 16 * vectorBlocks * i);
      } else {
        uint8_t tail[16 * groupBlocks] = {};
        std::memcpy(tail, in, 16 * count);
        for (size_t i = 0; i < interleave; ++i)
          state[i] = Vector::load(tail + 16 * vectorBlocks * i);
      }
      encryptGroup(keys, state);
      size_t blocks = storeGroup(state, out, count);
      in += 16 * blocks;
      out += 16 * blocks;
      count -= blocks;
    }
  }

private:
  // Stores the first min(count, groupBlocks) blocks; returns how many.
  static size_t storeGroup(const V (&state)[interleave], uint8_t *out, size_t count) {
    if (count >= groupBlocks) {
      for (size_t i = 0; i < interleave; ++i)
        Vector::store(out + 16 * vectorBlocks * i, state[i]);
      return groupBlocks;
    }
    uint8_t tail[16 * groupBlocks];
    for (size_t i = 0; i < interleave; ++i)
      Vector::store(tail + 16 * vectorBlocks * i, state[i]);
    std::memcpy(out, tail, 16 * count);
    return count;
  }
};

} // namespace
} // namespace gfs
