// SPDX-License-Identifier: Apache-2.0
// What the shape and arithmetic operations do to row-major elements: one meaning for constant
// folding, for the importer's integers and for the float evaluator. Operands satisfy the
// operations' rules.
#pragma once

#include "dialects/nn/NnShapes.h"

#include <algorithm>

namespace gfs::nn {

/// Elements per step of each axis.
inline Shape rowMajorStrides(llvm::ArrayRef<int64_t> shape) {
  Shape strides(shape.size(), 1);
  for (size_t axis = shape.size(); axis-- > 1;)
    strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}

/// Calls visit(row, offsets) for each innermost row of `shape`, `row` counting up; offsets[k] is
/// where operand k is, which moves by strides[k][axis] along each axis.
template <size_t Operands, class Visit>
void forEachRow(llvm::ArrayRef<int64_t> shape, const Shape (&strides)[Operands], Visit visit) {
  size_t outer = shape.empty() ? 0 : shape.size() - 1;
  int64_t rows = elementCount(shape.take_front(outer));
  Shape position(outer, 0);
  int64_t offsets[Operands] = {};
  for (int64_t row = 0; row < rows; ++row) {
    visit(row, offsets);
    for (size_t axis = outer; axis-- > 0;) {
      ++position[axis];
      for (size_t k = 0; k < Operands; ++k)
        offsets[k] += strides[k][axis];
      if (position[axis] < shape[axis])
        break;
      for (size_t k = 0; k < Operands; ++k)
        offsets[k] -= position[axis] * strides[k][axis];
      position[axis] = 0;
    }
  }
}

/// Result axis i is source axis permutation[i].
template <class T>
void transposeElements(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> permutation,
                       const T *source, T *target) {
  Shape sourceStrides = rowMajorStrides(shape), result, strides[1];
  for (int64_t axis : permutation) {
    result.push_back(shape[axis]);
    strides[0].push_back(sourceStrides[axis]);
  }
  int64_t length = result.empty() ? 1 : result.back();
  int64_t step = result.empty() ? 0 : strides[0].back();
  forEachRow(result, strides, [&](int64_t row, const int64_t *offsets) {
    for (int64_t i = 0; i < length; ++i)
      target[row * length + i] = source[offsets[0] + i * step];
  });
}

/// Picks positions along `axis`; -1 gives zero.
template <class T>
void takeElements(llvm::ArrayRef<int64_t> shape, size_t axis, llvm::ArrayRef<int64_t> indices,
                  const T *source, T *target) {
  int64_t outer = elementCount(shape.take_front(axis)),
          inner = elementCount(shape.drop_front(axis + 1));
  for (int64_t o = 0; o < outer; ++o, source += shape[axis] * inner)
    for (int64_t index : indices) {
      if (index < 0)
        std::fill_n(target, inner, T(0));
      else
        std::copy_n(source + index * inner, inner, target);
      target += inner;
    }
}

/// Copies one operand of a concatenation to where it belongs: `start` positions along `axis` of the
/// result.
template <class T>
void placeElements(llvm::ArrayRef<int64_t> part, llvm::ArrayRef<int64_t> result, size_t axis,
                   int64_t start, const T *source, T *target) {
  int64_t outer = elementCount(part.take_front(axis)),
          inner = elementCount(part.drop_front(axis + 1));
  for (int64_t o = 0; o < outer; ++o)
    std::copy_n(source + o * part[axis] * inner, part[axis] * inner,
                target + (o * result[axis] + start) * inner);
}

/// Surrounds with `value`.
template <class T>
void padElements(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> low,
                 llvm::ArrayRef<int64_t> result, T value, const T *source, T *target) {
  std::fill_n(target, elementCount(result), value);
  Shape strides[1] = {rowMajorStrides(result)};
  int64_t start = 0;
  for (size_t axis = 0; axis < shape.size(); ++axis)
    start += low[axis] * strides[0][axis];
  int64_t length = shape.empty() ? 1 : shape.back();
  forEachRow(shape, strides, [&](int64_t row, const int64_t *offsets) {
    std::copy_n(source + row * length, length, target + start + offsets[0]);
  });
}

/// Strides of an operand repeated to `result`: 0 along repeated axes.
inline Shape broadcastStrides(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> result) {
  Shape own = rowMajorStrides(shape), strides(result.size(), 0);
  size_t offset = result.size() - shape.size();
  for (size_t axis = 0; axis < shape.size(); ++axis)
    strides[offset + axis] = shape[axis] == 1 ? 0 : own[axis];
  return strides;
}

/// result[i] = combine(lhs[i], rhs[i]), operands repeated to `result`.
template <class T, class Combine>
void combineElements(llvm::ArrayRef<int64_t> lhs, llvm::ArrayRef<int64_t> rhs,
                     llvm::ArrayRef<int64_t> result, const T *left, const T *right, T *target,
                     Combine combine) {
  Shape strides[2] = {broadcastStrides(lhs, result), broadcastStrides(rhs, result)};
  int64_t length = result.empty() ? 1 : result.back();
  int64_t leftStep = result.empty() ? 0 : strides[0].back(),
          rightStep = result.empty() ? 0 : strides[1].back();
  forEachRow(result, strides, [&](int64_t row, const int64_t *offsets) {
    for (int64_t i = 0; i < length; ++i)
      target[row * length + i] =
          combine(left[offsets[0] + i * leftStep], right[offsets[1] + i * rightStep]);
  });
}

} // namespace gfs::nn
