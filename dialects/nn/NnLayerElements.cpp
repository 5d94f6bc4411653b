// SPDX-License-Identifier: Apache-2.0
#include "dialects/nn/NnLayerElements.h"
#include "dialects/nn/NnShapes.h"

#include "llvm/ADT/TypeSwitch.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;

namespace gfs::nn {

using Operands = const std::vector<const float *> &;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

static void computeLinear(LinearOp op, Operands in, float *out) {
  int64_t inner = shapeOf(op.getInput())[1], rows = shapeOf(op)[0], columns = shapeOf(op)[1];
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      const float *x = in[0] + row * inner, *w = in[1] + column * inner;
      double sum = op.getBias() ? in[2][column] : 0;
      for (int64_t k = 0; k < inner; ++k)
        sum += double(x[k]) * w[k];
      *out++ = static_cast<float>(sum);
    }
}

namespace {

/// Positions along one axis of the operand that a window's taps fall on.
struct TapRange {
  int64_t start, step, extent;
  int64_t position(int64_t tap) const { return start + tap * step; }
  bool inside(int64_t tap) const { return position(tap) >= 0 && position(tap) < extent; }
};

} // namespace

/// The taps of row (axis 0) or column (axis 1) `at` of the result of a convolution or pooling.
template <class Op> static TapRange tapsOf(Op op, unsigned axis, int64_t at) {
  return {at * op.getStrides()[axis] - op.getPads()[axis], op.getDilations()[axis],
          shapeOf(op.getInput())[2 + axis]};
}

static void computeConv2d(Conv2dOp op, Operands in, float *out) {
  ArrayRef<int64_t> input = shapeOf(op.getInput()), filter = shapeOf(op.getWeight()),
                    result = shapeOf(op);
  int64_t plane = input[2] * input[3], outputs = result[1] / static_cast<int64_t>(op.getGroups());
  for (int64_t image = 0; image < result[0]; ++image)
    for (int64_t channel = 0; channel < result[1]; ++channel)
      for (int64_t y = 0; y < result[2]; ++y)
        for (int64_t x = 0; x < result[3]; ++x) {
          TapRange rows = tapsOf(op, 0, y), columns = tapsOf(op, 1, x);
          const float *weight = in[1] + channel * filter[1] * filter[2] * filter[3];
          const float *first = in[0] + (image * input[1] + channel / outputs * filter[1]) * plane;
          double sum = op.getBias() ? in[2][channel] : 0;
          for (int64_t i = 0; i < filter[1]; ++i)
            for (int64_t row = 0; row < filter[2]; ++row)
              for (int64_t column = 0; column < filter[3]; ++column, ++weight)
                if (rows.inside(row) && columns.inside(column))
                  sum +=
                      double(*weight) *
                      first[i * plane + rows.position(row) * input[3] + columns.position(column)];
          *out++ = static_cast<float>(sum);
        }
}

static void computeBatchNorm(BatchNormOp op, Operands in, float *out) {
  ArrayRef<int64_t> shape = shapeOf(op);
  int64_t inner = elementCount(shape.drop_front(2));
  double epsilon = op.getEpsilon().convertToDouble();
  for (int64_t i = 0, count = elementCount(shape); i < count; ++i) {
    int64_t channel = i / inner % shape[1];
    double centred = double(in[0][i]) - in[3][channel],
           deviation = std::sqrt(double(in[4][channel]) + epsilon);
    out[i] = static_cast<float>(in[1][channel] * (centred / deviation) + in[2][channel]);
  }
}

/// `join(elements, taps)` makes one result of what a window holds, in order.
template <class Pool, class Join>
static void computePool(Pool op, const float *in, float *out, Join join) {
  ArrayRef<int64_t> input = shapeOf(op.getInput()), result = shapeOf(op);
  std::vector<float> inside;
  for (int64_t plane = 0; plane < result[0] * result[1]; ++plane)
    for (int64_t y = 0; y < result[2]; ++y)
      for (int64_t x = 0; x < result[3]; ++x) {
        TapRange rows = tapsOf(op, 0, y), columns = tapsOf(op, 1, x);
        inside.clear();
        for (int64_t row = 0; row < op.getKernel()[0]; ++row)
          for (int64_t column = 0; column < op.getKernel()[1]; ++column)
            if (rows.inside(row) && columns.inside(column))
              inside.push_back(in[(plane * input[2] + rows.position(row)) * input[3] +
                                  columns.position(column)]);
        *out++ = join(inside);
      }
}

static void computeMaxPool(MaxPool2dOp op, Operands in, float *out) {
  computePool(op, in[0], out, [](ArrayRef<float> inside) { return *llvm::max_element(inside); });
}

static void computeAvgPool(AvgPool2dOp op, Operands in, float *out) {
  size_t taps = static_cast<size_t>(op.getKernel()[0] * op.getKernel()[1]);
  bool all = op.getCountIncludePad();
  computePool(op, in[0], out, [&](ArrayRef<float> inside) {
    double sum = 0;
    for (float element : inside)
      sum += element;
    return static_cast<float>(sum / static_cast<double>(all ? taps : inside.size()));
  });
}

template <class Softmax>
static void computeSoftmax(Softmax op, const float *in, float *out, bool logarithm) {
  ArrayRef<int64_t> shape = shapeOf(op);
  int64_t length = shape[op.getAxis()], stride = elementCount(shape.drop_front(op.getAxis() + 1)),
          count = elementCount(shape);
  for (int64_t line = 0; line < count / length; ++line) {
    int64_t start = line / stride * length * stride + line % stride;
    double top = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t i = 0; i < length; ++i)
      top = std::max(top, double(in[start + i * stride]));
    for (int64_t i = 0; i < length; ++i)
      sum += std::exp(in[start + i * stride] - top);
    for (int64_t i = 0; i < length; ++i) {
      double x = in[start + i * stride] - top;
      out[start + i * stride] =
          static_cast<float>(logarithm ? x - std::log(sum) : std::exp(x) / sum);
    }
  }
}

/// Elements of the result times those that each is made of.
static int64_t workFor(Operation *op, ArrayRef<int64_t> each) {
  Shape all(shapeOf(op->getResult(0)));
  all.append(each.begin(), each.end());
  return elementCount(all);
}

int64_t layerWork(Operation *op) {
  return TypeSwitch<Operation *, int64_t>(op)
      .Case<LinearOp, Conv2dOp>(
          [](auto layer) { return workFor(layer, shapeOf(layer.getWeight()).drop_front()); })
      .Case<MaxPool2dOp, AvgPool2dOp>([](auto pool) { return workFor(pool, pool.getKernel()); })
      .Case<BatchNormOp, SoftmaxOp, LogSoftmaxOp>([](auto each) { return workFor(each, {}); })
      .Default([](Operation *) { return 0; });
}

void computeLayer(Operation *op, Operands in, float *out) {
  TypeSwitch<Operation *>(op)
      .Case([&](LinearOp linear) { computeLinear(linear, in, out); })
      .Case([&](Conv2dOp conv) { computeConv2d(conv, in, out); })
      .Case([&](BatchNormOp norm) { computeBatchNorm(norm, in, out); })
      .Case([&](MaxPool2dOp pool) { computeMaxPool(pool, in, out); })
      .Case([&](AvgPool2dOp pool) { computeAvgPool(pool, in, out); })
      .Case([&](SoftmaxOp softmax) { computeSoftmax(softmax, in[0], out, false); })
      .Case([&](LogSoftmaxOp softmax) { computeSoftmax(softmax, in[0], out, true); });
}

} // namespace gfs::nn
