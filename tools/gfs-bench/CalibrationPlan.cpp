// SPDX-License-Identifier: Apache-2.0
#include "tools/gfs-bench/CalibrationPlan.h"

#include "runtime/exec/Simulate.h"
#include "runtime/plan/PlanBuilder.h"

#include <algorithm>

namespace gfs {

using Protocol = plan::SignWindow;

double median(std::vector<double> values) {
  auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::vector<double> stepTimes(const plan::Plan &source, unsigned runs) {
  ProgramRef program = makeProgram(plan::parsePlan(plan::serializePlan(source), "calibration"));
  const SecretSeed seed0 = SecretSeed::random(), seed1 = SecretSeed::random();
  std::vector<std::vector<int64_t>> weights;
  for (const plan::WeightTensor &weight : program->plan().weights())
    weights.emplace_back(weight.elements(), 1);
  WeightTable clear = clearWeights(program->plan(), weights);
  Simulator simulator(program, maskWeights(program->plan(), clear, seed0, seed1, plan::randomId()),
                      seed0, seed1);
  // Masks turn zeros into arbitrary words.
  std::vector<ClearWords> inputs;
  for (const plan::Port &port : program->plan().inputs())
    inputs.emplace_back(program->valueBytes(port.value()));

  std::vector<std::vector<double>> samples(program->steps());
  for (unsigned run = 0; run < runs; ++run) {
    SimulationResult result = simulator.run(inputs);
    for (uint32_t step = 0; step < program->steps(); ++step)
      samples[step].push_back(1e9 * std::max(result.reports[0].evaluateSeconds[step],
                                             result.reports[1].evaluateSeconds[step]));
  }
  std::vector<double> medians;
  for (std::vector<double> &times : samples)
    medians.push_back(median(std::move(times)));
  return medians;
}

namespace {
class Gates {
public:
  Gates(unsigned ringBits, uint64_t elements)
      : builder(ringBits), shape{1, 1, side(elements), elements / side(elements)},
        elements(static_cast<double>(elements)) {}

  CalibrationPlan build() {
    uint32_t x = measured("input", builder.input(shape)), y = measured("", builder.input(shape));
    uint32_t m = measured("open", builder.open(x)), n = measured("", builder.open(y));
    std::vector<uint32_t> results;
    auto relu = [&](const char *work, unsigned low, unsigned high, Protocol::Protocol protocol,
                    double units) {
      results.push_back(measured(work, builder.relu(m, shift, low, high, protocol), units));
    };
    relu("relu_table", 6, 13, Protocol::TABLE, 1);
    relu("relu_one_hot", 2, 14, Protocol::ONE_HOT, 3);
    relu("relu_key", 5, 13, Protocol::DCF, 1);
    auto step = [&](const char *work, const std::vector<uint32_t> &operands, auto fill,
                    double units = 1) {
      results.push_back(builder.step(operands, shape, PlanBuilder::shared));
      fill(builder.latest());
      measured(work, results.back(), units);
    };
    step("unmask", {m}, [](plan::Step &s) { s.mutable_unmask(); });
    step("truncate", {m}, [](plan::Step &s) { s.mutable_truncate()->set_shift(shift); });
    step("square", {m}, [](plan::Step &s) { s.mutable_square()->set_shift(shift); });
    step("multiply", {m, n}, [](plan::Step &s) { s.mutable_multiply(); });
    step("spline", {m}, [](plan::Step &s) { fill(*s.mutable_spline()); }, 4);
    step("sum_pool", {x}, [](plan::Step &s) { fill(*s.mutable_sum_pool()); }, 9);
    step("local", {x, y}, [](plan::Step &s) { s.mutable_add(); });
    uint32_t weight = builder.weight(static_cast<uint64_t>(elements));
    step("add_weight", {x}, [&](plan::Step &s) { s.mutable_add_weight()->set_weight(weight); });
    for (uint32_t value : results) {
      builder.output(value);
      measured("output", value);
    }
    return {builder.build(), std::move(meanings)};
  }

private:
  static constexpr unsigned shift = 5;
  static uint64_t side(uint64_t elements) { return elements <= 64 ? 4 : 64; }

  uint32_t measured(const char *work, uint32_t value, double perElement = 1) {
    meanings.push_back({work, perElement * elements, std::nullopt});
    return value;
  }
  static void fill(plan::Spline &spline) {
    spline.set_shift(shift);
    PlanBuilder::setWindow(*spline.mutable_window(), 6, 13, Protocol::TABLE);
    for (int64_t threshold : {-1024, 0, 1024})
      spline.add_thresholds(threshold);
    for (int64_t slope : {0, 1, 2, 3})
      spline.add_pieces()->set_c1(slope);
  }
  static void fill(plan::SumPool &pool) {
    pool.set_kernel_h(3);
    pool.set_kernel_w(3);
    pool.set_stride_h(1);
    pool.set_stride_w(1);
    pool.set_dilation_h(1);
    pool.set_dilation_w(1);
    pool.set_pad_top(1);
    pool.set_pad_left(1);
  }

  PlanBuilder builder;
  PlanBuilder::Shape shape;
  double elements;
  std::vector<CalibrationPlan::Meaning> meanings;
};
} // namespace

CalibrationPlan gateCalibration(unsigned ringBits, uint64_t elements) {
  return Gates(ringBits, elements).build();
}

CalibrationPlan layerCalibration(unsigned ringBits) {
  PlanBuilder builder(ringBits);
  std::vector<CalibrationPlan::Meaning> meanings;
  const std::pair<LinearShape, plan::Conv> layers[] = {
      {LinearShape::Dense, makeConv(1, 128, 16, 128)},
      {LinearShape::Filter, makeConv(1, 64, 28, 64, 3, 1, 1)},
      {LinearShape::Thin, makeConv(1, 3, 32, 16, 3, 1, 1)},
      {LinearShape::Depthwise, makeConv(1, 64, 32, 64, 3, 1, 1, 64)},
      {LinearShape::Matrix, makeConv(1, 512, 1, 256)}};
  for (const auto &[layer, conv] : layers) {
    uint32_t x =
        builder.open(builder.input({conv.batch(), conv.in_channels(), conv.in_h(), conv.in_w()}));
    uint32_t z = builder.linear(x, conv, /*bias=*/true);
    builder.output(z);
    const double multiplications = static_cast<double>(conv.out_channels()) * conv.out_h() *
                                   conv.out_w() * (conv.in_channels() / conv.groups()) *
                                   conv.kernel_h() * conv.kernel_w();
    meanings.insert(meanings.end(),
                    {{"", 1, {}}, {"", 1, {}}, {"", multiplications, layer}, {"", 1, {}}});
  }
  return {builder.build(), std::move(meanings)};
}

} // namespace gfs
