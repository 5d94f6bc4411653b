// SPDX-License-Identifier: Apache-2.0
// Elementwise operations, shapes and post-processing of the float evaluator.
#include "compiler/evaluate/Program.h"
#include "dialects/nn/NnDialect.h"
#include "dialects/nn/NnFunctions.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mlir;

namespace gfs {
namespace {

using Program = Evaluator::Program;

std::vector<size_t> shapeOf(Value value) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(value.getType()).getShape();
  return {shape.begin(), shape.end()};
}

std::vector<size_t> strides(const std::vector<size_t> &shape) {
  std::vector<size_t> result(shape.size(), 1);
  for (size_t a = shape.size(); a-- > 1;)
    result[a - 1] = result[a] * shape[a];
  return result;
}

template <class F> void addUnary(Program &program, Value input, Value result, F f) {
  ConstFloatView in = program.read(input);
  FloatView out = program.define(result);
  program.steps.push_back({result, [=] { std::transform(in.begin(), in.end(), out.begin(), f); }});
}

/// Channel by channel max(x, 0) or (a x + b) x + c.
void addMixedActivation(Program &program, nn::MixedActivationOp op) {
  ConstFloatView in = program.read(op.getInput()), a = program.read(op.getA()),
                 b = program.read(op.getB()), c = program.read(op.getC());
  FloatView out = program.define(op.getResult());
  std::vector<size_t> shape = shapeOf(op.getInput());
  size_t channels = shape[1], inner = strides(shape)[1];
  std::vector<bool> relu(channels);
  for (size_t channel = 0; channel < channels; ++channel)
    relu[channel] = op.isRelu(channel);
  program.steps.push_back({op.getResult(), [=] {
                             for (size_t i = 0; i < in.size(); ++i) {
                               size_t k = i / inner % channels;
                               out[i] = relu[k] ? std::max(in[i], 0.0f)
                                                : (a[k] * in[i] + b[k]) * in[i] + c[k];
                             }
                           }});
}

/// For each result element the operand's element, extents of 1 being repeated; empty if it is the
/// same one.
std::vector<uint32_t> broadcastIndex(Value operand, Value result) {
  std::vector<size_t> from = shapeOf(operand), to = shapeOf(result);
  if (from == to)
    return {};
  from.insert(from.begin(), to.size() - from.size(), 1);
  std::vector<size_t> fromStride = strides(from), toStride = strides(to);
  size_t count = 1;
  for (size_t extent : to)
    count *= extent;
  std::vector<uint32_t> index(count);
  for (size_t i = 0; i < count; ++i) {
    size_t at = 0;
    for (size_t a = 0; a < to.size(); ++a)
      at += from[a] == 1 ? 0 : (i / toStride[a] % to[a]) * fromStride[a];
    index[i] = static_cast<uint32_t>(at);
  }
  return index;
}

template <class Op, class F> void addBinary(Program &program, Op op, F f) {
  ConstFloatView a = program.read(op.getLhs()), b = program.read(op.getRhs());
  auto ia = broadcastIndex(op.getLhs(), op.getResult()),
       ib = broadcastIndex(op.getRhs(), op.getResult());
  FloatView out = program.define(op.getResult());
  program.steps.push_back({op.getResult(), [=] {
                             for (size_t i = 0; i < out.size(); ++i)
                               out[i] = f(a[ia.empty() ? i : ia[i]], b[ib.empty() ? i : ib[i]]);
                           }});
}

/// result[i] = operand[index(i)], or `fill` where index(i) is negative.
template <class Index>
void addGather(Program &program, Value input, Value result, float fill, Index index) {
  ConstFloatView in = program.read(input);
  FloatView out = program.define(result);
  std::vector<int64_t> from(out.size());
  for (size_t i = 0; i < from.size(); ++i)
    from[i] = index(i);
  program.steps.push_back({result, [=] {
                             for (size_t i = 0; i < out.size(); ++i)
                               out[i] = from[i] < 0 ? fill : in[static_cast<size_t>(from[i])];
                           }});
}

void addTranspose(Program &program, nn::TransposeOp op) {
  std::vector<size_t> to = shapeOf(op.getResult()), fromStride = strides(shapeOf(op.getInput())),
                      toStride = strides(to);
  ArrayRef<int64_t> permutation = op.getPermutation();
  addGather(program, op.getInput(), op.getResult(), 0, [&](size_t i) {
    size_t at = 0;
    for (size_t a = 0; a < to.size(); ++a)
      at += (i / toStride[a] % to[a]) * fromStride[static_cast<size_t>(permutation[a])];
    return static_cast<int64_t>(at);
  });
}

void addTake(Program &program, nn::TakeOp op) {
  std::vector<size_t> from = shapeOf(op.getInput()), to = shapeOf(op.getResult());
  auto axis = static_cast<size_t>(op.getAxis());
  size_t inner = strides(to)[axis];
  ArrayRef<int64_t> indices = op.getIndices();
  addGather(program, op.getInput(), op.getResult(), 0, [&](size_t i) {
    int64_t picked = indices[i / inner % to[axis]];
    return picked < 0
               ? -1
               : static_cast<int64_t>(
                     (i / (inner * to[axis]) * from[axis] + static_cast<size_t>(picked)) * inner +
                     i % inner);
  });
}

void addPad(Program &program, nn::PadOp op) {
  std::vector<size_t> from = shapeOf(op.getInput()), to = shapeOf(op.getResult()),
                      fromStride = strides(from), toStride = strides(to);
  ArrayRef<int64_t> low = op.getLow();
  addGather(program, op.getInput(), op.getResult(),
            static_cast<float>(op.getValue().convertToDouble()), [&](size_t i) {
              int64_t at = 0;
              for (size_t a = 0; a < to.size(); ++a) {
                int64_t position = static_cast<int64_t>(i / toStride[a] % to[a]) - low[a];
                if (position < 0 || position >= static_cast<int64_t>(from[a]))
                  return int64_t(-1);
                at += position * static_cast<int64_t>(fromStride[a]);
              }
              return at;
            });
}

void addConcat(Program &program, nn::ConcatOp op) {
  FloatView out = program.define(op.getResult());
  auto axis = static_cast<size_t>(op.getAxis());
  std::vector<size_t> to = shapeOf(op.getResult());
  size_t row = strides(to)[axis] * to[axis];
  struct Part {
    ConstFloatView data;
    size_t row, start;
  };
  std::vector<Part> parts;
  size_t start = 0;
  for (Value input : op.getInputs()) {
    std::vector<size_t> from = shapeOf(input);
    size_t length = strides(from)[axis] * from[axis];
    parts.push_back({program.read(input), length, start});
    start += length;
  }
  program.steps.push_back({op.getResult(), [=] {
                             for (const Part &part : parts)
                               for (size_t r = 0; r * row < out.size(); ++r)
                                 std::copy_n(part.data.data() + r * part.row, part.row,
                                             out.data() + r * row + part.start);
                           }});
}

/// Runs `line(in, out, length, stride)` over every line along `axis`, of which `kept` elements are
/// left in the result.
template <class Line>
void addAlongAxis(Program &program, Value input, Value result, uint64_t axis, size_t kept,
                  Line line) {
  std::vector<size_t> shape = shapeOf(input);
  size_t stride = strides(shape)[axis], length = shape[axis];
  ConstFloatView in = program.read(input);
  FloatView out = program.define(result);
  program.steps.push_back({result, [=] {
                             for (size_t outer = 0; outer * length * stride < in.size(); ++outer)
                               for (size_t s = 0; s < stride; ++s)
                                 line(in.data() + outer * length * stride + s,
                                      out.data() + outer * kept * stride + s, length, stride);
                           }});
}

void addSoftmax(Program &program, Value input, Value result, uint64_t axis, bool logarithm) {
  addAlongAxis(program, input, result, axis, shapeOf(input)[axis],
               [logarithm](const float *in, float *out, size_t length, size_t stride) {
                 float top = in[0];
                 for (size_t i = 1; i < length; ++i)
                   top = std::max(top, in[i * stride]);
                 double sum = 0;
                 for (size_t i = 0; i < length; ++i)
                   sum += std::exp(double(in[i * stride] - top));
                 for (size_t i = 0; i < length; ++i) {
                   double x = in[i * stride] - top;
                   out[i * stride] =
                       static_cast<float>(logarithm ? x - std::log(sum) : std::exp(x) / sum);
                 }
               });
}

void addFunction(Program &program, nn::FunctionOp op) {
  nn::FunctionKind kind = op.getKind();
  std::vector<double> parameters(op.getParameters());
  addUnary(program, op.getInput(), op.getResult(), [kind, parameters](float x) {
    return static_cast<float>(nn::evaluateFunction(kind, parameters, x));
  });
}

/// The elements of a line in descending (ascending) order, or where they are.
template <class Top> void addTop(Program &program, Top top, bool indices) {
  size_t kept = shapeOf(top.getResult())[top.getAxis()];
  bool largest = top.getLargest();
  addAlongAxis(program, top.getInput(), top.getResult(), top.getAxis(), kept,
               [=](const float *in, float *out, size_t length, size_t stride) {
                 std::vector<size_t> order(length);
                 std::iota(order.begin(), order.end(), size_t(0));
                 std::sort(order.begin(), order.end(), [&](size_t i, size_t j) {
                   float a = in[i * stride], b = in[j * stride];
                   return a != b ? (a > b) == largest : i < j;
                 });
                 for (size_t i = 0; i < kept; ++i)
                   out[i * stride] = indices ? static_cast<float>(order[i]) : in[order[i] * stride];
               });
}

} // namespace

bool addLocalStep(Program &program, Operation &op) {
  if (auto relu = dyn_cast<nn::ReluOp>(op))
    addUnary(program, relu.getInput(), relu.getResult(), [](float x) { return std::max(x, 0.0f); });
  else if (auto square = dyn_cast<nn::SquareOp>(op))
    addUnary(program, square.getInput(), square.getResult(), [](float x) { return x * x; });
  else if (auto function = dyn_cast<nn::FunctionOp>(op))
    addFunction(program, function);
  else if (auto mixed = dyn_cast<nn::MixedActivationOp>(op))
    addMixedActivation(program, mixed);
  else if (auto add = dyn_cast<nn::AddOp>(op))
    addBinary(program, add, [](float a, float b) { return a + b; });
  else if (auto sub = dyn_cast<nn::SubOp>(op))
    addBinary(program, sub, [](float a, float b) { return a - b; });
  else if (auto mul = dyn_cast<nn::MulOp>(op))
    addBinary(program, mul, [](float a, float b) { return a * b; });
  else if (auto reshape = dyn_cast<nn::ReshapeOp>(op))
    addUnary(program, reshape.getInput(), reshape.getResult(), [](float x) { return x; });
  else if (auto transpose = dyn_cast<nn::TransposeOp>(op))
    addTranspose(program, transpose);
  else if (auto take = dyn_cast<nn::TakeOp>(op))
    addTake(program, take);
  else if (auto pad = dyn_cast<nn::PadOp>(op))
    addPad(program, pad);
  else if (auto concat = dyn_cast<nn::ConcatOp>(op))
    addConcat(program, concat);
  else if (auto softmax = dyn_cast<nn::SoftmaxOp>(op))
    addSoftmax(program, softmax.getInput(), softmax.getResult(), softmax.getAxis(), false);
  else if (auto softmax = dyn_cast<nn::LogSoftmaxOp>(op))
    addSoftmax(program, softmax.getInput(), softmax.getResult(), softmax.getAxis(), true);
  else if (auto argmax = dyn_cast<nn::ArgmaxOp>(op))
    addAlongAxis(
        program, argmax.getInput(), argmax.getResult(), argmax.getAxis(), 1,
        [last = argmax.getLast()](const float *in, float *out, size_t length, size_t stride) {
          size_t best = 0;
          for (size_t i = 1; i < length; ++i)
            if (in[i * stride] > in[best * stride] || (last && in[i * stride] == in[best * stride]))
              best = i;
          *out = static_cast<float>(best);
        });
  else if (auto top = dyn_cast<nn::TopValuesOp>(op))
    addTop(program, top, /*indices=*/false);
  else if (auto top = dyn_cast<nn::TopIndicesOp>(op))
    addTop(program, top, /*indices=*/true);
  else
    return false;
  return true;
}

} // namespace gfs
