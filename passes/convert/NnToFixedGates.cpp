// SPDX-License-Identifier: Apache-2.0
// Everything that opens values: shifts and sign windows.
#include "passes/convert/NnToFixedLowering.h"

#include <cmath>

using namespace mlir;

namespace gfs {

/// With fewer a function's result takes too few values to be worth computing.
static constexpr int leastFunctionBits = 3;
/// Logarithm of the steps of a sign window that a piece of a function has at least.
static constexpr int stepsOfPiece = 3;
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
                       << " bits: choose a wider ring (--ring)");
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
  // The square has twice the operand's scale: as many bits as asked for, less where they are odd.
  double magnitude = std::max(analysis.heldRange(op.getInput()).magnitude(), 0x1p-30);
  int bits = static_cast<int>(options.squareBits) - ceilLog2(magnitude * magnitude);
  int scale = std::min({bits >> 1, analysis.demand(op.getResult()) >> 1, scaleOf(input)});
  return define(
      op, make<fixed::SquareOp>(typeOf(input).withScale(2 * scale), input, scaleOf(input) - scale));
}

/// Last places: a change of the operand by one changes the result by at most one of an
/// activation's. A result of degree 2 has twice the operand's scale and the bits of the quadratic
/// coefficients.
FixedLowering::SplineScales FixedLowering::chooseSplineScales(nn::FunctionOp op,
                                                              int inputScale) const {
  const FunctionSpline &spline = analysis.spline(op);
  int room = analysis.demand(op.getResult());
  int slopeBits = ceilLog2(std::max(spline.slope, 0x1p-8));
  int scale = std::min(inputScale, analysis.wish(op.getResult()) + slopeBits);
  bool linear = llvm::all_of(spline.spline.pieces, [](const Quadratic &piece) {
    return piece.c2 == 0 && std::rint(piece.c1) == piece.c1;
  });
  if (linear) {
    scale = std::min(scale, room);
    return {scale, scale};
  }
  bool quadratic = spline.spline.degree() == 2;
  scale = std::min(scale, room - spline.linearBits);
  if (quadratic)
    scale = std::min(scale, (room - spline.quadraticBits) >> 1);
  int result = scale + spline.linearBits;
  return {scale, quadratic ? std::max(result, 2 * scale + spline.quadraticBits) : result};
}

LogicalResult FixedLowering::lowerFunction(nn::FunctionOp op) {
  const PiecewiseQuadratic &spline = analysis.spline(op).spline;
  Value input = held(op.getInput());
  const double reach = analysis.heldRange(op.getInput()).magnitude();
  const int inputScale = scaleOf(input);
  SplineScales scales = chooseSplineScales(op, inputScale);
  const FunctionSpline &fit = analysis.spline(op);
  // A unit of the operand must not move the result by more than this part of its largest value.
  if (std::ldexp(fit.slope, leastFunctionBits - scales.operand) > fit.magnitude)
    return op.emitOpError() << "has fewer than " << leastFunctionBits
                            << " bits left for its operand in a ring of " << options.ringBits
                            << " bits: choose a wider ring (--ring)";
  IntegerSpline rounded = IntegerSpline::round(spline, scales.operand, scales.result);
  if (rounded.pieces.empty())
    return op.emitOpError("has coefficients of more than 62 bits: calibrate with typical inputs");
  SmallVector<int64_t> thresholds, pieces;
  llvm::append_range(pieces, rounded.pieces.front());
  for (auto [knot, piece] : llvm::zip(spline.knots, llvm::drop_begin(rounded.pieces))) {
    int64_t threshold = std::llrint(std::ldexp(knot, inputScale));
    // Of two knots on one integer the second decides.
    if (!thresholds.empty() && threshold == thresholds.back())
      pieces.truncate(pieces.size() - piece.size());
    else
      thresholds.push_back(threshold);
    pieces.append(piece.begin(), piece.end());
  }
  double farthest = static_cast<double>(std::max(-thresholds.front(), thresholds.back()));
  int shift = inputScale - scales.operand;
  auto window = chooseWindow(
      op, std::ldexp(reach, inputScale) + std::max(farthest, 0.0) / options.headroom, shift);
  if (failed(window))
    return failure();
  // Pieces are told apart by steps much shorter than they: where a function is steep, as an inverse
  // near zero, any other piece than its own is far off.
  for (size_t i = 1; i < thresholds.size(); ++i)
    window->low = std::min(
        window->low, std::max(0, floorLog2(static_cast<double>(thresholds[i] - thresholds[i - 1])) -
                                     stepsOfPiece));
  return define(op, make<fixed::SplineOp>(typeOf(input).withScale(scales.result), input, shift,
                                          window->low, window->high, thresholds, pieces));
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
