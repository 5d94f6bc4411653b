// SPDX-License-Identifier: Apache-2.0
// The one type of the fixed dialect.
#ifndef GFS_DIALECTS_FIXED_FIXEDTYPES_TD
#define GFS_DIALECTS_FIXED_FIXEDTYPES_TD

include "dialects/fixed/FixedDialect.td"
include "mlir/IR/AttrTypeBase.td"

def Fixed_Tensor : TypeDef<Fixed_Dialect, "Tensor"> {
  let mnemonic = "tensor";
  let summary = "A tensor of fixed-point numbers: shape and scale.";
  let description = [{
    Row-major (NCHW for images) elements of the ring; an element `e`, read as a signed number, stands for the real
    `e * 2^-scale`.

    Constraints:
    - tensor_c1: the shape has at least one dimension, all are positive, and there are at most 2^31 elements.
    - tensor_c2: the scale lies in -64..64.

    Example: `!fixed.tensor<1x64x8x8, scale = 12>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "int32_t":$scale);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    static constexpr int64_t maxElements = int64_t(1) << 31;
    static constexpr int32_t maxScale = 64;
    unsigned getRank() const { return static_cast<unsigned>(getShape().size()); }
    int64_t getNumElements() const;
    /// The same scale with another shape, and the same shape with another scale.
    TensorType withShape(::llvm::ArrayRef<int64_t> shape) const { return get(getContext(), shape, getScale()); }
    TensorType withScale(int32_t scale) const { return get(getContext(), getShape(), scale); }
  }];
}

#endif // GFS_DIALECTS_FIXED_FIXEDTYPES_TD
