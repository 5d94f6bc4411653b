// SPDX-License-Identifier: Apache-2.0
// Fixed point, packing and shares on the client's side.
#include "runtime/exec/ClientShares.h"

#include "runtime/base/Error.h"
#include "runtime/base/Words.h"
#include "runtime/kernels/Kernels.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gfs {

ClearWords encodeFixed(Ring ring, int32_t scale, std::span<const float> values) {
  const double limit = std::ldexp(1.0, static_cast<int>(ring.bits) - 1);
  ClearWords result(values.size() * ring.wordBytes());
  visitWord(ring, [&]<class Word>() {
    std::span<Word> words = asWords<Word>(std::span(result));
    for (size_t i = 0; i < values.size(); ++i) {
      const double scaled = std::nearbyint(std::ldexp(static_cast<double>(values[i]), scale));
      if (!(scaled >= -limit && scaled < limit)) // true for NaN too
        throw Error(
            ExitCode::RangeCheck,
            fmt::format("input element {}: is not finite or does not fit {} bits at scale {}", i,
                        ring.bits, scale),
            "check that the input is normalised as the model expects");
      words[i] = static_cast<Word>(static_cast<int64_t>(scaled)) & ring.mask<Word>();
    }
  });
  return result;
}

std::vector<float> decodeFixed(Ring ring, int32_t scale, std::span<const std::byte> words) {
  std::vector<float> values;
  for (int64_t value : signedOf(ring, words))
    values.push_back(static_cast<float>(std::ldexp(static_cast<double>(value), -scale)));
  return values;
}

std::vector<int64_t> signedOf(Ring ring, std::span<const std::byte> bytes) {
  std::vector<int64_t> values;
  visitWord(ring, [&]<class Word>() {
    std::span<const Word> words = asWords<Word>(bytes);
    values.reserve(words.size());
    for (Word word : words)
      values.push_back(ring.toSigned(word));
  });
  return values;
}

std::array<SecretVector<uint8_t>, 2> shareInput(Ring ring, std::span<const std::byte> bytes) {
  std::array<SecretVector<uint8_t>, 2> shares;
  visitWord(ring, [&]<class Word>() {
    std::span<const Word> words = asWords<Word>(bytes);
    SecretVector<Word> random(words.size()), rest(words.size());
    randomBytes({reinterpret_cast<uint8_t *>(random.data()), random.size() * sizeof(Word)});
    const auto &kernels = bestKernels().ring<Word>();
    kernels.sub(words.data(), random.data(), rest.data(), words.size());
    for (SecretVector<uint8_t> &share : shares)
      share.resize(packedBytes(words.size(), ring.bits));
    kernels.pack(ring.bits, random.data(), words.size(), shares[0].data());
    kernels.pack(ring.bits, rest.data(), words.size(), shares[1].data());
  });
  return shares;
}

ClearWords joinOutput(Ring ring, uint64_t elements, std::span<const uint8_t> share0,
                      std::span<const uint8_t> share1) {
  const uint64_t expected = packedBytes(elements, ring.bits);
  for (std::span<const uint8_t> share : {share0, share1})
    if (share.size() != expected)
      throw Error(ExitCode::InvalidInput,
                  fmt::format("output share: expects {} bytes, got {}", expected, share.size()),
                  "check that client and servers use the same plan");
  ClearWords result(elements * ring.wordBytes());
  visitWord(ring, [&]<class Word>() {
    const auto &kernels = bestKernels().ring<Word>();
    Word *sum = asWords<Word>(std::span(result)).data();
    SecretVector<Word> other(elements);
    kernels.unpack(ring.bits, share0.data(), elements, sum);
    kernels.unpack(ring.bits, share1.data(), elements, other.data());
    kernels.add(sum, other.data(), sum, elements);
    kernels.reduce(ring.bits, sum, elements);
  });
  return result;
}

PortShape portShape(const plan::Plan &plan, const plan::Port &port) {
  const plan::Value &value = plan.values(static_cast<int>(port.value()));
  return {{value.shape().begin(), value.shape().end()}, plan::elements(value), value.scale()};
}

bool givesIndices(const plan::Port &port) {
  return port.post_process() == plan::Port::ARGMAX ||
         port.post_process() == plan::Port::ARGMAX_LAST ||
         port.post_process() == plan::Port::INDEX ||
         port.post_process() == plan::Port::TOP_INDICES ||
         port.post_process() == plan::Port::BOTTOM_INDICES;
}

/// softmax(x) = exp(x - max) / sum(exp(x - max)): no exponential overflows.
static std::vector<float> softmax(std::vector<float> row, bool isLog) {
  const double largest = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (float value : row)
    sum += std::exp(value - largest);
  for (float &value : row)
    value = static_cast<float>(isLog ? value - largest - std::log(sum)
                                     : std::exp(value - largest) / sum);
  return row;
}

/// The first `count` positions or values of a row in descending (ascending) order.
static std::vector<float> select(const std::vector<float> &row, size_t count, bool descending,
                                 bool indices) {
  std::vector<size_t> order(row.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t i, size_t j) {
    return row[i] != row[j] ? (row[i] > row[j]) == descending : i < j;
  });
  order.resize(count);
  std::vector<float> selected;
  for (size_t i : order)
    selected.push_back(indices ? static_cast<float>(i) : row[i]);
  return selected;
}

static std::vector<float> processRow(const plan::Port &port, std::vector<float> row) {
  switch (port.post_process()) {
  case plan::Port::SOFTMAX:
  case plan::Port::LOG_SOFTMAX:
    return softmax(std::move(row), port.post_process() == plan::Port::LOG_SOFTMAX);
  case plan::Port::ARGMAX:
    return select(row, 1, /*descending=*/true, /*indices=*/true);
  case plan::Port::ARGMAX_LAST:
    return {static_cast<float>(row.rend() - std::max_element(row.rbegin(), row.rend()) - 1)};
  case plan::Port::TOP_VALUES:
  case plan::Port::TOP_INDICES:
    return select(row, port.post_count(), /*descending=*/true, givesIndices(port));
  case plan::Port::BOTTOM_VALUES:
  case plan::Port::BOTTOM_INDICES:
    return select(row, port.post_count(), /*descending=*/false, givesIndices(port));
  default:
    return row;
  }
}

std::vector<float> postProcess(const plan::Plan &plan, const plan::Port &port,
                               std::vector<float> values) {
  if (port.post_process() == plan::Port::NONE || port.post_process() == plan::Port::INDEX)
    return values;
  const std::vector<uint64_t> shape = portShape(plan, port).shape;
  const size_t axis = postProcessAxis(port, shape), length = shape[axis];
  size_t inner = 1; // elements from one position on the axis to the next
  for (size_t i = axis + 1; i < shape.size(); ++i)
    inner *= shape[i];
  size_t rows = values.size() / length;
  std::vector<float> result, row(length);
  for (size_t r = 0; r < rows; ++r) {
    const size_t first = r / inner * length * inner + r % inner;
    for (size_t i = 0; i < length; ++i)
      row[i] = values[first + i * inner];
    std::vector<float> processed = processRow(port, row);
    result.resize(rows * processed.size());
    for (size_t i = 0; i < processed.size(); ++i)
      result[r / inner * processed.size() * inner + r % inner + i * inner] = processed[i];
  }
  return result;
}

} // namespace gfs
