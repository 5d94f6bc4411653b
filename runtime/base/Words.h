// SPDX-License-Identifier: Apache-2.0
// Arrays of ring words are stored as bytes, since the ring says how wide their words are.
#pragma once

#include <cstddef>
#include <span>

namespace gfs {

/// The words that an aligned array of bytes holds.
template <class Word> std::span<const Word> asWords(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const Word *>(bytes.data()), bytes.size() / sizeof(Word)};
}
template <class Word> std::span<Word> asWords(std::span<std::byte> bytes) {
  return {reinterpret_cast<Word *>(bytes.data()), bytes.size() / sizeof(Word)};
}

} // namespace gfs
