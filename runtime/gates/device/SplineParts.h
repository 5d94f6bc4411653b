// SPDX-License-Identifier: Apache-2.0
// What the forms of Spline and of Relu by comparison key have in common on a GPU, for servers and
// for the dealer. Names as in runtime/gates/{Spline,SelectByKey}.cpp.
#pragma once

#include "runtime/crypto/Dcf.h"
#include "runtime/gates/device/DeviceGate.h"

namespace gfs::device {

/// The pieces of a Spline, and of a Relu: 0 and v.
struct SplineParts {
  unsigned shift;
  const plan::SignWindow &window;
  std::vector<int64_t> thresholds = {0};
  std::vector<std::array<int64_t, 3>> coefficients = {{0, 0, 0}, {0, 1, 0}}; ///< Of 1, v, v².

  explicit SplineParts(const plan::Step &step);
  /// Highest of all pieces.
  unsigned degree() const;
  /// Bits that shares of the terms 1, V_1, u, V_1², q need, as far as the degree needs terms.
  std::vector<unsigned> termBits(unsigned ringBits) const;
};

/// Terms [first, first + dcf.words()) that one comparison function yields: up to three, without
/// those of no bits.
struct KeyGroup {
  size_t first;
  Dcf dcf;
  /// The function's words in a device task.
  template <class Task> void describeTo(Task &task) const {
    task.words = dcf.words();
    task.valueBits = dcf.allPayloadBits();
    for (unsigned w = 0; w < dcf.words(); ++w)
      task.word[w] = {dcf.payloadOffset(w), dcf.payloadBits(w)};
  }
};
std::vector<KeyGroup> keyGroups(unsigned domainBits, const std::vector<unsigned> &termBits);

/// The permutations' round keys, which are public, as the device reads them.
Array<const cuda::ComparisonRoundKeys> slicedPermutations(Constants &constants);

} // namespace gfs::device
