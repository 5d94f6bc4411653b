// SPDX-License-Identifier: Apache-2.0
#include "runtime/gates/device/SplineParts.h"

#include "runtime/gates/Selection.h"

#include <cstring>

namespace gfs::device {

SplineParts::SplineParts(const plan::Step &step)
    : shift(step.has_relu() ? step.relu().shift() : step.spline().shift()),
      window(step.has_relu() ? step.relu().window() : step.spline().window()) {
  if (step.has_relu())
    return;
  thresholds = {step.spline().thresholds().begin(), step.spline().thresholds().end()};
  coefficients.clear();
  for (const plan::Polynomial &piece : step.spline().pieces())
    coefficients.push_back({piece.c0(), piece.c1(), piece.c2()});
}

unsigned SplineParts::degree() const {
  unsigned highest = 0;
  for (const std::array<int64_t, 3> &piece : coefficients)
    for (unsigned d = highest + 1; d < 3; ++d)
      if (piece[d] != 0)
        highest = d;
  return highest;
}

std::vector<unsigned> SplineParts::termBits(unsigned ringBits) const {
  std::vector<unsigned> bits = {ringBits, ringBits, shift, ringBits, shift};
  bits.resize(1 + 2 * degree());
  return bits;
}

std::vector<KeyGroup> keyGroups(unsigned domainBits, const std::vector<unsigned> &termBits) {
  std::vector<KeyGroup> groups;
  for (size_t k = 0; k < termBits.size();) {
    std::vector<unsigned> bits;
    const size_t first = k;
    while (k < termBits.size() && termBits[k] > 0 && bits.size() < keyGroupWords)
      bits.push_back(termBits[k++]);
    if (bits.empty())
      ++k;
    else
      groups.push_back({first, Dcf(domainBits, bits)});
  }
  return groups;
}

Array<const cuda::ComparisonRoundKeys> slicedPermutations(Constants &constants) {
  cuda::ComparisonRoundKeys sliced;
  cuda::SlicedRoundKeys *const to[] = {&sliced.seed, &sliced.value[0], &sliced.value[1]};
  const auto keys = Dcf::permutationKeys();
  for (size_t k = 0; k < keys.size(); ++k) {
    std::array<uint64_t, 22> words;
    std::memcpy(words.data(), keys[k].data(), sizeof words);
    for (size_t round = 0; round < 11; ++round)
      to[k]->round[round] = cuda::sliceRoundKey(&words[2 * round]);
  }
  return constants.add(std::span<const cuda::ComparisonRoundKeys>(&sliced, 1));
}

} // namespace gfs::device
