// SPDX-License-Identifier: Apache-2.0
#include "compiler/choose/LayerGeometry.h"

using namespace mlir;

namespace gfs {

static llvm::ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

LayerGeometry::LayerGeometry(Operation *op) {
  if (isa<nn::Conv2dOp>(op)) {
    describe(op);
    return;
  }
  auto linear = cast<nn::LinearOp>(op);
  positions = static_cast<size_t>(shapeOf(linear.getInput())[0]);
  taps = static_cast<size_t>(shapeOf(linear.getWeight())[1]);
  outputs = static_cast<size_t>(shapeOf(linear.getWeight())[0]);
  source.resize(positions * taps);
  for (size_t i = 0; i < source.size(); ++i)
    source[i] = static_cast<int32_t>(i);
  for (size_t row = 0; row < positions; ++row)
    resultBase.push_back(row * outputs);
}

void LayerGeometry::describe(Operation *op) {
  auto conv = cast<nn::Conv2dOp>(op);
  auto in = shapeOf(conv.getInput()), weight = shapeOf(conv.getWeight()),
       out = shapeOf(conv.getResult());
  auto pads = conv.getPads(), strides = conv.getStrides(), dilations = conv.getDilations();
  groups = static_cast<size_t>(conv.getGroups());
  outputs = static_cast<size_t>(weight[0]) / groups;
  taps = static_cast<size_t>(weight[1] * weight[2] * weight[3]);
  int64_t plane = out[2] * out[3];
  positions = static_cast<size_t>(out[0] * plane);
  resultStride = static_cast<size_t>(plane);
  groupStride = static_cast<size_t>(weight[1] * in[2] * in[3]);
  source.reserve(positions * taps);
  for (int64_t n = 0; n < out[0]; ++n)
    for (int64_t at = 0; at < plane; ++at) {
      int64_t top = at / out[3] * strides[0] - pads[0], left = at % out[3] * strides[1] - pads[1];
      resultBase.push_back(static_cast<size_t>(n * out[1] * plane + at));
      for (int64_t channel = 0; channel < weight[1]; ++channel)
        for (int64_t ky = 0; ky < weight[2]; ++ky)
          for (int64_t kx = 0; kx < weight[3]; ++kx) {
            int64_t y = top + ky * dilations[0], x = left + kx * dilations[1];
            bool inside = y >= 0 && y < in[2] && x >= 0 && x < in[3];
            int64_t place = ((n * in[1] + channel) * in[2] + y) * in[3] + x;
            source.push_back(inside ? static_cast<int32_t>(place) : -1);
          }
    }
}

void LayerGeometry::gather(size_t group, size_t position, const float *input, float *out) const {
  const int32_t *from = &source[position * taps];
  input += group * groupStride;
  for (size_t t = 0; t < taps; ++t)
    out[t] = from[t] < 0 ? 0.0f : input[from[t]];
}

void LayerGeometry::scatterAdd(size_t group, size_t position, const float *values,
                               float *input) const {
  const int32_t *to = &source[position * taps];
  input += group * groupStride;
  for (size_t t = 0; t < taps; ++t)
    if (to[t] >= 0)
      input[to[t]] += values[t];
}

} // namespace gfs
