// SPDX-License-Identifier: Apache-2.0
// Builds a fixed function from an nn function whose scales are analysed.
#pragma once

#include "passes/convert/NnToFixedScales.h"

#include "mlir/IR/Builders.h"

namespace gfs {

/// The elements of an nn.constant as doubles, row-major.
std::vector<double> constantValues(mlir::Value constant);
/// The same, repeated to `shape` by numpy's rules.
std::vector<double> broadcastConstant(mlir::Value constant, llvm::ArrayRef<int64_t> shape);

/// One conversion. Every lower… method converts one operation, and fails with a diagnostic.
class FixedLowering {
public:
  FixedLowering(mlir::func::FuncOp source, const FixedOptions &options,
                const ScaleAnalysis &analysis)
      : source(source), options(options), analysis(analysis), builder(source.getContext()),
        location(source.getLoc()) {}

  /// Inserts the fixed function before the nn function, under the same name.
  mlir::LogicalResult run();
  unsigned truncations() const { return numTruncations; }

private:
  // NnToFixed.cpp: ports and dispatch.
  mlir::FailureOr<mlir::func::FuncOp> makeFunction();
  mlir::LogicalResult lower(mlir::Operation *op);
  mlir::LogicalResult lowerReturn(mlir::func::FuncOp target, mlir::Operation *op);

  // NnToFixedLinear.cpp: everything that multiplies by weights.
  /// What a layer's weights are multiplied by: its operand's pending factor over its result's.
  double weightFactor(mlir::Operation *op, mlir::Value input) const;
  struct LinearFormat {
    mlir::Value input;
    int weightScale;
  };
  mlir::FailureOr<LinearFormat> chooseFormat(mlir::Operation *op, mlir::Value input,
                                             double largestWeight);
  /// Rounds `values * factor * 2^scale`. Instantiated for float and double.
  template <class Real>
  mlir::FailureOr<mlir::Value> makeWeight(mlir::Operation *op, llvm::ArrayRef<int64_t> shape,
                                          llvm::ArrayRef<Real> values, double factor, int scale);
  struct LinearOperands {
    mlir::Value input, weight, bias; ///< No bias: null.
    int scale;                       ///< Of the result.
  };
  mlir::FailureOr<LinearOperands> makeOperands(mlir::Operation *op, mlir::Value input,
                                               mlir::Value weight, mlir::Value bias);
  mlir::LogicalResult lowerConv2d(nn::Conv2dOp op);
  mlir::LogicalResult lowerLinear(nn::LinearOp op);
  mlir::LogicalResult lowerBatchNorm(nn::BatchNormOp op);
  /// result = input * factors + offsets; one factor and offset per element, or per position on
  /// axis 1. No offsets: zero.
  mlir::LogicalResult lowerScaling(mlir::Operation *op, mlir::Value input,
                                   llvm::ArrayRef<double> factors, llvm::ArrayRef<double> offsets);
  mlir::LogicalResult scaleAs(const LinearFormat &format, mlir::Operation *op, mlir::Value input,
                              llvm::ArrayRef<double> factors, llvm::ArrayRef<double> offsets);
  mlir::LogicalResult lowerMul(nn::MulOp op);
  mlir::LogicalResult lowerMatMul(nn::MatMulOp op);
  /// The two factors of a product of computed values, truncated where they must be.
  llvm::SmallVector<mlir::Value> shortenFactors(mlir::Operation *product);
  /// A linear layer opens the value, as it is, with its elements moved or a constant added.
  static bool feedsLinearLayer(mlir::Value value);

  // NnToFixedGates.cpp: everything that opens values.
  struct Window {
    int low, high;
  };
  /// The window for signs of integers up to `magnitude`; `exactLow`: where it begins with the
  /// option `exact`.
  mlir::FailureOr<Window> chooseWindow(mlir::Operation *op, double magnitude, int exactLow);
  /// The scale a function's operand is shifted to, and its result's.
  struct SplineScales {
    int operand, result;
  };
  SplineScales chooseSplineScales(nn::FunctionOp op, int inputScale) const;
  mlir::LogicalResult lowerRelu(nn::ReluOp op);
  mlir::LogicalResult lowerSquare(nn::SquareOp op);
  mlir::LogicalResult lowerFunction(nn::FunctionOp op);
  mlir::LogicalResult lowerMaxPool2d(nn::MaxPool2dOp op);
  mlir::Value truncateTo(mlir::Value value, int scale);

  // NnToFixedLocal.cpp: everything servers do alone.
  mlir::LogicalResult lowerAvgPool2d(nn::AvgPool2dOp op);
  /// The sum of an average at a scale that is averageBits larger; where it is summed in parts, of
  /// as many bits as the mean needs.
  mlir::Value sumOf(nn::AvgPool2dOp op, mlir::Value input);
  /// The mean of a sum.
  mlir::LogicalResult divideAtOnce(nn::AvgPool2dOp op, mlir::Value sum);
  mlir::LogicalResult lowerSum(mlir::Operation *op, bool subtract);
  mlir::LogicalResult lowerPad(nn::PadOp op);
  mlir::LogicalResult lowerConcat(nn::ConcatOp op);
  /// Truncates the values (`originals` in the nn function) that lie beside results of gates at a
  /// larger scale than theirs.
  void shortenBesideGates(llvm::MutableArrayRef<mlir::Value> values, mlir::ValueRange originals);
  mlir::LogicalResult addConstant(mlir::Operation *op, mlir::Value value,
                                  llvm::ArrayRef<double> constant, double pending);
  mlir::Value negate(mlir::Value value);
  mlir::Value reshape(mlir::Value value, llvm::ArrayRef<int64_t> shape);
  mlir::Value broadcast(mlir::Value value, llvm::ArrayRef<int64_t> shape);
  /// `held`, which stands for `value`, with the pending factor multiplied in, unless it is `pending`
  /// already; by fewer bits of it where the scale would else be above `bound`.
  mlir::Value settle(mlir::Value held, mlir::Value value, double pending, int bound);
  /// The same for an addend, see ScaleAnalysis::reluBeside().
  mlir::Value settleAddend(mlir::Value value, double pending, int bound);
  /// Brings values to one scale: the largest of theirs that is at most `bound`.
  void align(llvm::MutableArrayRef<mlir::Value> values, int bound);

  mlir::Value held(mlir::Value value) const { return converted.lookup(value); }
  static int scaleOf(mlir::Value value) {
    return mlir::cast<fixed::TensorType>(value.getType()).getScale();
  }
  static fixed::TensorType typeOf(mlir::Value value) {
    return mlir::cast<fixed::TensorType>(value.getType());
  }
  fixed::TensorType makeType(llvm::ArrayRef<int64_t> shape, int scale) {
    return fixed::TensorType::get(builder.getContext(), shape, scale);
  }
  static llvm::ArrayRef<int64_t> shapeOf(mlir::Value value) {
    return mlir::cast<mlir::RankedTensorType>(value.getType()).getShape();
  }
  /// Records `value` as what `op`'s result became.
  mlir::LogicalResult define(mlir::Operation *op, mlir::Value value);
  /// Creates a one-result operation at the place and for the node being converted.
  template <class Op, class... Args> mlir::Value make(Args &&...args) {
    return Op::create(builder, location, std::forward<Args>(args)...);
  }

  mlir::func::FuncOp source;
  const FixedOptions &options;
  const ScaleAnalysis &analysis;
  mlir::OpBuilder builder;
  mlir::Location location;
  llvm::DenseMap<mlir::Value, mlir::Value> converted;
  llvm::DenseMap<mlir::Value, mlir::Value>
      truncated; ///< Operands of linear layers that had to be cut, for all of them.
  unsigned numTruncations = 0;
};

} // namespace gfs
