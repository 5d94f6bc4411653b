// SPDX-License-Identifier: Apache-2.0
// The client's side of a plan: floats to ring words, words to shares, and back.
#pragma once

#include "runtime/exec/ClearExecutor.h"
#include "runtime/plan/PostProcess.h"

namespace gfs {

/// round(v * 2^scale) in the ring, to nearest, ties to even. Errors: RangeCheck if a value is not
/// finite or leaves the signed range of the ring (naming its index, never its value).
ClearWords encodeFixed(Ring ring, int32_t scale, std::span<const float> values);
/// word / 2^scale, words taken as signed.
std::vector<float> decodeFixed(Ring ring, int32_t scale, std::span<const std::byte> words);

/// Reduced words as signed integers.
std::vector<int64_t> signedOf(Ring ring, std::span<const std::byte> words);

/// Fresh additive shares from the system's CSPRNG, packed to l bits per element, for server 0
/// and 1.
std::array<SecretVector<uint8_t>, 2> shareInput(Ring ring, std::span<const std::byte> words);
/// The sum of two packed output shares of `elements` elements. Errors: InvalidInput if a length is
/// wrong.
ClearWords joinOutput(Ring ring, uint64_t elements, std::span<const uint8_t> share0,
                      std::span<const uint8_t> share1);

/// Element count and scale of an input or output port.
struct PortShape {
  std::vector<uint64_t> shape;
  uint64_t elements = 0;
  int32_t scale = 0;
};
PortShape portShape(const plan::Plan &plan, const plan::Port &port);

/// Whether post-processing leaves positions along the axis instead of values.
bool givesIndices(const plan::Port &port);

/// Applies a port's post-processing to its values, row-major; the result has
/// postProcessShape(...)'s elements.
std::vector<float> postProcess(const plan::Plan &plan, const plan::Port &port,
                               std::vector<float> values);

} // namespace gfs
