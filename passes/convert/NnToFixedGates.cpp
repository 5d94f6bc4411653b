// SPDX-License-Identifier: Apache-2.0
// Everything that opens values: shifts and sign windows.
#include "passes/convert/NnToFixedLowering.h"

#include <cmath>

using namespace mlir;

namespace gfs {

/// Bits by which the operand of a square is held shorter than other activations: its result has
/// twice as many.
static constexpr int squareBitsLess = 2;
/// How far below the last place of its operand's users an exact maximum decides.
static constexpr int exactMaximumBits = 2;

FailureOr<FixedLowering::Window> FixedLowering::chooseWindow(Operation *op, double magnitude,
                                                             int exactLow) {
  for (int high = 1; high <= static_cast<int>(options.ringBits) - 2; ++high) {
    int low =
        options.exact ? std::min(exactLow, high - 1) : high - static_cast<int>(options.windowBits);
    low = std::max(low, 0);
    if (options.headroom * magnitude < std::ldexp(1.0, high) - std::ldexp(1.0, low))
      return Window{low, high};
  }
  return LogicalResult(op->emitOpError()
                       << "has values too large for a sign window in a ring of " << options.ringBits
                       << " bits: choose a wider ring (--ring-bits)");
}

LogicalResult FixedLowering::lowerRelu(nn::ReluOp op) {
  Value input = held(op.getInput());
  int scale = std::min(analysis.wish(op.getResult()), scaleOf(input));
  int shift = scaleOf(input) - scale;
  double magnitude = std::ldexp(analysis.heldRange(op.getInput()).magnitude(), scaleOf(input));
  auto window = chooseWindow(op, magnitude, shift);
  if (failed(window))
    return failure();
  return define(op, make<fixed::ReluOp>(typeOf(input).withScale(scale), input, shift, window->low,
                                        window->high));
}

LogicalResult FixedLowering::lowerSquare(nn::SquareOp op) {
  Value input = held(op.getInput());
  int scale = std::min(analysis.activationScale(op.getInput()) - squareBitsLess, scaleOf(input));
  return define(
      op, make<fixed::SquareOp>(typeOf(input).withScale(2 * scale), input, scaleOf(input) - scale));
}

LogicalResult FixedLowering::lowerMaxPool2d(nn::MaxPool2dOp op) {
  Value input = held(op.getInput());
  int exactLow = scaleOf(input) - analysis.activationScale(op.getResult()) - exactMaximumBits;
  double spread = std::ldexp(analysis.heldRange(op.getInput()).spread(), scaleOf(input));
  auto window = chooseWindow(op, spread, exactLow);
  if (failed(window))
    return failure();
  return define(op,
                make<fixed::MaxPool2dOp>(makeType(shapeOf(op.getResult()), scaleOf(input)), input,
                                         op.getKernel(), op.getStrides(), op.getDilations(),
                                         op.getPads(), window->low, window->high));
}

Value FixedLowering::truncateTo(Value value, int scale) {
  ++numTruncations;
  Value result =
      make<fixed::TruncateOp>(typeOf(value).withScale(scale), value, scaleOf(value) - scale);
  if (auto range = fixed::calibratedRange(value))
    fixed::setCalibratedRange(result, *range);
  return result;
}

} // namespace gfs
