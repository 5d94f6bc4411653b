// SPDX-License-Identifier: Apache-2.0
// Values the dealer shares between the servers. One server's part of a share is the next piece of
// its own stream; only the other's part, the difference, is in a record. So the one sees nothing,
// and the other sees values masked by a stream it cannot compute. Of every array, server 0 has the
// first half from its stream and server 1 the second: streams cost time and records bytes, and both
// servers should have as much of either.
//
// A gate lays its arrays out once, in its constructor; each half starts at a byte boundary of the
// record and at a block of the stream. Servers read them in the phase that needs them, tile by
// tile: what is expanded or unpacked stays in cache and is never stored.
#pragma once

#include "runtime/base/Error.h"
#include "runtime/gates/Tiles.h"

#include <cstring>

namespace gfs {

/// The streams of a step beyond its mask. Every server expands all of them from its own seed.
constexpr uint16_t dealtStream =
    static_cast<uint16_t>(Stream::Dealt); ///< Its parts of dealt shares that are in no record.
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
  /// Half h is in server h's stream and in the other's record.
  struct Half {
    uint64_t count = 0;        ///< Elements.
    uint64_t streamOffset = 0; ///< Bytes in the stream.
    uint64_t recordOffset = 0; ///< Bytes in the material of the step.
  };
  std::array<Half, 2> halves;

  /// Calls body(h, at, place, m) for the m elements of half h, from its `at`-th on, that are among
  /// the n elements from `first` on, as their `place`-th.
  template <class Body> void forHalves(uint64_t first, uint64_t n, Body &&body) const {
    check(first + n <= count, "a gate reads more than was dealt for it");
    const uint64_t cut = std::clamp(halves[0].count, first, first + n) - first;
    if (cut > 0)
      body(0, first, uint64_t(0), cut);
    if (cut < n)
      body(1, first + cut - halves[0].count, cut, n - cut);
  }
};

/// How many of `count` elements are in the first half: whole blocks of streams, whatever a word.
constexpr uint64_t firstHalf(uint64_t count) {
  return std::min(count, (count / 2 + unitElements - 1) / unitElements * unitElements);
}

/// Calls body(h, first, n) for the halves of `count` elements, unless they are empty.
template <class Body> void forDealtHalves(uint64_t count, Body &&body) {
  const uint64_t half = firstHalf(count);
  if (half > 0)
    body(size_t(0), uint64_t(0), half);
  if (half < count)
    body(size_t(1), half, count - half);
}

/// The `n` elements from the `first`-th of half `h` on, in the material they were sent in.
template <class Byte>
std::span<Byte> dealtPart(std::span<Byte> record, const DealtArray &array, size_t h, uint64_t first,
                          uint64_t n) {
  const DealtArray::Half &half = array.halves[h];
  const uint64_t offset = half.recordOffset + packedBytes(first, array.bits),
                 size = packedBytes(n, array.bits);
  check(first + n <= half.count && offset + size <= record.size(),
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
  /// Additive shares mod 2^bits of `count` words.
  template <class Word> DealtArray words(unsigned bits, uint64_t count) {
    return array(bits, count, bits == 0 ? 0 : sizeof(Word));
  }
  /// XOR shares of `count` bytes.
  DealtArray bytes(uint64_t count) { return array(8, count, 1); }
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
  DealtArray array(unsigned bits, uint64_t count, uint64_t elementInStream) {
    DealtArray array{bits, count, {}};
    forDealtHalves(count, [&](size_t h, uint64_t, uint64_t n) {
      const uint64_t inStream = n * elementInStream;
      array.halves[h] = {n, streamBlocks[h] * Prg::blockBytes, recordBytes[1 - h]};
      recordBytes[1 - h] += packedBytes(n, bits);
      streamBytes[h] += inStream;
      streamBlocks[h] += (inStream + Prg::blockBytes - 1) / Prg::blockBytes;
    });
    return array;
  }

  // By server.
  std::array<uint64_t, 2> recordBytes = {0, 0};
  std::array<uint64_t, 2> streamBytes = {0, 0}; ///< Used.
  /// Passed over: every half starts with a block of its own.
  std::array<uint64_t, 2> streamBlocks = {0, 0};
};

/// The dealer's side.
template <class Word> class DealtWriter {
public:
  explicit DealtWriter(DealContext &context)
      : kernels(context.kernels().ring<Word>()), streams{context.stream(Party::Zero, dealtStream),
                                                         context.stream(Party::One, dealtStream)},
        records{context.material(Party::Zero), context.material(Party::One)}, values(tileElements),
        streamed(tileElements) {}

  /// Shares of the words valueAt(0), ..., valueAt(array.count - 1).
  template <class ValueAt> void words(const DealtArray &array, ValueAt &&valueAt) {
    if (array.bits == 0)
      return;
    Word *value = values.data();
    forDealtHalves(array.count, [&](size_t h, uint64_t place, uint64_t count) {
      uint8_t *out = dealtPart(records[1 - h], array, h, 0, count).data();
      streams[h].seek(array.halves[h].streamOffset / Prg::blockBytes);
      forEachTile(count, [&](size_t first, size_t n) {
        for (size_t i = 0; i < n; ++i)
          value[i] = valueAt(place + first + i);
        streams[h].fillWords(std::span(streamed).first(n));
        kernels.sub(value, streamed.data(), value, n);
        kernels.pack(array.bits, value, n, out + packedBytes(first, array.bits));
      });
    });
  }
  void bytes(const DealtArray &array, std::span<const uint8_t> clear) {
    check(clear.size() == array.count, "a gate deals other bytes than it laid out");
    forDealtHalves(array.count, [&](size_t h, uint64_t place, uint64_t count) {
      std::span<uint8_t> share = dealtPart(records[1 - h], array, h, 0, count);
      streams[h].fillFrom(array.halves[h].streamOffset, share);
      xorInto(share, clear.subspan(place, count));
    });
  }

private:
  const RingKernels<Word> &kernels;
  std::array<Prg, 2> streams; ///< By server, as the records.
  std::array<std::span<uint8_t>, 2> records;
  SecretVector<Word> values, streamed;
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
      return std::fill(out.begin(), out.end(), Word(0));
    array.forHalves(first, out.size(), [&](size_t h, uint64_t at, uint64_t place, uint64_t n) {
      if (isStreamed(h))
        stream.fillFrom(array.halves[h].streamOffset + at * sizeof(Word),
                        asBytes(out.subspan(place, n)));
      else
        kernels.unpack(array.bits, inRecord(array, h, at, n).data(), n, out.data() + place);
    });
  }
  /// Bytes [first, first + out.size()).
  void bytes(const DealtArray &array, uint64_t first, std::span<uint8_t> out) {
    array.forHalves(first, out.size(), [&](size_t h, uint64_t at, uint64_t place, uint64_t n) {
      const std::span<uint8_t> to = out.subspan(place, n);
      if (isStreamed(h))
        return stream.fillFrom(array.halves[h].streamOffset + at, to);
      std::span<const uint8_t> from = inRecord(array, h, at, n);
      std::copy(from.begin(), from.end(), to.begin());
    });
  }
  /// The same `n` bytes where they lie in the material, if they do; else in `room`.
  const uint8_t *bytesInPlace(const DealtArray &array, uint64_t first, uint64_t n, uint8_t *room) {
    const uint8_t *place = nullptr;
    array.forHalves(first, n, [&](size_t h, uint64_t at, uint64_t, uint64_t here) {
      if (!isStreamed(h) && here == n)
        place = inRecord(array, h, at, n).data();
    });
    if (place)
      return place;
    bytes(array, first, {room, n});
    return room;
  }

private:
  bool isStreamed(size_t h) const { return index(party) == h; }
  /// Material comes from memory, a little of each array in turn, which processors do not foresee:
  /// asks for as many elements as these, behind them.
  std::span<const uint8_t> inRecord(const DealtArray &array, size_t h, uint64_t first,
                                    uint64_t n) const {
    constexpr size_t line = 64;
    const std::span<const uint8_t> part = dealtPart(record, array, h, first, n);
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
