// SPDX-License-Identifier: Apache-2.0
// What is decided about scales before any operation is converted.
#pragma once

#include "passes/convert/NnToFixed.h"
#include "passes/spline/FunctionSpline.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace gfs {

/// Smallest m with value <= 2^m, for value > 0.
int ceilLog2(double value);
/// Largest m with 2^m <= value, for value > 0.
int floorLog2(double value);

/// The single value of a constant all of whose elements are equal; nullopt otherwise.
std::optional<double> uniformConstant(mlir::Value value);

/// What a window for values up to `magnitude` must hold: with head-room, and with the last step of
/// a window of n bits that it loses at its end (1 / (1 - 2^-n) is at most 1 + 2^(1-n)).
double windowFill(double magnitude, const FixedOptions &options);

/// Per value of an nn function: the factor it is held without, and bounds of its scale.
///
/// A real v is held as the integer round(v / pending(v) * 2^scale(v)); pending(v) is 1 but after
/// averages over a number of elements that is no power of two and after products with a scalar,
/// until the next linear layer.
class ScaleAnalysis {
public:
  /// Fails, with a diagnostic for each, if operations lack `fixed.range`, or functions are used
  /// where they are not defined.
  static mlir::FailureOr<ScaleAnalysis> run(mlir::func::FuncOp function,
                                            const FixedOptions &options);

  double pending(mlir::Value value) const;
  /// Range of what is held: v / pending(v).
  fixed::RealRange heldRange(mlir::Value value) const;
  /// The largest scale with which the value fits into the ring, and so do the values made of it at
  /// the same scale.
  int demand(mlir::Value value) const { return demands.lookup(value); }
  /// The scale at which the value has `activationBits` bits and its extra ones.
  int activationScale(mlir::Value value) const;
  /// The scale at which rounding the weights of a linear operation does as little harm as rounding
  /// such values; nullopt if nobody said.
  std::optional<double> wantedWeightScale(mlir::Operation *linear) const;
  /// The scale the value should be shifted to where it is shifted anyway.
  int wish(mlir::Value value) const;
  /// What a function of held values is computed by.
  const FunctionSpline &spline(nn::FunctionOp op) const { return splines.find(op)->second; }
  /// Bits by which an average's sum grows: floor(log2(elements of the window)).
  static int averageBits(mlir::Operation *pool);
  /// Range of an average's sum at a scale that grows by averageBits; windows inside the image.
  fixed::RealRange sumRange(nn::AvgPool2dOp pool) const;
  /// The integer and the number of bits the scale grows by that multiply a held value by
  /// pending(v).
  struct Settlement {
    int64_t factor;
    int scaleGrowth;
  };
  Settlement settlement(mlir::Value value) const;
  /// A ReLU's operand that is also multiplied by a scalar and added to something, as leaky ReLUs
  /// are made: its multiple is made of what the ReLU's opening leaves of it, so that the scale that
  /// the scalar adds is not the ring's. Null: `addend` is none. Else the ReLU.
  nn::ReluOp reluBeside(mlir::Value addend) const;

private:
  explicit ScaleAnalysis(const FixedOptions &options) : options(options) {}
  mlir::LogicalResult checkRanges(mlir::func::FuncOp function) const;
  void findPending(mlir::Operation *op);
  mlir::LogicalResult findSpline(nn::FunctionOp op);
  void findDemands(mlir::func::FuncOp function);
  void demandOperands(mlir::Operation *op);
  void lowerDemand(mlir::Value value, int bound);
  int largestScale(double magnitude, unsigned bits) const;

  FixedOptions options;
  llvm::DenseMap<mlir::Value, double> fitted; ///< Of linear layers' results.
  llvm::DenseMap<mlir::Value, double> pendingFactors;
  llvm::DenseMap<mlir::Operation *, FunctionSpline> splines;
  llvm::DenseMap<mlir::Value, int> demands;
};

} // namespace gfs
