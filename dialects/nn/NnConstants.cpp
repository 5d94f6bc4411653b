// SPDX-License-Identifier: Apache-2.0
// Making and reading the floats of nn.constant without copying them.
#include "dialects/nn/NnConstants.h"
#include "dialects/nn/NnShapes.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>

using namespace mlir;

static_assert(std::endian::native == std::endian::little,
              "constants are read as they lie in files");

namespace gfs::nn {

/// Constants up to this size are printed in full.
static constexpr size_t maxInlineElements = 16;

RankedTensorType tensorType(MLIRContext *context, ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, Float32Type::get(context));
}

/// Bits are compared, so that -0 and NaN stay what they are.
static bool allEqual(ArrayRef<float> values) {
  return std::all_of(values.begin(), values.end(), [&](float value) {
    return std::bit_cast<uint32_t>(value) == std::bit_cast<uint32_t>(values.front());
  });
}

/// Hands `owner`, whose elements `values` are, to a resource.
template <class Owner>
static ElementsAttr makeFrom(MLIRContext *context, ArrayRef<int64_t> shape, ArrayRef<float> values,
                             std::unique_ptr<Owner> owner, StringRef name) {
  RankedTensorType type = tensorType(context, shape);
  if (values.size() <= maxInlineElements || allEqual(values))
    return DenseElementsAttr::get(type, allEqual(values) ? values.take_front(1) : values);
  ArrayRef<char> bytes(reinterpret_cast<const char *>(values.data()),
                       values.size() * sizeof(float));
  AsmResourceBlob blob(
      bytes, alignof(float), [owner = std::move(owner)](void *, size_t, size_t) {},
      /*dataIsMutable=*/false);
  return cast<ElementsAttr>(
      static_cast<Attribute>(DenseF32ResourceElementsAttr::get(type, name, std::move(blob))));
}

ElementsAttr makeConstant(MLIRContext *context, ArrayRef<int64_t> shape, std::vector<float> values,
                          StringRef name) {
  auto owner = std::make_unique<std::vector<float>>(std::move(values));
  ArrayRef<float> view(*owner);
  return makeFrom(context, shape, view, std::move(owner), name);
}

ElementsAttr makeConstant(MLIRContext *context, ArrayRef<int64_t> shape, std::string bytes,
                          StringRef name) {
  auto owner = std::make_unique<std::string>(std::move(bytes));
  if (reinterpret_cast<uintptr_t>(owner->data()) % alignof(float) != 0) {
    std::vector<float> values(owner->size() / sizeof(float));
    std::copy_n(owner->data(), values.size() * sizeof(float),
                reinterpret_cast<char *>(values.data()));
    return makeConstant(context, shape, std::move(values), name);
  }
  ArrayRef<float> view(reinterpret_cast<const float *>(owner->data()),
                       owner->size() / sizeof(float));
  return makeFrom(context, shape, view, std::move(owner), name);
}

ElementsAttr makeSplat(MLIRContext *context, ArrayRef<int64_t> shape, float value) {
  return DenseElementsAttr::get(tensorType(context, shape), value);
}

bool isRoundNumber(double value) {
  auto isWhole = [](double number) {
    return std::fabs(number) < 1e6 &&
           std::fabs(number - std::round(number)) <= 0x1p-22 * std::fabs(number);
  };
  return value == 0 || isWhole(1000 * value) || isWhole(1 / value);
}

ElementsAttr reshapeConstant(ElementsAttr value, ArrayRef<int64_t> shape) {
  RankedTensorType type = tensorType(value.getContext(), shape);
  if (auto resource = dyn_cast<DenseF32ResourceElementsAttr>(value))
    return cast<ElementsAttr>(
        static_cast<Attribute>(DenseResourceElementsAttr::get(type, resource.getRawHandle())));
  return cast<DenseElementsAttr>(value).reshape(type);
}

ConstantData::ConstantData(ElementsAttr value) {
  if (auto resource = dyn_cast<DenseF32ResourceElementsAttr>(value)) {
    if (auto data = resource.tryGetAsArrayRef())
      view = *data;
    return;
  }
  auto dense = cast<DenseElementsAttr>(value);
  if (dense.isSplat()) {
    expanded.assign(static_cast<size_t>(dense.getNumElements()), dense.getSplatValue<float>());
    view = expanded;
    return;
  }
  ArrayRef<char> raw = dense.getRawData();
  view = ArrayRef<float>(reinterpret_cast<const float *>(raw.data()), raw.size() / sizeof(float));
}

ConstantData::ConstantData(Value value) : ConstantData(constantValue(value)) {}

ElementsAttr constantValue(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  return constant ? constant.getValue() : ElementsAttr();
}

std::optional<float> splatValue(ElementsAttr value) {
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense || !dense.isSplat())
    return std::nullopt;
  return dense.getSplatValue<float>();
}

} // namespace gfs::nn
