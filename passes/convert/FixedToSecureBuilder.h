// SPDX-License-Identifier: Apache-2.0
// Makes secure operations with fresh masks and keys, and converts between kinds. Used by the
// conversion only.
#pragma once

#include "dialects/secure/SecureDialect.h"

#include "mlir/IR/Builders.h"

#include <optional>

namespace gfs {

/// The kinds in which one value exists.
struct Forms {
  mlir::Value share, masked;
};

/// Bits [low, high) that decide a sign, and the protocol, if one was chosen for this operation.
struct Window {
  int64_t low, high;
  std::optional<secure::Protocol> protocol;
};

class SecureBuilder {
public:
  /// `protocol` is the protocol of every comparison, or nothing for that of its window; where there
  /// is none either, the default by window size.
  SecureBuilder(mlir::OpBuilder &builder, std::optional<secure::Protocol> protocol)
      : builder(builder), protocol(protocol) {}

  mlir::OpBuilder &builder;

  /// One kind of a value from whatever kinds there are; adds the form it makes.
  mlir::Value share(mlir::Location loc, Forms &forms);
  mlir::Value masked(mlir::Location loc, Forms &forms);

  mlir::Value relu(mlir::Location loc, mlir::Value masked, int64_t shift, Window window);
  /// A spline whose result has scale `scale`.
  mlir::Value spline(mlir::Location loc, mlir::Value masked, int64_t shift, Window window,
                     mlir::DenseI64ArrayAttr thresholds, mlir::DenseI64ArrayAttr pieces,
                     int32_t scale);
  /// The type of `value` with another kind, shape or scale.
  static mlir::Type shareType(mlir::Type like, llvm::ArrayRef<int64_t> shape, int32_t scale);
  static mlir::Type maskedType(mlir::Type like, llvm::ArrayRef<int64_t> shape, int32_t scale);
  mlir::IntegerAttr nextKey() { return builder.getI64IntegerAttr(keys++); }

private:
  secure::ProtocolAttr protocolOf(Window window) const;

  std::optional<secure::Protocol> protocol;
  int64_t masks = 0, keys = 0;
};

/// The geometry of a pool along one axis of an NCHW value.
struct PoolAxis {
  unsigned axis;
  int64_t in, out, kernel, stride, dilation, padLow;
};

/// Maxima over windows: `rows` and `columns` are independent, so each is reduced by a tree of its
/// own.
mlir::Value buildMaxPool(SecureBuilder &builder, mlir::Location loc, Forms operand, PoolAxis rows,
                         PoolAxis columns, Window window);

} // namespace gfs
