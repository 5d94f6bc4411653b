// SPDX-License-Identifier: Apache-2.0
// Reading and making the integers of fixed.weight.
#include "dialects/fixed/FixedDialect.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include <atomic>

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

/// A name that the context has no resource of yet. MLIR would find one itself, by counting up from 1
/// each time: layers of one name, in every trial of formats, have thousands.
static std::string unusedName(StringRef name) {
  static std::atomic<uint64_t> made{0};
  return (name + "." + Twine(made++)).str();
}

/// Null if an element is no Integer.
template <class ResourceAttr, class Integer>
static ElementsAttr makeAttr(MLIRContext *context, ArrayRef<int64_t> shape,
                             function_ref<int64_t(size_t)> element, StringRef name) {
  auto type = RankedTensorType::get(shape, IntegerType::get(context, 8 * sizeof(Integer)));
  size_t count = static_cast<size_t>(type.getNumElements());
  auto fill = [&](MutableArrayRef<Integer> values) {
    for (size_t i = 0; i < count; ++i) {
      const int64_t value = element(i);
      values[i] = static_cast<Integer>(value);
      if (values[i] != value)
        return false;
    }
    return true;
  };
  if (count <= maxInlineElements) {
    SmallVector<Integer> values(count);
    return fill(values) ? DenseIntElementsAttr::get(type, ArrayRef<Integer>(values))
                        : ElementsAttr();
  }
  // Written where it will stay: weights can be most of the compiler's memory.
  AsmResourceBlob blob = HeapAsmResourceBlob::allocate(count * sizeof(Integer), alignof(Integer),
                                                       /*dataIsMutable=*/true);
  if (!fill({reinterpret_cast<Integer *>(blob.getMutableData().data()), count}))
    return {};
  return cast<ElementsAttr>(
      static_cast<Attribute>(ResourceAttr::get(type, unusedName(name), std::move(blob))));
}

ElementsAttr makeWeightValue(MLIRContext *context, ArrayRef<int64_t> shape,
                             function_ref<int64_t(size_t)> element, StringRef name) {
  if (auto narrow = makeAttr<DenseI32ResourceElementsAttr, int32_t>(context, shape, element, name))
    return narrow;
  return makeAttr<DenseI64ResourceElementsAttr, int64_t>(context, shape, element, name);
}

} // namespace gfs::fixed
