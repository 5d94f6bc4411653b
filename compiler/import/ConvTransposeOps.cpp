// SPDX-License-Identifier: Apache-2.0
// Transposed convolution, as one convolution that makes all phases of the stride side by side.
#include "compiler/import/Handlers.h"
#include "compiler/import/Windows.h"

#include <numeric>

using namespace mlir;

namespace gfs::onnx {
namespace {

/// One spatial axis. Result position o takes operand position i by tap k where
/// o + crop = stride i + dilation k. With o + crop = stride m + phase and dilation k = stride t +
/// phase that is i = m - t: for each phase an ordinary convolution over i, whose taps lie at
/// steps t of the operand.
struct TransposedAxis {
  int64_t extent, kernel, stride, dilation; ///< Of the operand, the weight and the node.
  int64_t crop = 0, result = 0;             ///< Positions cut off at the start; those left.

  int64_t span() const { return (kernel - 1) * dilation + 1; }
  /// A stride of 1 has a single phase, and taps `dilation` apart; other phases have taps of their
  /// own.
  int64_t tapDistance() const { return stride == 1 ? dilation : 1; }
  int64_t taps() const { return stride == 1 ? kernel : (span() - 1) / stride + 1; }
  /// The operand positions m that the result is made of, for all phases.
  int64_t steps() const { return (crop + result - 1) / stride + 1; }
  /// The weight's tap for that phase at `tap` of the convolution, which counts from the largest t
  /// down; -1 if there is none.
  int64_t source(int64_t phase, int64_t tap) const {
    int64_t reversed = taps() - 1 - tap;
    if (stride == 1)
      return reversed;
    int64_t position = stride * reversed + phase;
    return position % dilation == 0 && position / dilation < kernel ? position / dilation : -1;
  }
};

/// As many as the operand has spatial axes.
using Axes = SmallVector<TransposedAxis, 3>;

int64_t phasesOf(const Axes &axes) {
  int64_t phases = 1;
  for (const TransposedAxis &axis : axes)
    phases *= axis.stride;
  return phases;
}

/// An attribute with a number for each spatial axis.
std::vector<int64_t> readNumbers(Node &node, const char *name, size_t axes, int64_t fallback) {
  std::vector<int64_t> numbers = node.integers(name, std::vector<int64_t>(axes, fallback));
  if (numbers.size() != axes)
    node.malformed(fmt::format("attribute '{}' has {} numbers for {} spatial axes", name,
                               numbers.size(), axes));
  return numbers;
}

/// Where the result begins and ends: pads cut off what the stride and the kernel make, output
/// padding adds to its end, and a given shape decides how much is cut off.
void placeResult(Node &node, Axes &axes) {
  constexpr int64_t largest = int64_t(1) << 24;
  const size_t spatial = axes.size();
  std::vector<int64_t> extra = readNumbers(node, "output_padding", spatial, 0);
  bool hasShape = node.hasAttribute("output_shape");
  std::vector<int64_t> shape = node.integers("output_shape", std::vector<int64_t>(spatial, 1));
  if (shape.size() > spatial) // some exporters give N and C, too
    shape.erase(shape.begin(), shape.end() - static_cast<ptrdiff_t>(spatial));
  std::vector<int64_t> pads = node.integers("pads", std::vector<int64_t>(2 * spatial, 0));
  if (pads.size() != 2 * spatial || shape.size() != spatial)
    node.malformed(
        fmt::format("attribute 'pads' or 'output_shape' does not fit {} spatial axes", spatial));
  std::string automatic = node.text("auto_pad", "NOTSET");
  bool same = automatic == "SAME_UPPER" || automatic == "SAME_LOWER";
  if (!same && automatic != "NOTSET" && automatic != "VALID" && !automatic.empty())
    node.malformed(fmt::format("auto_pad '{}' is not known", automatic));
  for (size_t i = 0; i < spatial; ++i) {
    TransposedAxis &axis = axes[i];
    if (extra[i] < 0 || extra[i] > largest || std::abs(pads[i]) > largest ||
        std::abs(pads[spatial + i]) > largest || shape[i] <= 0 || shape[i] > largest)
      node.malformed("output_padding, pads or output_shape are out of range");
    int64_t full = axis.stride * (axis.extent - 1) + axis.span() + extra[i];
    if (same || hasShape) {
      axis.result = hasShape ? shape[i] : axis.extent * axis.stride;
      int64_t cut = std::max<int64_t>(0, full - axis.result);
      axis.crop = automatic == "SAME_UPPER" ? cut / 2 : cut - cut / 2;
    } else {
      axis.crop = automatic == "VALID" ? 0 : pads[i];
      axis.result = full - axis.crop - (automatic == "VALID" ? 0 : pads[spatial + i]);
    }
    if (axis.crop < 0)
      node.unsupported("its result begins before the first position of its operand",
                       "export the model with pads that are not negative, and a Pad after it");
    node.checkExtent(axis.result);
  }
}

Axes readAxes(Node &node, ArrayRef<int64_t> input, ArrayRef<int64_t> weight) {
  constexpr int64_t largest = int64_t(1) << 16;
  const size_t spatial = input.size() - 2;
  std::vector<int64_t> strides = readNumbers(node, "strides", spatial, 1),
                       dilations = readNumbers(node, "dilations", spatial, 1);
  std::vector<int64_t> kernel = node.integers("kernel_shape", weight.drop_front(2).vec());
  if (ArrayRef<int64_t>(kernel) != weight.drop_front(2))
    node.malformed("kernel_shape differs from the weight's shape");
  Axes axes;
  for (size_t i = 0; i < spatial; ++i) {
    axes.push_back({input[2 + i], weight[2 + i], strides[i], dilations[i]});
    if (strides[i] <= 0 || dilations[i] <= 0 || strides[i] > largest || dilations[i] > largest)
      node.malformed("strides and dilations must be positive");
  }
  placeResult(node, axes);
  return axes;
}

/// Where the weight's plane of one input and output has the tap that `axes` have at `phase`, both
/// counted over all axes with the last fastest, for the convolution's tap `tap`; -1 if there is
/// none.
int64_t sourceOf(const Axes &axes, int64_t phase, int64_t tap) {
  int64_t source = 0, extents = 1;
  for (const TransposedAxis &axis : llvm::reverse(axes)) {
    const int64_t along = axis.source(phase % axis.stride, tap % axis.taps());
    if (along < 0)
      return -1;
    source += along * extents;
    extents *= axis.kernel;
    phase /= axis.stride;
    tap /= axis.taps();
  }
  return source;
}

/// [I, O/g, kernel ..] as the weights [g, phases, O/g][I/g, taps ..] of one convolution whose
/// channels are the phases of each group's channels.
Value emitPhaseWeights(Node &node, ArrayRef<int64_t> shape, const Axes &axes, int64_t groups) {
  nn::ConstantData data = *node.constant(1);
  const int64_t inputs = shape[0] / groups, outputs = shape[1], phases = phasesOf(axes);
  int64_t plane = 1, taps = 1;
  nn::Shape target{groups * phases * outputs, inputs};
  for (const TransposedAxis &axis : axes) {
    target.push_back(axis.taps());
    plane *= axis.kernel;
    taps *= axis.taps();
  }
  node.spend(target);
  std::vector<float> weights(static_cast<size_t>(nn::elementCount(target)), 0.0f);
  auto next = weights.begin();
  for (int64_t filter = 0; filter < target[0]; ++filter) {
    int64_t output = filter % outputs, phase = filter / outputs % phases,
            group = filter / (outputs * phases);
    for (int64_t input = 0; input < inputs; ++input) {
      int64_t first = ((group * inputs + input) * outputs + output) * plane;
      for (int64_t tap = 0; tap < taps; ++tap, ++next)
        if (int64_t source = sourceOf(axes, phase, tap); source >= 0)
          *next = data[static_cast<size_t>(first + source)];
    }
  }
  return node.emitConstant(target, std::move(weights));
}

/// The bias for each phase.
Value emitPhaseBias(Node &node, int64_t outputs, int64_t groups, int64_t phases) {
  Value bias = node.constantTensor(2, "the bias");
  if (Node::shapeOf(bias) != ArrayRef<int64_t>{outputs * groups})
    node.malformed("not one bias for each output channel");
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < groups * phases * outputs; ++i)
    indices.push_back(i / (outputs * phases) * outputs + i % outputs);
  return node.take(OnnxValue{bias, nullptr}, 0, indices).tensor;
}

std::vector<int64_t> countFrom(int64_t start, int64_t count) {
  std::vector<int64_t> indices(static_cast<size_t>(count));
  std::iota(indices.begin(), indices.end(), start);
  return indices;
}

/// [N, g phases O/g, steps ..] to [N, O, result ..]: phases become the low part of the position.
Value interleave(Node &node, Value phased, const Axes &axes, int64_t groups, int64_t outputs) {
  ArrayRef<int64_t> shape = Node::shapeOf(phased);
  const auto spatial = static_cast<int64_t>(axes.size());
  OnnxValue value{phased, nullptr};
  if (phasesOf(axes) > 1) {
    nn::Shape split{shape[0] * groups}, joined{shape[0], groups * outputs};
    SmallVector<int64_t> permutation{0, 1 + spatial};
    for (int64_t i = 0; i < spatial; ++i) {
      split.push_back(axes[static_cast<size_t>(i)].stride);
      permutation.append({2 + spatial + i, 1 + i});
    }
    split.push_back(outputs);
    for (auto [axis, steps] : llvm::zip(axes, shape.drop_front(2))) {
      split.push_back(steps);
      joined.push_back(steps * axis.stride);
    }
    value = node.reshape(node.transpose(node.reshape(value, split), permutation), joined);
  }
  for (size_t i = 0; i < axes.size(); ++i)
    value = node.take(value, 2 + i, countFrom(axes[i].crop, axes[i].result));
  return value.tensor;
}

void importConvTranspose(Node &node) {
  nn::Shape input = node.shape(0), shape = node.shape(1);
  node.constantTensor(1, "the weight");
  if (input.size() != shape.size() || input.size() < 3 || input[1] != shape[0])
    node.malformed(fmt::format("operand {} and weight {} do not fit", nn::printShape(input),
                               nn::printShape(shape)));
  if (input.size() > 5)
    node.unsupported(fmt::format("an operand of shape {}", nn::printShape(input)),
                     "only one, two and three spatial axes are supported");
  int64_t groups = node.integer("group", 1);
  if (groups <= 0 || input[1] % groups != 0)
    node.malformed(fmt::format("{} groups of {} channels", groups, input[1]));
  Axes axes = readAxes(node, input, shape);
  int64_t outputs = shape[1];
  Value weight = emitPhaseWeights(node, shape, axes, groups);
  Value bias = node.has(2) ? emitPhaseBias(node, outputs, groups, phasesOf(axes)) : Value();
  OnnxValue operand{node.tensor(0), nullptr};
  Window window;
  for (auto [i, axis, along] : llvm::enumerate(axes, window.spatial(axes.size()))) {
    // The largest t comes first, so that position m of the result reads m - t; behind the operand
    // there is nothing but zeros.
    node.checkExtent(axis.steps());
    if (axis.steps() < axis.extent)
      operand = node.take(operand, 2 + i, countFrom(0, axis.steps()));
    *along = {.extent = std::min(axis.extent, axis.steps()),
              .kernel = axis.taps(),
              .dilation = axis.tapDistance(),
              .before = (axis.taps() - 1) * axis.tapDistance(),
              .after = std::max<int64_t>(0, axis.steps() - axis.extent)};
  }
  Value phased = emitConvolution(node, operand.tensor, weight, bias, window, groups);
  node.result(interleave(node, phased, axes, groups, outputs));
}

} // namespace

void addConvTransposeOps(HandlerTable &table) { table.on("ConvTranspose", 1, importConvTranspose); }

} // namespace gfs::onnx
