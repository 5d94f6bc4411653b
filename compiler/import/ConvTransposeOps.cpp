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

using Axes = std::array<TransposedAxis, 2>;

/// Attributes for one or two spatial axes; one becomes W.
std::array<int64_t, 2> readPair(Node &node, const char *name, size_t axes, int64_t fallback) {
  std::vector<int64_t> numbers = node.integers(name, std::vector<int64_t>(axes, fallback));
  if (numbers.size() != axes)
    node.malformed(fmt::format("attribute '{}' has {} numbers for {} spatial axes", name,
                               numbers.size(), axes));
  std::array<int64_t, 2> pair{fallback, fallback};
  std::copy(numbers.begin(), numbers.end(), pair.end() - axes);
  return pair;
}

/// Where the result begins and ends: pads cut off what the stride and the kernel make, output
/// padding adds to its end, and a given shape decides how much is cut off.
void placeResult(Node &node, Axes &axes, size_t spatial) {
  constexpr int64_t largest = int64_t(1) << 24;
  std::array<int64_t, 2> extra = readPair(node, "output_padding", spatial, 0);
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
    TransposedAxis &axis = axes[2 - spatial + i];
    int64_t more = extra[2 - spatial + i];
    if (more < 0 || more > largest || std::abs(pads[i]) > largest ||
        std::abs(pads[spatial + i]) > largest || shape[i] <= 0 || shape[i] > largest)
      node.malformed("output_padding, pads or output_shape are out of range");
    int64_t full = axis.stride * (axis.extent - 1) + axis.span() + more;
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
  size_t spatial = input.size() - 2;
  constexpr int64_t largest = int64_t(1) << 16;
  std::array<int64_t, 2> strides = readPair(node, "strides", spatial, 1),
                         dilations = readPair(node, "dilations", spatial, 1);
  Axes axes{{{1, 1, 1, 1}, {1, 1, 1, 1}}};
  axes[0].result = 1;
  std::vector<int64_t> kernel =
      node.integers("kernel_shape", std::vector<int64_t>(weight.begin() + 2, weight.end()));
  if (ArrayRef<int64_t>(kernel) != weight.drop_front(2))
    node.malformed("kernel_shape differs from the weight's shape");
  for (size_t i = 2 - spatial; i < 2; ++i) {
    axes[i] = {input[spatial + i], weight[spatial + i], strides[i], dilations[i]};
    if (strides[i] <= 0 || dilations[i] <= 0 || strides[i] > largest || dilations[i] > largest)
      node.malformed("strides and dilations must be positive");
  }
  placeResult(node, axes, spatial);
  return axes;
}

/// [I, O/g, KH, KW] as the weights [g, phases, O/g][I/g, TH, TW] of one convolution whose channels
/// are the phases of each group's channels.
Value emitPhaseWeights(Node &node, ArrayRef<int64_t> shape, const Axes &axes, int64_t groups) {
  nn::ConstantData data = *node.constant(1);
  int64_t inputs = shape[0] / groups, outputs = shape[1], rows = axes[0].kernel,
          columns = axes[1].kernel, phases = axes[0].stride * axes[1].stride;
  nn::Shape target{groups * phases * outputs, inputs, axes[0].taps(), axes[1].taps()};
  node.spend(target);
  std::vector<float> weights(static_cast<size_t>(nn::elementCount(target)), 0.0f);
  auto next = weights.begin();
  for (int64_t filter = 0; filter < target[0]; ++filter) {
    int64_t output = filter % outputs, phase = filter / outputs % phases,
            group = filter / (outputs * phases);
    for (int64_t input = 0; input < inputs; ++input) {
      int64_t plane = ((group * inputs + input) * outputs + output) * rows * columns;
      for (int64_t y = 0; y < target[2]; ++y)
        for (int64_t x = 0; x < target[3]; ++x, ++next) {
          int64_t row = axes[0].source(phase / axes[1].stride, y),
                  column = axes[1].source(phase % axes[1].stride, x);
          if (row >= 0 && column >= 0)
            *next = data[static_cast<size_t>(plane + row * columns + column)];
        }
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

/// [N, g phases O/g, M_h, M_w] to [N, O, H, W]: phases become the low part of the position.
Value interleave(Node &node, Value phased, const Axes &axes, int64_t groups, int64_t outputs) {
  ArrayRef<int64_t> shape = Node::shapeOf(phased);
  int64_t batch = shape[0], rows = shape[2], columns = shape[3];
  OnnxValue value{phased, nullptr};
  if (axes[0].stride * axes[1].stride > 1) {
    value = node.reshape(value,
                         {batch, groups, axes[0].stride, axes[1].stride, outputs, rows, columns});
    value = node.transpose(value, {0, 1, 4, 5, 2, 6, 3});
    value = node.reshape(
        value, {batch, groups * outputs, rows * axes[0].stride, columns * axes[1].stride});
  }
  for (size_t i = 0; i < 2; ++i)
    value = node.take(value, 2 + i, countFrom(axes[i].crop, axes[i].result));
  return value.tensor;
}

void importConvTranspose(Node &node) {
  nn::Shape input = node.shape(0), shape = node.shape(1);
  node.constantTensor(1, "the weight");
  if (input.size() != shape.size() || input.size() < 3 || input[1] != shape[0])
    node.malformed(fmt::format("operand {} and weight {} do not fit", nn::printShape(input),
                               nn::printShape(shape)));
  if (input.size() > 4)
    node.unsupported(fmt::format("an operand of shape {}", nn::printShape(input)),
                     "only one and two spatial axes are supported");
  int64_t groups = node.integer("group", 1);
  if (groups <= 0 || input[1] % groups != 0)
    node.malformed(fmt::format("{} groups of {} channels", groups, input[1]));
  Axes axes = readAxes(node, input, shape);
  int64_t outputs = shape[1], phases = axes[0].stride * axes[1].stride;
  Value weight = emitPhaseWeights(node, shape, axes, groups);
  Value bias = node.has(2) ? emitPhaseBias(node, outputs, groups, phases) : Value();
  OnnxValue image{asImage(node, node.tensor(0)), nullptr};
  std::array<int64_t, 4> pads{};
  for (size_t i = 0; i < 2; ++i) {
    // The largest t comes first, so that position m of the result reads m - t; behind the operand
    // there is nothing but zeros.
    pads[i] = (axes[i].taps() - 1) * axes[i].tapDistance();
    pads[2 + i] = std::max<int64_t>(0, axes[i].steps() - axes[i].extent);
    node.checkExtent(axes[i].steps());
    if (axes[i].steps() < axes[i].extent)
      image = node.take(image, 2 + i, countFrom(0, axes[i].steps()));
  }
  int64_t ones[] = {1, 1}, distances[] = {axes[0].tapDistance(), axes[1].tapDistance()};
  Value phased = node.emit<nn::Conv2dOp>(
      {input[0], groups * phases * outputs, axes[0].steps(), axes[1].steps()}, image.tensor, weight,
      bias, ArrayRef<int64_t>(ones), ArrayRef<int64_t>(distances), ArrayRef<int64_t>(pads),
      static_cast<uint64_t>(groups));
  node.result(fromImage(node, interleave(node, phased, axes, groups, outputs), input.size()));
}

} // namespace

void addConvTransposeOps(HandlerTable &table) { table.on("ConvTranspose", 1, importConvTranspose); }

} // namespace gfs::onnx
