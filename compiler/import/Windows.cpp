// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/Windows.h"

namespace gfs::onnx {

std::array<int64_t, 4> Window::allPads() const {
  return {pads[0], pads[1], pads[2] + ceilPads[0], pads[3] + ceilPads[1]};
}

/// Puts the numbers of the spatial axes at the end of `target`, so that one axis becomes W.
template <size_t N>
static void fill(const Node &node, const char *name, llvm::ArrayRef<int64_t> numbers, size_t axes,
                 std::array<int64_t, N> &target) {
  if (numbers.size() != axes)
    node.malformed(fmt::format("attribute '{}' has {} numbers for {} spatial axes", name,
                               numbers.size(), axes));
  std::copy(numbers.begin(), numbers.end(), target.end() - numbers.size());
}

/// SAME: as many positions as ceil(extent / stride); the odd row of padding goes below (UPPER) or
/// above (LOWER).
static void padSame(Window &window, bool upper) {
  for (size_t axis = 0; axis < 2; ++axis) {
    int64_t stride = window.strides[axis], extent = window.image[axis];
    int64_t span = (window.kernel[axis] - 1) * window.dilations[axis] + 1;
    int64_t total =
        std::max<int64_t>(0, ((extent + stride - 1) / stride - 1) * stride + span - extent);
    int64_t less = total / 2;
    window.pads[axis] = upper ? less : total - less;
    window.pads[2 + axis] = upper ? total - less : less;
  }
}

/// Rounding up: one position more where the stride leaves a rest, unless its window would begin in
/// the padding after the image. An image smaller than the window by less than a stride has one.
static void padForCeil(Window &window) {
  nn::WindowGeometry geometry = window.geometry();
  for (unsigned axis = 0; axis < 2; ++axis) {
    int64_t extent = window.image[axis], stride = window.strides[axis];
    int64_t padded = extent + window.pads[axis] + window.pads[2 + axis];
    int64_t room = padded - geometry.span(axis);
    if (room <= -stride || room % stride == 0)
      continue;
    int64_t start = room < 0 ? 0 : (room / stride + 1) * stride;
    if (start < extent + window.pads[axis])
      window.ceilPads[axis] = start + geometry.span(axis) - padded;
  }
}

Window readWindow(Node &node, llvm::ArrayRef<int64_t> input, llvm::ArrayRef<int64_t> kernel) {
  if (input.size() != 3 && input.size() != 4)
    node.unsupported(fmt::format("an operand of shape {}", nn::printShape(input)),
                     "only one and two spatial axes are supported");
  size_t axes = input.size() - 2;
  Window window;
  std::vector<int64_t> ones(axes, 1);
  fill(node, "kernel_shape", node.integers("kernel_shape", kernel.vec()), axes, window.kernel);
  fill(node, "strides", node.integers("strides", ones), axes, window.strides);
  fill(node, "dilations", node.integers("dilations", ones), axes, window.dilations);
  std::copy(input.end() - axes, input.end(), window.image.end() - axes);

  std::vector<int64_t> pads = node.integers("pads", std::vector<int64_t>(2 * axes, 0));
  if (pads.size() != 2 * axes)
    node.malformed(
        fmt::format("attribute 'pads' has {} numbers for {} spatial axes", pads.size(), axes));
  for (size_t axis = 0; axis < axes; ++axis) {
    window.pads[2 - axes + axis] = pads[axis];
    window.pads[4 - axes + axis] = pads[axes + axis];
  }
  std::string automatic = node.text("auto_pad", "NOTSET");
  if (!window.geometry().isValid())
    node.unsupported(
        "kernel, strides and dilations must be positive and pads must not be negative, "
        "all below 2^24",
        "export the model with an explicit Pad or Slice instead");
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER")
    padSame(window, automatic == "SAME_UPPER");
  else if (automatic == "VALID")
    window.pads = {0, 0, 0, 0};
  else if (automatic != "NOTSET" && !automatic.empty())
    node.malformed(fmt::format("auto_pad '{}' is not known", automatic));
  if (node.integer("ceil_mode", 0) != 0)
    padForCeil(window);
  return window;
}

nn::Shape pooledShape(const Node &node, const Window &window, llvm::ArrayRef<int64_t> input,
                      int64_t channels) {
  nn::Shape shape{input[0], channels};
  std::array<int64_t, 4> pads = window.allPads();
  nn::WindowGeometry geometry{window.kernel, window.strides, window.dilations, pads};
  for (unsigned axis = 0; axis < 2; ++axis) {
    shape.push_back(geometry.positions(axis, window.image[axis]));
    if (shape.back() == 0)
      node.malformed(fmt::format("a window of {} does not fit into the padded extent {}",
                                 geometry.span(axis),
                                 window.image[axis] + pads[axis] + pads[2 + axis]));
  }
  return shape;
}

mlir::Value asImage(Node &node, mlir::Value value) {
  llvm::ArrayRef<int64_t> shape = Node::shapeOf(value);
  return shape.size() == 3 ? node.emitReshape(value, {shape[0], shape[1], 1, shape[2]}) : value;
}

mlir::Value fromImage(Node &node, mlir::Value value, size_t rank) {
  llvm::ArrayRef<int64_t> shape = Node::shapeOf(value);
  return rank == 3 ? node.emitReshape(value, {shape[0], shape[1], shape[3]}) : value;
}

} // namespace gfs::onnx
