// SPDX-License-Identifier: Apache-2.0
#include "compiler/choose/Augment.h"

#include <algorithm>
#include <array>
#include <span>

using namespace mlir;

namespace gfs {

namespace {
struct Change {
  bool mirror;
  int64_t right, down;
};
} // namespace
/// In the order in which they are taken; even counts hold as many mirrored images as others.
static constexpr std::array<Change, 12> changes = {{{false, 0, 0},
                                                    {true, 0, 0},
                                                    {true, 2, 1},
                                                    {false, -1, -2},
                                                    {false, 3, -1},
                                                    {true, -2, 3},
                                                    {true, 1, -3},
                                                    {false, -3, 2},
                                                    {false, 2, 2},
                                                    {true, -1, -1},
                                                    {true, 4, 0},
                                                    {false, 0, -4}}};
/// Few samples need more changed images, and many must not take longer.
static constexpr size_t leastChanges = 4, enoughImages = 1500;
static constexpr int64_t leastExtent = 8;

static bool isImage(ArrayRef<int64_t> shape) {
  return shape.size() == 4 && shape[2] >= leastExtent && shape[3] >= leastExtent;
}

static void appendChanged(ArrayRef<int64_t> shape, const std::vector<float> &all, Change change,
                          std::vector<float> &out) {
  int64_t height = shape[2], width = shape[3],
          planes = static_cast<int64_t>(all.size()) / (height * width);
  for (int64_t plane = 0; plane < planes; ++plane)
    for (int64_t y = 0; y < height; ++y)
      for (int64_t x = 0; x < width; ++x) {
        int64_t row = std::clamp<int64_t>(y - change.down, 0, height - 1),
                column = std::clamp<int64_t>(x - change.right, 0, width - 1);
        if (change.mirror)
          column = width - 1 - column;
        out.push_back(all[static_cast<size_t>((plane * height + row) * width + column)]);
      }
}

SampleBatch augment(func::FuncOp function, const SampleBatch &samples) {
  auto shapeOf = [&](size_t input) {
    return cast<RankedTensorType>(function.getArgument(static_cast<unsigned>(input)).getType())
        .getShape();
  };
  bool anyImage = false;
  for (size_t i = 0; i < samples.inputs.size(); ++i)
    anyImage |= isImage(shapeOf(i));
  if (!anyImage)
    return samples;
  auto used = std::span(changes).first(
      std::clamp(enoughImages / samples.count / 2 * 2, leastChanges, changes.size()));
  SampleBatch more{samples.count * used.size(), {}};
  for (size_t i = 0; i < samples.inputs.size(); ++i) {
    std::vector<float> &out = more.inputs.emplace_back();
    out.reserve(samples.inputs[i].size() * used.size());
    for (const Change &change : used)
      if (isImage(shapeOf(i)))
        appendChanged(shapeOf(i), samples.inputs[i], change, out);
      else
        out.insert(out.end(), samples.inputs[i].begin(), samples.inputs[i].end());
  }
  return more;
}

} // namespace gfs
