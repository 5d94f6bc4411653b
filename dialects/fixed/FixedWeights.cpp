// SPDX-License-Identifier: Apache-2.0
// Reading and making the integers of fixed.weight.
#include "dialects/fixed/FixedDialect.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/DialectResourceBlobManager.h"

#include <algorithm>
#include <limits>

using namespace mlir;

namespace gfs::fixed {

/// Constants up to this size are printed in full.
static constexpr size_t maxInlineElements = 16;

template <class Integer> static std::vector<int64_t> widen(ArrayRef<Integer> values) {
  return std::vector<int64_t>(values.begin(), values.end());
}

std::vector<int64_t> weightValues(ElementsAttr value) {
  if (auto i32 = dyn_cast<DenseI32ResourceElementsAttr>(value)) {
    if (auto data = i32.tryGetAsArrayRef())
      return widen(*data);
    return {};
  }
  if (auto i64 = dyn_cast<DenseI64ResourceElementsAttr>(value)) {
    if (auto data = i64.tryGetAsArrayRef())
      return widen(*data);
    return {};
  }
  std::vector<int64_t> result;
  if (auto dense = dyn_cast<DenseIntElementsAttr>(value)) {
    result.reserve(static_cast<size_t>(dense.getNumElements()));
    for (const APInt &element : dense.getValues<APInt>())
      result.push_back(element.getSExtValue());
  }
  return result;
}

template <class ResourceAttr, class Integer>
static ElementsAttr makeAttr(RankedTensorType type, ArrayRef<Integer> values, StringRef name) {
  if (values.size() <= maxInlineElements)
    return DenseIntElementsAttr::get(type, values);
  AsmResourceBlob blob = HeapAsmResourceBlob::allocateAndCopyInferAlign(values);
  return cast<ElementsAttr>(static_cast<Attribute>(ResourceAttr::get(type, name, std::move(blob))));
}

ElementsAttr makeWeightValue(MLIRContext *context, ArrayRef<int64_t> shape,
                             ArrayRef<int64_t> values, StringRef name) {
  bool narrow = std::all_of(values.begin(), values.end(), [](int64_t v) {
    return v >= std::numeric_limits<int32_t>::min() && v <= std::numeric_limits<int32_t>::max();
  });
  if (!narrow)
    return makeAttr<DenseI64ResourceElementsAttr>(
        RankedTensorType::get(shape, IntegerType::get(context, 64)), values, name);
  std::vector<int32_t> words(values.begin(), values.end());
  return makeAttr<DenseI32ResourceElementsAttr>(
      RankedTensorType::get(shape, IntegerType::get(context, 32)), ArrayRef<int32_t>(words), name);
}

} // namespace gfs::fixed
