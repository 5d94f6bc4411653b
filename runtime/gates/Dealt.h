// SPDX-License-Identifier: Apache-2.0
// Values the dealer shares between the servers. Server 0's part of every share is the next piece of
// its own stream; only server 1's part, the difference, is in its record. So server 0 sees nothing,
// and server 1 sees values masked by a stream it cannot compute.
//
// Dealer and servers name the arrays in the same order; each array starts at a byte boundary.
#pragma once

#include "runtime/base/Error.h"
#include "runtime/gates/Gate.h"

#include <cstring>

namespace gfs {

/// The streams of a step beyond its mask. Every server expands all of them from its own seed.
constexpr uint16_t dealtStream =
    static_cast<uint16_t>(Stream::Dealt); ///< Server 0's parts of dealt shares.
constexpr uint16_t selectorStream =
    static_cast<uint16_t>(Stream::Dealt) + 1; ///< Bits that hide opened comparisons.
constexpr uint16_t tripleStream =
    static_cast<uint16_t>(Stream::Dealt) + 2; ///< Bits that hide AND operands.
constexpr uint16_t rootStream =
    static_cast<uint16_t>(Stream::Dealt) + 3; ///< Roots of comparison keys.

inline bool bitAt(std::span<const uint8_t> bits, size_t i) { return bits[i / 8] >> (i % 8) & 1; }
inline void xorInto(std::span<uint8_t> target, std::span<const uint8_t> other) {
  for (size_t i = 0; i < target.size(); ++i)
    target[i] ^= other[i];
}

/// Adds up what the arrays below cost.
struct DealtCost {
  Cost &cost;
  template <class Word> void words(unsigned bits, uint64_t count) {
    if (bits == 0)
      return;
    cost.dealtBytes[1] += packedBytes(count, bits);
    cost.prgBytes += count * sizeof(Word);
  }
  void bytes(uint64_t count) {
    cost.dealtBytes[1] += count;
    cost.prgBytes += count;
  }
};

/// The dealer's side.
template <class Word> class DealtWriter {
public:
  explicit DealtWriter(DealContext &context)
      : kernels(context.kernels().ring<Word>()), stream(context.stream(Party::Zero, dealtStream)),
        record(context.material(Party::One)) {}

  /// Additive shares mod 2^bits of the words valueAt(0), ..., valueAt(count - 1).
  template <class ValueAt> void words(unsigned bits, size_t count, ValueAt &&valueAt) {
    if (bits == 0)
      return;
    values.resize(count);
    share0.resize(count);
    Word *value = values.data();
    for (size_t i = 0; i < count; ++i)
      value[i] = valueAt(i);
    stream.fillWords(std::span<Word>(share0));
    kernels.sub(values.data(), share0.data(), values.data(), count);
    kernels.pack(bits, values.data(), count, next(packedBytes(count, bits)).data());
  }
  /// XOR shares of bytes.
  void bytes(std::span<const uint8_t> clear) {
    std::span<uint8_t> share1 = next(clear.size());
    stream.fill(share1);
    xorInto(share1, clear);
  }
  /// The next `count` bytes of server 1's record, for material that is no share.
  std::span<uint8_t> raw(size_t count) { return next(count); }
  /// Checks that the record part is full, as cost() promised.
  void finish() const { check(record.empty(), "a gate deals less than its cost states"); }

private:
  std::span<uint8_t> next(size_t size) {
    check(size <= record.size(), "a gate deals more than its cost states");
    std::span<uint8_t> part = record.first(size);
    record = record.subspan(size);
    return part;
  }

  const RingKernels<Word> &kernels;
  Prg stream;
  std::span<uint8_t> record;
  SecretVector<Word> values, share0;
};

/// A server's side.
template <class Word> class DealtReader {
public:
  explicit DealtReader(PrepareContext &context)
      : kernels(context.kernels().ring<Word>()), party(context.party()),
        stream(context.stream(dealtStream)), record(context.material()) {}

  /// This server's shares; reduced only for server 1. Zeros if `bits` is 0.
  void words(unsigned bits, std::span<Word> out) {
    if (bits == 0)
      std::fill(out.begin(), out.end(), Word(0));
    else if (party == Party::Zero)
      stream.fillWords(out);
    else
      kernels.unpack(bits, next(packedBytes(out.size(), bits)).data(), out.size(), out.data());
  }
  void bytes(std::span<uint8_t> out) {
    if (party == Party::Zero) {
      stream.fill(out);
    } else {
      std::span<const uint8_t> part = next(out.size());
      std::copy(part.begin(), part.end(), out.begin());
    }
  }
  /// Passes over material of server 1 that is no share.
  void skip(size_t count) { next(count); }
  /// Like bytes(), for data that is read where it lies: server 1 needs no copy. `storage` serves
  /// server 0.
  std::span<const uint8_t> bytesInPlace(std::span<uint8_t> storage, size_t size) {
    if (party == Party::One)
      return next(size);
    stream.fill(storage.first(size));
    return storage.first(size);
  }

private:
  std::span<const uint8_t> next(size_t size) {
    check(size <= record.size(), "a gate reads more material than its cost states");
    std::span<const uint8_t> part = record.first(size);
    record = record.subspan(size);
    return part;
  }

  const RingKernels<Word> &kernels;
  Party party;
  Prg stream;
  std::span<const uint8_t> record;
};

/// Cuts one block of prepared storage into aligned arrays; prepare() and evaluate() cut alike.
class Carver {
public:
  explicit Carver(std::span<std::byte> storage) : left(storage) {}
  template <class T> static constexpr size_t bytes(size_t count) {
    return (count * sizeof(T) + 63) / 64 * 64;
  }
  template <class T> std::span<T> take(size_t count) {
    check(bytes<T>(count) <= left.size(), "prepared storage is too small");
    std::span<T> part(reinterpret_cast<T *>(left.data()), count);
    left = left.subspan(bytes<T>(count));
    return part;
  }
  std::span<std::byte> rest() const { return left; }

private:
  std::span<std::byte> left;
};

} // namespace gfs
