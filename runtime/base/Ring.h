// SPDX-License-Identifier: Apache-2.0
// The ring Z_{2^l} and the machine words that hold its elements.
#pragma once

#include <cstdint>
#include <type_traits>

namespace gfs {

/// The two servers.
enum class Party : uint8_t { Zero = 0, One = 1 };
constexpr unsigned index(Party party) { return static_cast<unsigned>(party); }
constexpr Party peerOf(Party party) { return party == Party::Zero ? Party::One : Party::Zero; }

/// Z_{2^bits}, 16 <= bits <= 64. Elements live in uint32_t when bits <= 32, else in uint64_t ("words").
///
/// Convention everywhere: bits above `bits` of a *share* are arbitrary; *masked* values, unpacked
/// values and clear values are reduced. Arithmetic wraps in the word, which is right mod 2^bits.
struct Ring {
  unsigned bits = 32;

  static constexpr unsigned minBits = 16;
  static constexpr unsigned maxBits = 64;

  bool fitsWord32() const { return bits <= 32; }
  unsigned wordBytes() const { return fitsWord32() ? 4 : 8; }
  template <class Word> Word mask() const {
    return bits >= 8 * sizeof(Word) ? ~Word(0) : static_cast<Word>((uint64_t(1) << bits) - 1);
  }
  /// Sign-extends a reduced element to a signed integer.
  template <class Word> int64_t toSigned(Word value) const {
    unsigned unused = 64 - bits;
    return static_cast<int64_t>(static_cast<uint64_t>(value) << unused) >> unused;
  }
  bool operator==(const Ring &) const = default;
};

/// Bytes of `count` elements of `bits` bits each, packed without gaps: ceil(count * bits / 8).
constexpr uint64_t packedBytes(uint64_t count, unsigned bits) { return (count * bits + 7) / 8; }

/// Calls `visit.template operator()<Word>()` with the word type of the ring.
template <class Visitor> decltype(auto) visitWord(Ring ring, Visitor &&visit) {
  if (ring.fitsWord32())
    return visit.template operator()<uint32_t>();
  return visit.template operator()<uint64_t>();
}

} // namespace gfs
