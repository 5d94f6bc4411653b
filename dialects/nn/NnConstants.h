// SPDX-License-Identifier: Apache-2.0
// Making and reading the floats of nn.constant without copying them.
#pragma once

#include "dialects/nn/NnDialect.h"

#include <string>
#include <vector>

namespace gfs::nn {

/// f32 tensor of that shape, which must be valid.
mlir::RankedTensorType tensorType(mlir::MLIRContext *context, llvm::ArrayRef<int64_t> shape);

/// A constant of `values` (as many as `shape` has elements) in row-major order. Up to 16 elements,
/// and constants all of whose elements are equal, are written out; others become a resource named
/// after `name`, which takes the vector over.
mlir::ElementsAttr makeConstant(mlir::MLIRContext *context, llvm::ArrayRef<int64_t> shape,
                                std::vector<float> values, llvm::StringRef name);

/// The same from little-endian bytes, four per element.
mlir::ElementsAttr makeConstant(mlir::MLIRContext *context, llvm::ArrayRef<int64_t> shape,
                                std::string bytes, llvm::StringRef name);

/// A constant all of whose elements are `value`.
mlir::ElementsAttr makeSplat(mlir::MLIRContext *context, llvm::ArrayRef<int64_t> shape,
                             float value);

/// The same elements in another shape of as many elements; nothing is copied.
mlir::ElementsAttr reshapeConstant(mlir::ElementsAttr value, llvm::ArrayRef<int64_t> shape);

/// The elements of an f32 constant in row-major order. Points into the attribute (which lives as
/// long as the context) where it can, owns them where it must (splats).
class ConstantData {
public:
  explicit ConstantData(mlir::ElementsAttr value);
  /// The constant must be the result of nn.constant.
  explicit ConstantData(mlir::Value value);
  ConstantData(ConstantData &&) = default;
  ConstantData &operator=(ConstantData &&) = default;

  llvm::ArrayRef<float> values() const { return view; }
  size_t size() const { return view.size(); }
  float operator[](size_t i) const { return view[i]; }
  const float *begin() const { return view.begin(); }
  const float *end() const { return view.end(); }

private:
  std::vector<float> expanded;
  llvm::ArrayRef<float> view;
};

/// The attribute of the nn.constant that defines `value`; null if something else does.
mlir::ElementsAttr constantValue(mlir::Value value);

/// Whether a scalar is one that people write and training does not find: of at most three decimals,
/// or the reciprocal of such a number (or of a whole one), up to the rounding of floats.
bool isRoundNumber(double value);

/// The one value of a splat or of a constant of one element; nullopt for others.
std::optional<float> splatValue(mlir::ElementsAttr value);

} // namespace gfs::nn
