// SPDX-License-Identifier: Apache-2.0
// What each gate demands of its operands, its result and its parameters.
//
// The kinds are the security rule: only Open turns a shared value into a masked one, with the mask
// that belongs to that step alone; linear gates keep the kind; everything else takes masked values
// and gives shared ones. So every masked value is a linear function of opened ones, and nothing but
// Open, comparisons and Output leaves a server.
#include "runtime/plan/VerifyContext.h"

#include <algorithm>
#include <array>
#include <fmt/ranges.h>

namespace gfs::plan {

namespace {

/// One step under test.
class GateVerifier {
public:
  GateVerifier(const VerifyContext &context, uint32_t id)
      : v(context), id(id), step(context.step(id)), ringBits(context.plan.ring_bits()) {}

  void verify();

private:
  template <class... Args>
  void require(bool holds, fmt::format_string<Args...> cause, Args &&...args) const {
    v.requireStep(holds, id, cause, std::forward<Args>(args)...);
  }

  uint64_t operandCount(int i) const { return v.counts[step.operands(i)]; }
  uint64_t resultCount() const { return v.counts[step.result()]; }
  const Value &operand(int i) const { return v.value(step.operands(i)); }
  const Value &result() const { return v.value(step.result()); }

  void arity(int operands) const {
    require(step.operands_size() == operands, "expects {} operands, got {}", operands,
            step.operands_size());
  }
  void kind(const Value &value, Value::Kind expected, const char *which) const {
    require(value.kind() == expected, "expects its {} to be {}", which,
            expected == Value::MASKED ? "masked" : "shared");
  }
  void kinds(Value::Kind from, Value::Kind to) const {
    for (int i = 0; i < step.operands_size(); ++i)
      kind(operand(i), from, "operand");
    kind(result(), to, "result");
  }
  /// Operands and result agree in their element counts.
  void sameCounts() const {
    for (int i = 0; i < step.operands_size(); ++i)
      require(operandCount(i) == resultCount(), "expects {} elements in operand {}, got {}",
              resultCount(), i, operandCount(i));
  }
  void shift(uint32_t bits) const {
    require(bits <= ringBits - 2, "expects a shift of at most {}, got {}", ringBits - 2, bits);
  }
  void weight(uint32_t weightId, uint64_t count, const char *what) const {
    require(weightId < static_cast<uint64_t>(v.plan.weights_size()), "its {} {} does not exist",
            what, weightId);
    uint64_t found = v.plan.weights(static_cast<int>(weightId)).elements();
    require(found == count, "expects {} elements in its {}, got {}", count, what, found);
  }

  void window(bool present, const SignWindow &window) const;
  void spline() const;
  void linear() const;
  void matMul() const;
  void shape(const std::vector<uint64_t> &expected) const;
  void take() const;
  void transpose() const;
  void concat() const;
  void sumPool() const;
  uint64_t product(std::initializer_list<uint64_t> factors, uint64_t limit,
                   const char *excess) const;
  void windows(uint32_t out, uint32_t stride, uint32_t kernel, uint32_t dilation) const;

  const VerifyContext &v;
  uint32_t id;
  const Step &step;
  unsigned ringBits;
};

void GateVerifier::window(bool present, const SignWindow &window) const {
  require(present, "has no sign window");
  require(SignWindow::Protocol_IsValid(window.protocol()), "unknown comparison protocol {}",
          static_cast<int>(window.protocol()));
  require(window.low() < window.high() && window.high() <= ringBits - 2,
          "expects a sign window with low < high <= {}, got [{}, {})", ringBits - 2, window.low(),
          window.high());
  require(window.protocol() != SignWindow::TABLE || window.high() - window.low() <= maxTableBits,
          "expects a table window of at most {} bits, got {}", maxTableBits,
          window.high() - window.low());
}

void GateVerifier::spline() const {
  const Spline &spline = step.spline();
  shift(spline.shift());
  window(spline.has_window(), spline.window());
  require(spline.thresholds_size() >= 1 && spline.thresholds_size() <= int(maxThresholds),
          "expects 1 to {} thresholds, got {}", maxThresholds, spline.thresholds_size());
  require(spline.pieces_size() == spline.thresholds_size() + 1, "expects {} pieces, got {}",
          spline.thresholds_size() + 1, spline.pieces_size());
  const int64_t limit = int64_t(1) << (ringBits - 2);
  for (int i = 0; i < spline.thresholds_size(); ++i) {
    require(spline.thresholds(i) > -limit && spline.thresholds(i) < limit,
            "threshold {} leaves the range", i);
    require(i == 0 || spline.thresholds(i - 1) < spline.thresholds(i), "thresholds do not ascend");
  }
}

/// More than any network that fits into memory needs; so that no plan keeps a server for days.
static constexpr uint64_t maxMultiplications = uint64_t(1) << 46;
static constexpr uint64_t maxPoolAdditions = uint64_t(1) << 36;
/// Words of the padded copy that a convolution makes of its operand.
static constexpr uint64_t maxImage = 4 * maxElements;

/// A product of sizes, none of which may be zero.
uint64_t GateVerifier::product(std::initializer_list<uint64_t> factors, uint64_t limit,
                               const char *excess) const {
  uint64_t count = 1;
  for (uint64_t factor : factors)
    require(factor > 0 && multiplyWithin(count, factor, limit, count), "{}", excess);
  return count;
}

/// The farthest coordinate a window reaches, padding included, is bounded so that kernels may use
/// 32-bit indices.
void GateVerifier::windows(uint32_t out, uint32_t stride, uint32_t kernel,
                           uint32_t dilation) const {
  require(stride > 0 && dilation > 0 && kernel > 0, "has a zero stride, dilation or kernel");
  constexpr uint64_t limit = uint64_t(1) << 30;
  uint64_t steps = 0, reach = 0;
  require(multiplyWithin(out - 1, stride, limit, steps) &&
              multiplyWithin(kernel - 1, dilation, limit, reach),
          "its windows leave the range");
}

/// One direction of the phase image (kernels/ConvGeometry.h): a plane of out + reach / stride for
/// each of at most min(kernel, stride) residues.
static uint64_t phaseExtent(uint32_t out, uint32_t stride, uint32_t kernel, uint32_t dilation) {
  return (out + uint64_t(kernel - 1) * dilation / stride) * std::min(kernel, stride);
}

void GateVerifier::linear() const {
  const Linear &linear = step.linear();
  const Conv &c = linear.conv();
  arity(1);
  kinds(Value::MASKED, v.plan.weight_mode() == WEIGHTS_PUBLIC ? Value::MASKED : Value::SHARED);
  require(linear.has_conv(), "has no geometry");
  require(c.groups() > 0 && c.in_channels() % c.groups() == 0 && c.out_channels() % c.groups() == 0,
          "its {} groups do not divide its channels", c.groups());
  static constexpr const char *size = "has a size that is zero or too large";
  const uint64_t in = product({c.batch(), c.in_channels(), c.in_h(), c.in_w()}, maxElements, size),
                 out = product({c.batch(), c.out_channels(), c.out_h(), c.out_w()}, maxElements,
                               size),
                 taps = product({c.in_channels() / c.groups(), c.kernel_h(), c.kernel_w()},
                                maxElements, size),
                 weights = product({c.out_channels(), taps}, maxElements, size);
  windows(c.out_h(), c.stride_h(), c.kernel_h(), c.dilation_h());
  windows(c.out_w(), c.stride_w(), c.kernel_w(), c.dilation_w());
  product({c.batch(), c.in_channels(),
           phaseExtent(c.out_h(), c.stride_h(), c.kernel_h(), c.dilation_h()),
           phaseExtent(c.out_w(), c.stride_w(), c.kernel_w(), c.dilation_w())},
          maxImage, "its windows leave the range: its padded operand would be too large");
  product({out, taps}, maxMultiplications, "takes too many multiplications");
  require(c.pad_top() < (1u << 30) && c.pad_left() < (1u << 30), "its padding is too large");
  require(in == operandCount(0), "expects {} operand elements, got {}", in, operandCount(0));
  require(out == resultCount(), "expects {} result elements, got {}", out, resultCount());
  weight(linear.weight(), weights, "weight");
  if (linear.has_bias())
    weight(linear.bias(), c.out_channels(), "bias");
}

void GateVerifier::shape(const std::vector<uint64_t> &expected) const {
  require(std::equal(expected.begin(), expected.end(), result().shape().begin(),
                     result().shape().end()),
          "expects a result of shape {}, got {}", fmt::join(expected, "x"),
          fmt::join(result().shape(), "x"));
}

void GateVerifier::take() const {
  const Take &take = step.take();
  arity(1);
  kinds(operand(0).kind(), operand(0).kind());
  require(take.axis() < static_cast<uint32_t>(operand(0).shape_size()), "axis {} does not exist",
          take.axis());
  std::vector<uint64_t> expected(operand(0).shape().begin(), operand(0).shape().end());
  auto size = static_cast<int64_t>(expected[take.axis()]);
  for (int32_t index : take.indices())
    require(index >= -1 && index < size, "index {} is not in [-1, {})", index, size);
  expected[take.axis()] = static_cast<uint64_t>(take.indices_size());
  shape(expected);
}

void GateVerifier::transpose() const {
  const auto &permutation = step.transpose().permutation();
  arity(1);
  kinds(operand(0).kind(), operand(0).kind());
  require(permutation.size() == operand(0).shape_size(), "expects a permutation of {} axes, got {}",
          operand(0).shape_size(), permutation.size());
  std::array<bool, maxRank> seen = {};
  std::vector<uint64_t> expected;
  for (uint32_t axis : permutation) {
    require(axis < static_cast<uint32_t>(permutation.size()) && !seen[axis],
            "its axes are no permutation");
    seen[axis] = true;
    expected.push_back(operand(0).shape(static_cast<int>(axis)));
  }
  shape(expected);
}

void GateVerifier::concat() const {
  uint32_t axis = step.concat().axis();
  require(step.operands_size() > 0, "expects an operand");
  kinds(operand(0).kind(), operand(0).kind());
  require(axis < static_cast<uint32_t>(operand(0).shape_size()), "axis {} does not exist", axis);
  std::vector<uint64_t> expected(operand(0).shape().begin(), operand(0).shape().end());
  expected[axis] = 0;
  for (int i = 0; i < step.operands_size(); ++i) {
    require(operand(i).shape_size() == operand(0).shape_size(), "operand {} has another rank", i);
    for (int d = 0; d < operand(i).shape_size(); ++d)
      require(static_cast<uint32_t>(d) == axis || operand(i).shape(d) == operand(0).shape(d),
              "operand {} has another shape", i);
    expected[axis] += operand(i).shape(static_cast<int>(axis));
  }
  shape(expected);
}

void GateVerifier::matMul() const {
  const MatMul &it = step.mat_mul();
  arity(2);
  kinds(Value::MASKED, Value::SHARED);
  const char *tooLarge = "its matrices are empty or too large";
  auto elements = [&](uint64_t first, uint64_t second) {
    return product({it.count(), first, second}, maxElements, tooLarge);
  };
  const uint64_t expected[] = {elements(it.rows(), it.inner()), elements(it.inner(), it.columns())};
  for (int i = 0; i < 2; ++i)
    require(operandCount(i) == expected[i], "expects {} elements in operand {}, got {}",
            expected[i], i, operandCount(i));
  const uint64_t found = elements(it.rows(), it.columns());
  require(resultCount() == found, "expects {} elements in its result, got {}", found,
          resultCount());
  product({found, it.inner()}, maxMultiplications, "takes too many multiplications");
}

void GateVerifier::sumPool() const {
  const SumPool &pool = step.sum_pool();
  arity(1);
  kinds(operand(0).kind(), operand(0).kind());
  const auto &from = operand(0).shape(), &to = result().shape();
  require(from.size() == 4 && to.size() == 4 && from[0] == to[0] && from[1] == to[1],
          "expects NCHW values of one batch and channel count");
  for (uint64_t size : {from[2], from[3], to[2], to[3]})
    require(size < (1u << 30), "its image is too large");
  windows(static_cast<uint32_t>(to[2]), pool.stride_h(), pool.kernel_h(), pool.dilation_h());
  windows(static_cast<uint32_t>(to[3]), pool.stride_w(), pool.kernel_w(), pool.dilation_w());
  product({resultCount(), pool.kernel_h(), pool.kernel_w()}, maxPoolAdditions,
          "takes too many additions");
  require(pool.pad_top() < (1u << 30) && pool.pad_left() < (1u << 30), "its padding is too large");
}

void GateVerifier::verify() {
  switch (step.gate_case()) {
  case Step::kInput:
    arity(0);
    kind(result(), Value::SHARED, "result");
    return;
  case Step::kOutput:
    arity(1);
    kind(operand(0), Value::SHARED, "operand");
    return;
  case Step::kOpen:
    arity(1);
    kinds(Value::SHARED, Value::MASKED);
    require(step.open().dropped() <= ringBits - 3, "expects to drop at most {} bits, got {}",
            ringBits - 3, step.open().dropped());
    return sameCounts();
  case Step::kLinear:
    return linear();
  case Step::kRelu:
    arity(1);
    kinds(Value::MASKED, Value::SHARED);
    shift(step.relu().shift());
    window(step.relu().has_window(), step.relu().window());
    return sameCounts();
  case Step::kTruncate:
    arity(1);
    kinds(Value::MASKED, Value::SHARED);
    shift(step.truncate().shift());
    return sameCounts();
  case Step::kSquare:
    arity(1);
    kinds(Value::MASKED, Value::SHARED);
    shift(step.square().shift());
    return sameCounts();
  case Step::kSpline:
    arity(1);
    kinds(Value::MASKED, Value::SHARED);
    spline();
    return sameCounts();
  case Step::kMultiply:
    arity(2);
    kinds(Value::MASKED, Value::SHARED);
    return sameCounts();
  case Step::kMatMul:
    return matMul();
  case Step::kUnmask:
    arity(1);
    kinds(Value::MASKED, Value::SHARED);
    return sameCounts();
  case Step::kAddWeight:
    arity(1);
    kinds(Value::SHARED, Value::SHARED);
    weight(step.add_weight().weight(), resultCount(), "weight");
    return sameCounts();
  case Step::kAdd:
  case Step::kSub:
    arity(2);
    kinds(operand(0).kind(), operand(0).kind());
    return sameCounts();
  case Step::kScale:
    arity(1);
    kinds(operand(0).kind(), operand(0).kind());
    return sameCounts();
  case Step::kTake:
    return take();
  case Step::kTranspose:
    return transpose();
  case Step::kConcat:
    return concat();
  case Step::kSumPool:
    return sumPool();
  case Step::GATE_NOT_SET:
    break;
  }
  require(false, "has no gate");
}

} // namespace

void verifyGate(const VerifyContext &context, uint32_t step) {
  GateVerifier(context, step).verify();
}

} // namespace gfs::plan
