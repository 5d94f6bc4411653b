// SPDX-License-Identifier: Apache-2.0
// Pooling of the float evaluator.
#include "compiler/evaluate/Program.h"
#include "dialects/nn/NnDialect.h"
#include "dialects/nn/NnShapes.h"

#include <algorithm>
#include <limits>

using namespace mlir;

namespace gfs {

/// Calls `window(plane, y, x, taps)` for every result, where `taps` runs `tap(value)` over the
/// elements inside the image.
template <class Pool, class Window>
static void addPool(Evaluator::Program &program, Pool pool, Window window) {
  auto shape = pool.getInput().getType().getShape(), result = pool.getResult().getType().getShape();
  std::vector<int64_t> kernel(pool.getKernel()), strides(pool.getStrides()),
      dilations(pool.getDilations()), pads(pool.getPads());
  int64_t planes = shape[0] * shape[1], h = shape[2], w = shape[3], outH = result[2],
          outW = result[3];
  ConstFloatView in = program.read(pool.getInput());
  FloatView out = program.define(pool.getResult());
  program.steps.push_back(
      {pool.getResult(), [=] {
         float *next = out.data();
         for (int64_t plane = 0; plane < planes; ++plane)
           for (int64_t y = 0; y < outH; ++y)
             for (int64_t x = 0; x < outW; ++x) {
               auto taps = [&](auto tap) {
                 for (int64_t ky = 0; ky < kernel[0]; ++ky)
                   for (int64_t kx = 0; kx < kernel[1]; ++kx) {
                     int64_t row = y * strides[0] - pads[0] + ky * dilations[0],
                             col = x * strides[1] - pads[1] + kx * dilations[1];
                     if (row >= 0 && row < h && col >= 0 && col < w)
                       tap(in[static_cast<size_t>((plane * h + row) * w + col)]);
                   }
               };
               *next++ = window(taps);
             }
       }});
}

bool addPoolStep(Evaluator::Program &program, Operation &op) {
  if (auto pool = dyn_cast<nn::MaxPool2dOp>(op)) {
    addPool(program, pool, [](auto taps) {
      float best = -std::numeric_limits<float>::infinity();
      taps([&](float v) { best = std::max(best, v); });
      return best;
    });
    return true;
  }
  if (auto pool = dyn_cast<nn::AvgPool2dOp>(op)) {
    const bool all = pool.getCountIncludePad();
    const float size = static_cast<float>(pool.getKernel()[0] * pool.getKernel()[1]);
    addPool(program, pool, [=](auto taps) {
      float sum = 0, inside = 0;
      taps([&](float v) { sum += v, inside += 1; });
      return sum / (all ? size : inside);
    });
    return true;
  }
  return false;
}

} // namespace gfs
