// SPDX-License-Identifier: Apache-2.0
// Shared by the kernel tests: one test per available variant, and arbitrary but fixed operands.
#pragma once

#include "runtime/crypto/Prg.h"
#include "runtime/kernels/Kernels.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

namespace gfs {

class KernelTest : public testing::TestWithParam<const Kernels *> {
protected:
  template <class Word> const RingKernels<Word> &kernels() const {
    return GetParam()->ring<Word>();
  }
};

inline auto everyVariant() {
  return testing::ValuesIn(availableKernels().begin(), availableKernels().end());
}
inline std::string variantName(const testing::TestParamInfo<const Kernels *> &info) {
  return info.param->name;
}

/// Operands that find carries and sign mistakes: random words, all ones, only the top bit, zeros.
enum class Pattern { Random, Ones, TopBit, Zeros };
constexpr Pattern allPatterns[] = {Pattern::Random, Pattern::Ones, Pattern::TopBit, Pattern::Zeros};

template <class Word> std::vector<Word> makeWords(size_t n, Pattern pattern, uint64_t stream) {
  Word constant = pattern == Pattern::Ones ? ~Word(0)
                  : pattern == Pattern::TopBit
                      ? static_cast<Word>(Word(1) << (8 * sizeof(Word) - 1))
                      : Word(0);
  std::vector<Word> words(n, constant);
  if (pattern == Pattern::Random) {
    static const AesKey key(std::array<uint8_t, 16>{1, 2, 3});
    Prg(key, stream).fillWords(std::span(words));
  }
  return words;
}

} // namespace gfs
