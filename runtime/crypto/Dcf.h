// SPDX-License-Identifier: Apache-2.0
// Distributed comparison functions: two keys, each pseudorandom alone, that together evaluate to
// f(x) = payload if x < alpha, else 0.
//
// The construction is Figure 1 of Boyle, Chandran, Gilboa, Gupta, Ishai, Kumar, Rathee, "Function
// secret sharing for mixed-mode and fixed-point secure computation", EUROCRYPT 2021 (IACR eprint
// 2020/1392), for many functions at a time. Its generator G is fixed-key AES, see Dcf.cpp.
#pragma once

#include "runtime/base/Ring.h"
#include "runtime/crypto/Aes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace gfs {

/// The shape of a comparison function: f: [0, 2^domainBits) -> vector of payload words, word j an
/// element of Z_{2^payloadBits[j]}. The object holds no key and no secret.
///
/// A key of one function is a 16-byte root, private to each party (from its own stream, never
/// transmitted), and keyBytes() bytes of correction words, common to both parties. Only together do
/// the two keys tell alpha or the payload; security is that of AES-128 with 126-bit seeds.
///
/// Layout of the correction words of `count` functions, count * keyBytes() bytes: blocks of 64
/// functions (the last one shorter), each block read once and in order. In a block of m functions:
///   m final corrections CW^(n+1), then for each level i = 1..n: m value corrections V_CW, m seed
///   corrections s_CW.
/// A value correction is the payload words one after the other, payloadBits[j] bits each,
/// little-endian, filled up to valueBytes(). A seed correction is 16 bytes; its bits 0 and 1 are
/// the control corrections t_CW^L and t_CW^R.
class Dcf {
public:
  static constexpr unsigned maxDomainBits = 63;
  static constexpr unsigned maxWords = 4;
  static constexpr size_t rootBytes = 16;

  /// domainBits in 1..63; 1 to 4 words of 1..64 bits each. Throws Internal otherwise.
  Dcf(unsigned domainBits, std::span<const unsigned> payloadBits,
      const AesImplementation &aes = bestAes());

  unsigned words() const { return wordCount; }
  unsigned payloadOffset(unsigned j) const { return word[j].offset; }
  unsigned payloadBits(unsigned j) const { return word[j].bits; }
  unsigned allPayloadBits() const { return valueBits; }
  /// Round keys of the generator's public permutations: child seeds, first and second value block.
  static std::array<std::span<const uint8_t, 176>, 3> permutationKeys();
  /// Bytes of the correction words of one function.
  size_t keyBytes() const { return (domainBits + 1) * valueBytes() + domainBits * size_t(16); }
  /// AES calls of one evaluation of one function.
  unsigned aesBlocks() const { return domainBits * (1 + valueBlocks()) + valueBlocks(); }

  /// Makes `count` = alpha.size() functions. `roots0`, `roots1`: 16 uniform bytes per function, one
  /// array per party. `payload`: word j of function e at [j * count + e], bits above payloadBits[j]
  /// ignored. `keys`: count * keyBytes() bytes, overwritten. Takes the same time for all alphas,
  /// payloads and roots.
  void generate(std::span<const uint8_t> roots0, std::span<const uint8_t> roots1,
                std::span<const uint64_t> alpha, std::span<const uint64_t> payload,
                std::span<uint8_t> keys) const;

  /// Evaluates function e at x[e], for all e < count = x.size(). `out`: this party's share of word
  /// j at [j * count + e], reduced; the two parties' shares sum to f_e(x[e]) mod 2^payloadBits[j].
  /// `x` is public (its bits above domainBits are ignored); time and addresses depend on nothing
  /// else.
  void evaluate(Party party, std::span<const uint8_t> roots, std::span<const uint8_t> keys,
                std::span<const uint64_t> x, std::span<uint64_t> out) const;

private:
  struct EvaluateBlock;
  struct GenerateBlock;

  /// Where a payload word lies in a value correction, and in the pseudorandom blocks it is masked
  /// with.
  struct Word {
    unsigned offset, bits;
    uint64_t mask() const { return ~uint64_t(0) >> (64 - bits); }
  };

  size_t valueBytes() const { return (valueBits + 7) / 8; }
  unsigned valueBlocks() const { return (valueBits + 127) / 128; }

  unsigned domainBits, wordCount, valueBits = 0;
  std::array<Word, maxWords> word;
  const AesImplementation *aes;
};

} // namespace gfs
