// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/Windows.h"

namespace gfs::onnx {

int64_t WindowAxis::positions(const Node &node) const {
  int64_t room = before + extent + after + ceil - span();
  if (room < 0)
    node.malformed(fmt::format("a window of {} does not fit into the padded extent {}", span(),
                               before + extent + after + ceil));
  return room / stride + 1;
}

llvm::SmallVector<WindowAxis *, 3> Window::spatial(size_t axes) {
  WindowAxis *all[] = {&depth, &rows, &columns};
  return llvm::SmallVector<WindowAxis *, 3>(llvm::ArrayRef(all).take_back(axes));
}

/// SAME: as many positions as ceil(extent / stride); the odd row of padding goes behind (UPPER) or
/// in front (LOWER).
static void padSame(WindowAxis &axis, bool upper) {
  int64_t total =
      std::max<int64_t>(0, ((axis.extent + axis.stride - 1) / axis.stride - 1) * axis.stride +
                               axis.span() - axis.extent);
  int64_t less = total / 2;
  axis.before = upper ? less : total - less;
  axis.after = upper ? total - less : less;
}

/// Rounding up: one position more where the stride leaves a rest, unless its window would begin in
/// the padding after the image. An image smaller than the window by less than a stride has one.
static void padForCeil(WindowAxis &axis) {
  int64_t padded = axis.extent + axis.before + axis.after;
  int64_t room = padded - axis.span();
  if (room <= -axis.stride || room % axis.stride == 0)
    return;
  int64_t start = room < 0 ? 0 : (room / axis.stride + 1) * axis.stride;
  if (start < axis.extent + axis.before)
    axis.ceil = start + axis.span() - padded;
}

/// As many numbers as there are spatial axes, or as `pads` has, twice as many.
static std::vector<int64_t> readNumbers(Node &node, const char *name, std::vector<int64_t> fallback,
                                        size_t axes) {
  const size_t expected = fallback.empty() ? axes : fallback.size();
  std::vector<int64_t> numbers = node.integers(name, std::move(fallback));
  if (numbers.size() != expected)
    node.malformed(fmt::format("attribute '{}' has {} numbers for {} spatial axes", name,
                               numbers.size(), axes));
  return numbers;
}

Window readWindow(Node &node, llvm::ArrayRef<int64_t> input, llvm::ArrayRef<int64_t> kernel) {
  if (input.size() < 3 || input.size() > 5)
    node.unsupported(fmt::format("an operand of shape {}", nn::printShape(input)),
                     "only one, two and three spatial axes are supported");
  const size_t axes = input.size() - 2;
  const std::vector<int64_t> ones(axes, 1);
  std::vector<int64_t> kernels = readNumbers(node, "kernel_shape", kernel.vec(), axes),
                       strides = readNumbers(node, "strides", ones, axes),
                       dilations = readNumbers(node, "dilations", ones, axes),
                       pads = readNumbers(node, "pads", std::vector<int64_t>(2 * axes, 0), axes);
  Window window;
  const llvm::SmallVector<WindowAxis *, 3> spatial = window.spatial(axes);
  for (size_t i = 0; i < axes; ++i)
    *spatial[i] = {.extent = input[2 + i],
                   .kernel = kernels[i],
                   .stride = strides[i],
                   .dilation = dilations[i],
                   .before = pads[i],
                   .after = pads[axes + i]};
  for (const WindowAxis *axis : spatial) {
    ImageWindow alone(*axis, {});
    if (!nn::WindowGeometry{alone.kernel, alone.strides, alone.dilations, alone.pads}.isValid())
      node.unsupported(
          "kernel, strides and dilations must be positive and pads must not be negative, "
          "all below 2^24",
          "export the model with an explicit Pad or Slice instead");
  }
  const std::string automatic = node.text("auto_pad", "NOTSET");
  const bool upper = automatic == "SAME_UPPER", same = upper || automatic == "SAME_LOWER";
  if (!same && automatic != "VALID" && automatic != "NOTSET" && !automatic.empty())
    node.malformed(fmt::format("auto_pad '{}' is not known", automatic));
  const bool ceil = node.integer("ceil_mode", 0) != 0;
  for (WindowAxis *axis : spatial) {
    if (same)
      padSame(*axis, upper);
    else if (automatic == "VALID")
      axis->before = axis->after = 0;
    if (ceil)
      padForCeil(*axis);
  }
  return window;
}

mlir::Value asImage(Node &node, mlir::Value value) {
  llvm::ArrayRef<int64_t> shape = Node::shapeOf(value);
  if (shape.size() == 3)
    return node.emitReshape(value, {shape[0], shape[1], 1, shape[2]});
  if (shape.size() < 5)
    return value;
  OnnxValue planes = node.transpose({value, nullptr}, {0, 2, 1, 3, 4});
  return node.emitReshape(planes.tensor, {shape[0] * shape[2], shape[1], shape[3], shape[4]});
}

mlir::Value fromImage(Node &node, mlir::Value value, size_t rank, int64_t batch) {
  llvm::ArrayRef<int64_t> shape = Node::shapeOf(value);
  if (rank == 3)
    return node.emitReshape(value, {shape[0], shape[1], shape[3]});
  if (rank < 5)
    return value;
  mlir::Value planes =
      node.emitReshape(value, {batch, shape[0] / batch, shape[1], shape[2], shape[3]});
  return node.transpose({planes, nullptr}, {0, 2, 1, 3, 4}).tensor;
}

} // namespace gfs::onnx
