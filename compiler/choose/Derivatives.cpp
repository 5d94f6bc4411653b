// SPDX-License-Identifier: Apache-2.0
#include "compiler/choose/Derivatives.h"

#include "compiler/choose/LayerGeometry.h"
#include "compiler/choose/LeastSquares.h"
#include "compiler/evaluate/Workers.h"
#include "dialects/nn/NnConstants.h"
#include "dialects/nn/NnFunctions.h"
#include "runtime/base/Error.h"

#include <cmath>
#include <numeric>

using namespace mlir;

namespace gfs {
namespace {

bool isConstant(Value value) { return value.getDefiningOp<nn::ConstantOp>() != nullptr; }

ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

size_t elementsOf(Value value) {
  return static_cast<size_t>(cast<RankedTensorType>(value.getType()).getNumElements());
}

/// The chain rule for one operation.
class Backward {
public:
  Backward(Operation &op, const Variant &variant, const BatchValues &values,
           const std::vector<float> &gradient, GradientOf gradientOf)
      : op(op), variant(variant), values(values), gradient(gradient), gradientOf(gradientOf),
        resultSize(elementsOf(op.getResult(0))) {}

  void run() {
    if (isa<nn::Conv2dOp, nn::LinearOp>(op))
      layer();
    else if (auto relu = dyn_cast<nn::ReluOp>(op))
      activation(relu);
    else if (auto pool = dyn_cast<nn::MaxPool2dOp>(op))
      pooling(pool, true);
    else if (auto pool = dyn_cast<nn::AvgPool2dOp>(op))
      pooling(pool, false);
    else if (isa<nn::AddOp, nn::SubOp, nn::MulOp>(op))
      arithmetic();
    else if (auto product = dyn_cast<nn::MatMulOp>(op))
      matrices(product);
    else if (isa<nn::SquareOp, nn::FunctionOp, nn::MixedActivationOp, nn::BatchNormOp>(op))
      pointwise();
    else if (isa<nn::ReshapeOp, nn::TransposeOp, nn::ConcatOp, nn::TakeOp, nn::PadOp>(op))
      movement();
    else
      throw Error(ExitCode::Unsupported,
                  fmt::format("{}: the derivative of {}, which choosing activations and their bits "
                              "needs, is not known",
                              nn::layerName(&op), op.getName().getStringRef().str()),
                  "give --activation-bits=12, and --replace=none or which channels with --pin");
  }

private:
  /// d/dx = W^T d/dz, position by position.
  void layer() {
    // Nobody asks for derivatives with respect to the network's inputs.
    if (isConstant(op.getOperand(0)) || isa<BlockArgument>(op.getOperand(0)))
      return;
    LayerGeometry geometry(&op);
    auto changed = variant.weights.find(&op);
    nn::ConstantData own(op.getOperand(1));
    const float *weight =
        changed == variant.weights.end() ? own.begin() : changed->second.weight.data();
    std::vector<float> &input = gradientOf(op.getOperand(0));
    size_t inputSize = elementsOf(op.getOperand(0));
    forEachPart(values.samples(), [&](size_t first, size_t some) {
      std::vector<float> outer(geometry.positions * geometry.outputs),
          patches(geometry.positions * geometry.taps);
      for (size_t s = first; s < first + some; ++s)
        for (size_t group = 0; group < geometry.groups; ++group) {
          for (size_t p = 0; p < geometry.positions; ++p)
            for (size_t o = 0; o < geometry.outputs; ++o)
              outer[p * geometry.outputs + o] =
                  gradient[s * resultSize + geometry.resultIndex(group, p, o)];
          multiply(geometry.positions, geometry.taps, geometry.outputs, outer.data(),
                   weight + group * geometry.outputs * geometry.taps, patches.data());
          for (size_t p = 0; p < geometry.positions; ++p)
            geometry.scatterAdd(group, p, &patches[p * geometry.taps], &input[s * inputSize]);
        }
    });
  }

  void activation(nn::ReluOp relu) {
    const Floats &z = *values.at(relu.getInput());
    std::vector<float> &input = gradientOf(relu.getInput());
    auto found = variant.activations.find(relu);
    auto addTo = [&](size_t first, size_t some, const ChannelChoice &choice) {
      auto slope = [&](float x) {
        return choice.relu ? (x > 0 ? 1.0f : 0.0f)
                           : static_cast<float>(2 * choice.polynomial.a * x + choice.polynomial.b);
      };
      for (size_t i = first; i < first + some; ++i)
        input[i] += gradient[i] * slope(z[i]);
    };
    if (found == variant.activations.end()) {
      forEachPart(z.size(), [&](size_t first, size_t some) { addTo(first, some, {}); });
      return;
    }
    const size_t channels = found->second.size();
    size_t run = 1;
    for (int64_t extent : shapeOf(relu.getInput()).drop_front(2))
      run *= static_cast<size_t>(extent);
    forEachOf(z.size() / run,
              [&](size_t row) { addTo(row * run, run, found->second[row % channels]); });
  }

  /// Functions of one element each: the slope by a difference, which needs no formula. The step is
  /// where rounding and curvature of f32 cost about the same, its cube root of precision.
  void pointwise() {
    Value operand = op.getOperand(0);
    const Floats &x = *values.at(operand);
    auto above = std::make_shared<Floats>(x), below = std::make_shared<Floats>(x);
    const bool bounded = isBounded();
    for (size_t i = 0; i < x.size(); ++i) {
      float step = 0.005f * std::max(1.0f, std::abs(x[i]));
      if (bounded && x[i] != 0)
        step = std::min(step, std::abs(x[i]) / 2);
      (*above)[i] += step;
      (*below)[i] -= bounded && x[i] == 0 ? 0 : step;
    }
    Batch high = evaluateWith(operand, above), low = evaluateWith(operand, below);
    std::vector<float> &input = gradientOf(operand);
    for (size_t i = 0; i < x.size(); ++i)
      if (const float width = (*above)[i] - (*below)[i]; width > 0)
        input[i] += gradient[i] * ((*high)[i] - (*low)[i]) / width;
  }

  /// Whether zero is an end of where the function is defined.
  bool isBounded() const {
    auto function = dyn_cast<nn::FunctionOp>(op);
    if (!function)
      return false;
    auto domain = nn::functionDomain(function.getKind(), function.getParameters());
    return domain.needsNonNegative || domain.needsNonZero;
  }

  Batch evaluateWith(Value operand, Batch batch) const {
    BatchValues probe(values.samples());
    probe.set(operand, std::move(batch));
    return probe.evaluate(op);
  }

  /// Sum, difference and product; an operand that is repeated gets the sum over its repetitions.
  void arithmetic() {
    ArrayRef<int64_t> to = shapeOf(op.getResult(0));
    std::vector<size_t> index[2];
    for (unsigned side = 0; side < 2; ++side)
      index[side] = repeated(shapeOf(op.getOperand(side)), to);
    for (unsigned side = 0; side < 2; ++side) {
      if (isConstant(op.getOperand(side)))
        continue;
      Value other = op.getOperand(1 - side);
      std::vector<float> &input = gradientOf(op.getOperand(side));
      size_t size = elementsOf(op.getOperand(side)), otherSize = elementsOf(other);
      bool product = isa<nn::MulOp>(op);
      float sign = isa<nn::SubOp>(op) && side == 1 ? -1.0f : 1.0f;
      std::optional<nn::ConstantData> constant;
      if (product && isConstant(other))
        constant.emplace(other);
      for (size_t s = 0; s < values.samples(); ++s)
        for (size_t i = 0; i < resultSize; ++i) {
          float factor = sign;
          if (constant)
            factor = (*constant)[index[1 - side][i]];
          else if (product)
            factor = (*values.at(other))[s * otherSize + index[1 - side][i]];
          input[s * size + index[side][i]] += factor * gradient[s * resultSize + i];
        }
    }
  }

  /// dA = dY B^T and dB = A^T dY, for each of the products.
  void matrices(nn::MatMulOp product) {
    ArrayRef<int64_t> left = shapeOf(product.getLhs()), right = shapeOf(product.getRhs());
    const auto rows = static_cast<size_t>(left[1]), inner = static_cast<size_t>(left[2]),
               columns = static_cast<size_t>(right[2]);
    const size_t products = values.samples() * static_cast<size_t>(left[0]);
    const Floats &a = *values.at(product.getLhs()), &b = *values.at(product.getRhs());
    std::vector<float> &da = gradientOf(product.getLhs());
    for (size_t g = 0; g < products; ++g)
      for (size_t m = 0; m < rows; ++m)
        for (size_t k = 0; k < inner; ++k) {
          const float *dy = &gradient[(g * rows + m) * columns],
                      *row = &b[(g * inner + k) * columns];
          da[(g * rows + m) * inner + k] += std::inner_product(dy, dy + columns, row, 0.0f);
        }
    std::vector<float> &db = gradientOf(product.getRhs()); // may be da: a product with itself
    for (size_t g = 0; g < products; ++g)
      for (size_t m = 0; m < rows; ++m)
        for (size_t k = 0; k < inner; ++k) {
          const float *dy = &gradient[(g * rows + m) * columns];
          const float factor = a[(g * rows + m) * inner + k];
          float *row = &db[(g * inner + k) * columns];
          for (size_t n = 0; n < columns; ++n)
            row[n] += factor * dy[n];
        }
  }

  /// For each result element the operand's, axes aligned at the end and extents of 1 repeated.
  static std::vector<size_t> repeated(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
    size_t count = 1;
    for (int64_t extent : to)
      count *= static_cast<size_t>(extent);
    std::vector<size_t> index(count);
    for (size_t i = 0; i < count; ++i) {
      size_t rest = i, stride = 1;
      for (size_t axis = to.size(), f = from.size(); axis-- > 0;) {
        size_t at = rest % static_cast<size_t>(to[axis]);
        rest /= static_cast<size_t>(to[axis]);
        if (f == 0)
          continue;
        --f;
        index[i] += from[f] == 1 ? 0 : at * stride;
        stride *= static_cast<size_t>(from[f]);
      }
    }
    return index;
  }

  /// Each window hands its derivative to its largest element, or in equal parts to all.
  template <class Pool> void pooling(Pool pool, bool largest) {
    auto in = shapeOf(pool.getInput()), out = shapeOf(pool.getResult());
    auto kernel = pool.getKernel(), strides = pool.getStrides(), dilations = pool.getDilations(),
         pads = pool.getPads();
    bool countsPads = false;
    if constexpr (std::is_same_v<Pool, nn::AvgPool2dOp>)
      countsPads = pool.getCountIncludePad();
    const Floats &x = *values.at(pool.getInput());
    std::vector<float> &input = gradientOf(pool.getInput());
    int64_t window = out[2] * out[3], plane = in[2] * in[3];
    std::vector<size_t> taps;
    for (size_t i = 0; i < gradient.size(); ++i) {
      auto number = static_cast<int64_t>(i);
      int64_t top = number % window / out[3] * strides[0] - pads[0],
              left = number % out[3] * strides[1] - pads[1];
      taps.clear();
      for (int64_t ky = 0; ky < kernel[0]; ++ky)
        for (int64_t kx = 0; kx < kernel[1]; ++kx) {
          int64_t row = top + ky * dilations[0], column = left + kx * dilations[1];
          if (row >= 0 && row < in[2] && column >= 0 && column < in[3])
            taps.push_back(static_cast<size_t>(number / window * plane + row * in[3] + column));
        }
      if (taps.empty())
        continue;
      if (largest) {
        input[*llvm::max_element(taps, [&](size_t a, size_t b) { return x[a] < x[b]; })] +=
            gradient[i];
        continue;
      }
      auto share =
          countsPads ? static_cast<float>(kernel[0] * kernel[1]) : static_cast<float>(taps.size());
      for (size_t tap : taps)
        input[tap] += gradient[i] / share;
    }
  }

  /// Operations that only move elements. Where to is found out by moving numbers: an element that
  /// becomes its negative when all operands do came from an operand, and the number says from which
  /// place.
  void movement() {
    BatchValues plus(1), minus(1);
    struct Source {
      Value value;
      size_t first, size;
    };
    std::vector<Source> sources;
    size_t next = 1;
    for (Value operand : op.getOperands()) {
      size_t size = elementsOf(operand);
      if (isConstant(operand) ||
          llvm::any_of(sources, [&](const Source &s) { return s.value == operand; }))
        continue;
      auto up = std::make_shared<Floats>(size), down = std::make_shared<Floats>(size);
      for (size_t i = 0; i < size; ++i) {
        (*up)[i] = static_cast<float>(next + i);
        (*down)[i] = -(*up)[i];
      }
      plus.set(operand, up);
      minus.set(operand, down);
      sources.push_back({operand, next, size});
      next += size;
    }
    check(next < (size_t(1) << 24), "values small enough to number their elements in f32");
    Batch up = plus.evaluate(op), down = minus.evaluate(op);
    for (const Source &source : sources) {
      std::vector<float> &input = gradientOf(source.value);
      for (size_t i = 0; i < resultSize; ++i) {
        float number = (*up)[i];
        if (number <= 0 || number != -(*down)[i])
          continue;
        size_t place = static_cast<size_t>(number) - source.first;
        if (place >= source.size) // Also numbers below `first`, which wrap around.
          continue;
        for (size_t s = 0; s < values.samples(); ++s)
          input[s * source.size + place] += gradient[s * resultSize + i];
      }
    }
  }

  Operation &op;
  const Variant &variant;
  const BatchValues &values;
  const std::vector<float> &gradient;
  GradientOf gradientOf;
  size_t resultSize;
};

} // namespace

void addOperandGradients(Operation &op, const Variant &variant, const BatchValues &values,
                         const std::vector<float> &gradient, GradientOf gradientOf) {
  Backward(op, variant, values, gradient, gradientOf).run();
}

} // namespace gfs
