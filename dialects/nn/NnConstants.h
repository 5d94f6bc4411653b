// SPDX-License-Identifier: Apache-2.0
// Making and reading the floats of nn.constant without copying them.
#pragma once

#include "dialects/nn/NnDialect.h"

#include <algorithm>
#include <array>
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

/// The smallest and the largest of some elements.
template <class Real> struct Extremes {
  Real least = 0, greatest = 0; ///< 0 if there are no elements.
  bool finite = true;           ///< Whether all elements are; the others mean nothing if not.

  explicit Extremes(llvm::ArrayRef<Real> values) {
    if (values.empty())
      return;
    // A lane for each element of a vector: they are compared independently of each other.
    constexpr size_t lanes = 16;
    std::array<Real, lanes> low, high, zeros = {};
    low.fill(values.front());
    high.fill(values.front());
    auto see = [&](size_t lane, Real element) {
      low[lane] = element < low[lane] ? element : low[lane];
      high[lane] = element > high[lane] ? element : high[lane];
      zeros[lane] += element * 0; // NaN from then on, if it is not finite
    };
    size_t i = 0;
    for (; i + lanes <= values.size(); i += lanes)
      for (size_t lane = 0; lane < lanes; ++lane)
        see(lane, values[i + lane]);
    for (size_t lane = 0; i < values.size(); ++i, ++lane)
      see(lane, values[i]);
    least = *std::ranges::min_element(low);
    greatest = *std::ranges::max_element(high);
    finite = std::ranges::all_of(zeros, [](Real zero) { return zero == 0; });
  }
};

/// The attribute of the nn.constant that defines `value`; null if something else does.
mlir::ElementsAttr constantValue(mlir::Value value);

/// Whether a scalar is one that people write and training does not find: of at most three decimals,
/// or the reciprocal of such a number (or of a whole one), up to the rounding of floats.
bool isRoundNumber(double value);

/// The one value of a splat or of a constant of one element; nullopt for others.
std::optional<float> splatValue(mlir::ElementsAttr value);

} // namespace gfs::nn
