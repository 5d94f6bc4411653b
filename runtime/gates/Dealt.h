// SPDX-License-Identifier: Apache-2.0
// Values the dealer shares between the servers. One server's part of a share is the next piece of
// its own stream: it expands that and receives nothing. Only the other's part, the difference, is in
// a record: values masked by a stream which that server cannot compute. Expanding costs time and
// records cost bytes, so arrays alternate, and both servers have about as much of either in every
// step.
//
// A gate lays its arrays out once, in its constructor; each starts at a byte boundary of the record
// and at a block of the stream. Servers read them in the phase that needs them, tile by tile: what
// is expanded or unpacked stays in cache and is never stored.
#pragma once

#include "runtime/base/Error.h"
#include "runtime/gates/Tiles.h"

#include <bit>
#include <cstring>

namespace gfs {

/// The streams of a step beyond its mask. Every server expands all of them from its own seed.
constexpr uint16_t dealtStream =
    static_cast<uint16_t>(Stream::Dealt); ///< Its parts of the dealt shares that it expands.
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

/// An array of dealt values, and where its shares lie.
struct DealtArray {
  unsigned bits = 0;  ///< Of each element, 8 for bytes; 0: nothing is dealt, shares are zero.
  uint64_t count = 0; ///< Elements.
  Party expands = Party::Zero; ///< The server whose shares are its stream's.
  uint64_t streamOffset = 0;   ///< Bytes in that stream.
  uint64_t recordOffset = 0;   ///< Bytes in the other server's material of the step.
};

/// Who expands which array of a step: each goes into the record that is smaller so far. Ties are
/// broken by whether the id of the step's result has an odd number of set bits, so that layers that
/// repeat do not all favour one server.
class DealtTurns {
public:
  /// `result`: the id of the step's result.
  explicit DealtTurns(uint32_t result)
      : onTie(std::popcount(result) % 2 ? Party::Zero : Party::One) {}
  /// Of the step's next array, which has `count` elements of `bits` bits.
  Party next(unsigned bits, uint64_t count) {
    const Party receives = recordBytes[0] < recordBytes[1]   ? Party::Zero
                           : recordBytes[1] < recordBytes[0] ? Party::One
                                                             : onTie;
    recordBytes[index(receives)] += packedBytes(count, bits);
    return peerOf(receives);
  }

private:
  Party onTie;
  std::array<uint64_t, 2> recordBytes = {0, 0};
};

/// Elements [first, first + n) of `array` in the material they were sent in.
template <class Byte>
std::span<Byte> dealtPart(std::span<Byte> record, const DealtArray &array, uint64_t first,
                          uint64_t n) {
  const uint64_t offset = array.recordOffset + packedBytes(first, array.bits),
                 size = packedBytes(n, array.bits);
  check(first + n <= array.count && offset + size <= record.size(),
        "a gate's material is not where it was laid out");
  return record.subspan(offset, size);
}

/// Bytes that are the same in both servers' material: comparison keys.
struct DealtKeys {
  std::array<uint64_t, 2> offset = {0, 0}; ///< By server.
  uint64_t size = 0;

  std::span<const uint8_t> in(std::span<const uint8_t> material, Party party) const {
    return material.subspan(offset[index(party)], size);
  }
};

/// Where the dealt arrays of a step lie, in the order in which they are named. So that any part of
/// an array can be read where it is used.
class DealtLayout {
public:
  explicit DealtLayout(const plan::Step &step) : turns(step.result()) {}
  /// Additive shares mod 2^bits of `count` words.
  template <class Word> DealtArray words(unsigned bits, uint64_t count) {
    return array(bits, count, bits == 0 ? 0 : count * sizeof(Word));
  }
  /// XOR shares of `count` bytes.
  DealtArray bytes(uint64_t count) { return array(8, count, count); }
  DealtKeys keys(uint64_t size) {
    DealtKeys keys{recordBytes, size};
    for (uint64_t &bytes : recordBytes)
      bytes += size;
    return keys;
  }

  /// What all arrays cost together.
  void addTo(Cost &cost) const {
    for (size_t party = 0; party < 2; ++party)
      cost.dealtBytes[party] += recordBytes[party];
    cost.prgBytes += std::max(streamBytes[0], streamBytes[1]);
  }

private:
  DealtArray array(unsigned bits, uint64_t count, uint64_t inStream) {
    const Party expands = turns.next(bits, count);
    const size_t own = index(expands), other = 1 - own;
    DealtArray array{bits, count, expands, streamBlocks[own] * Prg::blockBytes, recordBytes[other]};
    recordBytes[other] += packedBytes(count, bits);
    streamBytes[own] += inStream;
    streamBlocks[own] += (inStream + Prg::blockBytes - 1) / Prg::blockBytes;
    return array;
  }

  DealtTurns turns;
  // By server.
  std::array<uint64_t, 2> recordBytes = {0, 0};
  std::array<uint64_t, 2> streamBytes = {0, 0}; ///< Used.
  /// Passed over: every array starts with a block of its own.
  std::array<uint64_t, 2> streamBlocks = {0, 0};
};

/// The dealer's side.
template <class Word> class DealtWriter {
public:
  explicit DealtWriter(DealContext &context)
      : kernels(context.kernels().ring<Word>()),
        streams{context.stream(Party::Zero, dealtStream), context.stream(Party::One, dealtStream)},
        records{context.material(Party::Zero), context.material(Party::One)}, values(tileElements),
        expanded(tileElements) {}

  /// Shares of the words valueAt(0), ..., valueAt(array.count - 1).
  template <class ValueAt> void words(const DealtArray &array, ValueAt &&valueAt) {
    if (array.bits == 0)
      return;
    uint8_t *out = dealtPart(recordOf(array), array, 0, array.count).data();
    Word *value = values.data();
    Prg &stream = streamOf(array);
    stream.seek(array.streamOffset / Prg::blockBytes);
    forEachTile(array.count, [&](size_t first, size_t n) {
      for (size_t i = 0; i < n; ++i)
        value[i] = valueAt(first + i);
      stream.fillWords(std::span(expanded).first(n));
      kernels.sub(value, expanded.data(), value, n);
      kernels.pack(array.bits, value, n, out + packedBytes(first, array.bits));
    });
  }
  void bytes(const DealtArray &array, std::span<const uint8_t> clear) {
    check(clear.size() == array.count, "a gate deals other bytes than it laid out");
    std::span<uint8_t> share = dealtPart(recordOf(array), array, 0, array.count);
    streamOf(array).fillFrom(array.streamOffset, share);
    xorInto(share, clear);
  }

private:
  Prg &streamOf(const DealtArray &array) { return streams[index(array.expands)]; }
  std::span<uint8_t> recordOf(const DealtArray &array) {
    return records[index(peerOf(array.expands))];
  }

  const RingKernels<Word> &kernels;
  // By server.
  std::array<Prg, 2> streams;
  std::array<std::span<uint8_t>, 2> records;
  SecretVector<Word> values, expanded;
};

/// A server's side, in prepare() or evaluate(): expands or unpacks what is used, where it is used.
template <class Word> class DealtReader {
public:
  template <class Context>
  explicit DealtReader(const Context &context)
      : kernels(context.kernels().template ring<Word>()), party(context.party()),
        stream(context.stream(dealtStream)), record(context.material()) {}

  /// This server's shares of elements [first, first + out.size()); not reduced. `first`: a multiple
  /// of 8.
  void words(const DealtArray &array, uint64_t first, std::span<Word> out) {
    if (array.bits == 0)
      std::fill(out.begin(), out.end(), Word(0));
    else if (party == array.expands)
      stream.fillFrom(array.streamOffset + first * sizeof(Word), asBytes(out));
    else
      kernels.unpack(array.bits, inRecord(array, first, out.size()).data(), out.size(), out.data());
  }
  /// Bytes [first, first + out.size()).
  void bytes(const DealtArray &array, uint64_t first, std::span<uint8_t> out) {
    if (party == array.expands) {
      stream.fillFrom(array.streamOffset + first, out);
    } else {
      std::span<const uint8_t> mine = inRecord(array, first, out.size());
      std::copy(mine.begin(), mine.end(), out.begin());
    }
  }
  /// The same `n` bytes where they lie in the material, or expanded into `room`.
  const uint8_t *bytesInPlace(const DealtArray &array, uint64_t first, uint64_t n, uint8_t *room) {
    if (party != array.expands)
      return inRecord(array, first, n).data();
    bytes(array, first, {room, n});
    return room;
  }

private:
  /// Shares of `n` elements that are in the material. That comes from memory, a little of each
  /// array in turn, which processors do not foresee: asks for as many of the next ones.
  std::span<const uint8_t> inRecord(const DealtArray &array, uint64_t first, uint64_t n) const {
    constexpr size_t line = 64;
    const std::span<const uint8_t> part = dealtPart(record, array, first, n);
    const size_t end = static_cast<size_t>(part.data() - record.data()) + part.size(),
                 ahead = std::min(end + part.size(), record.size());
    for (size_t at = end; at < ahead; at += line)
      __builtin_prefetch(&record[at], 0, 2);
    return part;
  }
  static std::span<uint8_t> asBytes(std::span<Word> words) {
    return {reinterpret_cast<uint8_t *>(words.data()), words.size_bytes()};
  }

  const RingKernels<Word> &kernels;
  Party party;
  Prg stream;
  std::span<const uint8_t> record;
};

} // namespace gfs
