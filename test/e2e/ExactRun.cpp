// SPDX-License-Identifier: Apache-2.0
// ExactRun PLAN INPUT COUNT: runs a plan of gfscc --exact privately and holds it against
// arithmetic.
//
// The servers' outputs must equal those of the clear interpreter under the same masks, bit for bit.
// Every step of that interpreter is in turn held against integer arithmetic on its operands,
// written here a second time: layers must be equal; a truncation of z by f bits must be floor(z /
// 2^f) or one more, and "one more" (a rounding event) happens with probability frac(z / 2^f); a
// ReLU must in addition be right about the sign for all |z| >= 2^(low - 1), and what it passes
// below that is less than one unit of its result. Prints the counts; exit code 8 if anything is
// off.
#include "runtime/base/Error.h"
#include "runtime/exec/Simulate.h"
#include "runtime/plan/Files.h"
#include "runtime/serve/Workload.h"

#include <cmath>
#include <map>

using namespace gfs;

namespace {

struct Counts {
  uint64_t roundings = 0, events = 0;       ///< Truncated elements; those rounded up.
  double expected = 0, variance = 0;        ///< Of the events.
  uint64_t signs = 0, undecided = 0;        ///< Elements of ReLUs; those below 2^(low - 1).
  uint64_t wrongSigns = 0, wrongValues = 0; ///< Must be 0.
};

/// floor(z / 2^f) and how likely one more is.
struct Rounded {
  int64_t floor;
  double upProbability;
};
Rounded rounded(int64_t z, unsigned f) {
  int64_t floor = z >> f;
  return {floor, static_cast<double>(z - (floor << f)) / std::ldexp(1.0, static_cast<int>(f))};
}

class Checker {
public:
  Checker(const Program &program, const WeightTable &weights)
      : program(program), ring(program.ring()) {
    for (uint32_t id = 0; id < static_cast<uint32_t>(program.plan().weights_size()); ++id)
      weightValues.push_back(words(weights.bytes(id)));
  }

  /// After each step, in program order.
  void observe(uint32_t value, std::span<const std::byte> bytes) {
    values[value] = words(bytes);
    const plan::Step *step = nullptr;
    for (const plan::Step &candidate : program.plan().steps())
      if (!candidate.has_output() && candidate.result() == value)
        step = &candidate;
    if (step->has_truncate())
      checkRounding(values[step->operands(0)], values[value], step->truncate().shift());
    else if (step->has_relu())
      checkRelu(values[step->operands(0)], values[value], step->relu());
    else if (step->has_linear())
      checkLinear(values[step->operands(0)], values[value], step->linear());
  }

  Counts counts;

private:
  using Values = std::vector<int64_t>;

  Values words(std::span<const std::byte> bytes) const {
    ClearWords copy(bytes.begin(), bytes.end());
    return signedOf(ring, copy);
  }
  int64_t wrapped(uint64_t word) const {
    return static_cast<int64_t>(word << (64 - ring.bits)) >> (64 - ring.bits);
  }

  /// `got` is v or v + 1; counts which.
  void countRounding(int64_t z, int64_t got, unsigned f) {
    auto [floor, up] = rounded(z, f);
    ++counts.roundings;
    counts.events += got == floor + 1 && up > 0;
    counts.expected += up;
    counts.variance += up * (1 - up);
    counts.wrongValues += got != floor && (got != floor + 1 || up == 0);
  }
  void checkRounding(const Values &z, const Values &got, unsigned f) {
    for (size_t i = 0; i < z.size(); ++i)
      countRounding(z[i], got[i], f);
  }
  void checkRelu(const Values &z, const Values &got, const plan::Relu &relu) {
    const unsigned low = relu.window().low();
    const int64_t sure = low > 0 ? int64_t(1) << (low - 1) : 0;
    for (size_t i = 0; i < z.size(); ++i) {
      ++counts.signs;
      if (z[i] >= sure && z[i] > 0) {
        countRounding(z[i], got[i], relu.shift());
      } else if (z[i] <= -sure && z[i] < 0) {
        counts.wrongSigns += got[i] != 0;
      } else { // at most half a unit of the window's step
        ++counts.undecided;
        counts.wrongValues += std::abs(got[i]) > std::max<int64_t>(1, sure >> relu.shift());
      }
    }
  }
  void checkLinear(const Values &x, const Values &got, const plan::Linear &linear) {
    const plan::Conv &c = linear.conv();
    const Values &w = weightValues[linear.weight()];
    const uint32_t inGroup = c.in_channels() / c.groups(), outGroup = c.out_channels() / c.groups();
    size_t at = 0;
    for (uint32_t n = 0; n < c.batch(); ++n)
      for (uint32_t o = 0; o < c.out_channels(); ++o)
        for (uint32_t y = 0; y < c.out_h(); ++y)
          for (uint32_t xo = 0; xo < c.out_w(); ++xo, ++at) {
            uint64_t sum =
                linear.has_bias() ? static_cast<uint64_t>(weightValues[linear.bias()][o]) : 0;
            for (uint32_t i = 0; i < inGroup; ++i)
              for (uint32_t ky = 0; ky < c.kernel_h(); ++ky)
                for (uint32_t kx = 0; kx < c.kernel_w(); ++kx) {
                  int64_t row =
                      int64_t(y) * c.stride_h() + int64_t(ky) * c.dilation_h() - c.pad_top();
                  int64_t col =
                      int64_t(xo) * c.stride_w() + int64_t(kx) * c.dilation_w() - c.pad_left();
                  if (row < 0 || col < 0 || row >= c.in_h() || col >= c.in_w())
                    continue;
                  const uint64_t channel =
                      uint64_t(n) * c.in_channels() + (o / outGroup) * inGroup + i;
                  sum +=
                      static_cast<uint64_t>(
                          x[(channel * c.in_h() + static_cast<uint64_t>(row)) * c.in_w() +
                            static_cast<uint64_t>(col)]) *
                      static_cast<uint64_t>(
                          w[((uint64_t(o) * inGroup + i) * c.kernel_h() + ky) * c.kernel_w() + kx]);
                }
            counts.wrongValues += wrapped(sum) != got[at];
          }
  }

  const Program &program;
  Ring ring;
  std::vector<Values> weightValues;
  std::map<uint32_t, Values> values;
};

void runExact(const std::filesystem::path &path, const std::string &input, uint64_t count) {
  plan::LoadedPlan plan = plan::readPlan(path);
  ModelPaths beside = ModelPaths::beside(path);
  plan::DealerKey key = plan::readDealerKey(beside.dealerKey, plan);
  MaskedWeights masked = readMaskedWeights(beside.weights, plan);
  WeightTable clear = unmaskWeights(plan.plan, masked, key.seeds[0], key.seeds[1]);
  ProgramRef program = makeProgram(plan);
  serve::Workload workload(program->plan(), {.inputs = {input}, .batch = true, .limit = count});
  Simulator simulator(program, std::move(masked), key.seeds[0], key.seeds[1]);
  Checker checker(*program, clear);
  uint64_t outputWords = 0;
  for (uint64_t request = 0; request < workload.requests(); ++request) {
    std::vector<ClearWords> inputs = workload.inputs(request);
    SimulationResult result = simulator.run(inputs);
    std::vector<ClearWords> reference =
        ClearExecutor(program, clear)
            .run(key.seeds[0], key.seeds[1], result.request, inputs,
                 [&](uint32_t value, std::span<const std::byte> words) {
                   checker.observe(value, words);
                 });
    for (size_t port = 0; port < reference.size(); ++port) {
      std::vector<int64_t> expected = signedOf(program->ring(), reference[port]);
      outputWords += expected.size();
      if (signedOf(program->ring(), result.outputs[port]) != expected)
        throw Error(ExitCode::VerifyMismatch, "the servers' output is not the reference's");
    }
  }
  const Counts &counts = checker.counts;
  fmt::print("{} inferences, {} output words equal; {} signs, {} within half a step of zero, {} "
             "wrong; {} roundings, {} up, {:.1f} +- {:.1f} expected, {} wrong values\n",
             workload.requests(), outputWords, counts.signs, counts.undecided, counts.wrongSigns,
             counts.roundings, counts.events, counts.expected, std::sqrt(counts.variance),
             counts.wrongValues);
  if (counts.wrongSigns > 0 || counts.wrongValues > 0)
    throw Error(ExitCode::VerifyMismatch, "steps differ from integer arithmetic");
  // Six deviations: by chance once in 10^9.
  double distance = std::abs(static_cast<double>(counts.events) - counts.expected);
  if (counts.roundings == 0 || distance > 6 * std::sqrt(counts.variance) + 1)
    throw Error(ExitCode::VerifyMismatch, "roundings are biased");
}

} // namespace

int main(int argc, char **argv) {
  return runTool("ExactRun", [&] {
    if (argc != 4)
      throw Error(ExitCode::Usage, "ExactRun PLAN INPUT COUNT");
    runExact(argv[1], argv[2], std::stoull(argv[3]));
  });
}
