// SPDX-License-Identifier: Apache-2.0
#include "passes/convert/FixedToSecureBuilder.h"

#include "runtime/plan/Limits.h"

using namespace mlir;
using namespace gfs::secure;

namespace gfs {

Type SecureBuilder::shareType(Type like, ArrayRef<int64_t> shape, int32_t scale) {
  return ShareType::get(like.getContext(), shape, scale);
}

Type SecureBuilder::maskedType(Type like, ArrayRef<int64_t> shape, int32_t scale) {
  return MaskedType::get(like.getContext(), shape, scale);
}

Value SecureBuilder::share(Location loc, Forms &forms) {
  if (!forms.share) {
    Type type = forms.masked.getType();
    forms.share = UnmaskOp::create(builder, loc, shareType(type, shapeOf(type), scaleOf(type)),
                                   forms.masked, IntegerAttr());
  }
  return forms.share;
}

Value SecureBuilder::masked(Location loc, Forms &forms) {
  if (!forms.masked) {
    Type type = forms.share.getType();
    forms.masked = OpenOp::create(builder, loc, maskedType(type, shapeOf(type), scaleOf(type)),
                                  forms.share, builder.getI64IntegerAttr(masks++),
                                  builder.getI64IntegerAttr(0), DenseI64ArrayAttr());
  }
  return forms.masked;
}

ProtocolAttr SecureBuilder::protocolOf(Window window) const {
  bool table = window.high - window.low <= plan::usualTableBits;
  Protocol usual = window.protocol.value_or(table ? Protocol::Table : Protocol::OneHot);
  return ProtocolAttr::get(builder.getContext(), protocol.value_or(usual));
}

Value SecureBuilder::spline(Location loc, Value masked, int64_t shift, Window window,
                            DenseI64ArrayAttr thresholds, DenseI64ArrayAttr pieces, int32_t scale) {
  Type result = shareType(masked.getType(), shapeOf(masked.getType()), scale);
  return SplineOp::create(builder, loc, result, masked, protocolOf(window),
                          builder.getI64IntegerAttr(shift), builder.getI64IntegerAttr(window.low),
                          builder.getI64IntegerAttr(window.high), thresholds, pieces, nextKey(),
                          DenseI64ArrayAttr());
}

Value SecureBuilder::relu(Location loc, Value masked, int64_t shift, Window window) {
  Type type = masked.getType();
  Type result = shareType(type, shapeOf(type), scaleOf(type) - static_cast<int32_t>(shift));
  return ReluOp::create(builder, loc, result, masked, protocolOf(window),
                        builder.getI64IntegerAttr(shift), builder.getI64IntegerAttr(window.low),
                        builder.getI64IntegerAttr(window.high), nextKey(), DenseI64ArrayAttr());
}

} // namespace gfs
