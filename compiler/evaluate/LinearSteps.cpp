// SPDX-License-Identifier: Apache-2.0
// Convolution, matrix products and batch normalisation of the float evaluator.
#include "compiler/evaluate/Program.h"
#include "dialects/nn/NnDialect.h"

#include <cmath>
#include <dnnl.hpp>

using namespace mlir;

namespace gfs {
namespace {

using Dims = dnnl::memory::dims;
using Tag = dnnl::memory::format_tag;

const dnnl::engine &cpuEngine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}
dnnl::stream &cpuStream() {
  static thread_local dnnl::stream stream(cpuEngine());
  return stream;
}

Dims dims(ArrayRef<int64_t> shape) { return Dims(shape.begin(), shape.end()); }
Dims shapeOf(Value value) { return dims(cast<RankedTensorType>(value.getType()).getShape()); }
dnnl::memory::desc plain(const Dims &d, Tag tag) { return {d, dnnl::memory::data_type::f32, tag}; }
dnnl::memory wrap(const dnnl::memory::desc &desc, const float *data) {
  return dnnl::memory(desc, cpuEngine(), const_cast<float *>(data));
}

/// A primitive with reorders around it, so that it may choose its own layouts; weights are
/// reordered once.
class ReorderedPrimitive {
public:
  template <class Descriptor>
  ReorderedPrimitive(const Descriptor &descriptor, dnnl::memory source, dnnl::memory weights,
                     std::optional<dnnl::memory> bias, dnnl::memory result)
      : source(source), result(result), primitive(descriptor) {
    innerSource = inner(source, descriptor.src_desc());
    innerResult = inner(result, descriptor.dst_desc());
    dnnl::memory innerWeights = inner(weights, descriptor.weights_desc());
    if (innerWeights != weights)
      dnnl::reorder(weights, innerWeights).execute(cpuStream(), weights, innerWeights);
    arguments = {
        {DNNL_ARG_SRC, innerSource}, {DNNL_ARG_WEIGHTS, innerWeights}, {DNNL_ARG_DST, innerResult}};
    if (bias)
      arguments.insert({DNNL_ARG_BIAS, *bias});
    cpuStream().wait();
  }
  void operator()() {
    if (innerSource != source)
      dnnl::reorder(source, innerSource).execute(cpuStream(), source, innerSource);
    primitive.execute(cpuStream(), arguments);
    if (innerResult != result)
      dnnl::reorder(innerResult, result).execute(cpuStream(), innerResult, result);
    cpuStream().wait();
  }

private:
  static dnnl::memory inner(const dnnl::memory &outer, const dnnl::memory::desc &desc) {
    return desc == outer.get_desc() ? outer : dnnl::memory(desc, cpuEngine());
  }
  dnnl::memory source, result, innerSource, innerResult;
  dnnl::primitive primitive;
  std::unordered_map<int, dnnl::memory> arguments;
};

void addConv(Evaluator::Program &program, nn::Conv2dOp conv) {
  Dims in = shapeOf(conv.getInput()), w = shapeOf(conv.getWeight()),
       out = shapeOf(conv.getResult());
  const int64_t groups = conv.getGroups();
  if (groups > 1)
    w = {groups, w[0] / groups, w[1], w[2], w[3]};
  Tag weightTag = groups > 1 ? Tag::goihw : Tag::oihw;
  ArrayRef<int64_t> pads = conv.getPads(), dilations = conv.getDilations();
  Dims dilation = {dilations[0] - 1, dilations[1] - 1}; // oneDNN counts the gaps
  auto any = [](const Dims &d) { return plain(d, Tag::any); };
  dnnl::memory::desc biasDesc = conv.getBias() ? plain({out[1]}, Tag::a) : dnnl::memory::desc();
  dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference,
                                       dnnl::algorithm::convolution_direct, any(in), any(w),
                                       biasDesc, any(out), dims(conv.getStrides()), dilation,
                                       {pads[0], pads[1]}, {pads[2], pads[3]});
  dnnl::convolution_forward::primitive_desc descriptor(desc, cpuEngine());
  std::optional<dnnl::memory> bias;
  if (conv.getBias())
    bias = wrap(biasDesc, program.read(conv.getBias()).data());
  auto source = wrap(plain(in, Tag::nchw), program.read(conv.getInput()).data());
  auto weights = wrap(plain(w, weightTag), program.read(conv.getWeight()).data());
  auto result = wrap(plain(out, Tag::nchw), program.define(conv.getResult()).data());
  auto primitive = std::make_shared<ReorderedPrimitive>(descriptor, source, weights, bias, result);
  program.steps.push_back({conv.getResult(), [primitive] { (*primitive)(); }});
}

void addLinear(Evaluator::Program &program, nn::LinearOp linear) {
  Dims in = shapeOf(linear.getInput()), w = shapeOf(linear.getWeight()),
       out = shapeOf(linear.getResult());
  dnnl::memory::desc biasDesc = linear.getBias() ? plain({out[1]}, Tag::a) : dnnl::memory::desc();
  dnnl::inner_product_forward::desc desc(dnnl::prop_kind::forward_inference, plain(in, Tag::ab),
                                         plain(w, Tag::any), biasDesc, plain(out, Tag::ab));
  dnnl::inner_product_forward::primitive_desc descriptor(desc, cpuEngine());
  std::optional<dnnl::memory> bias;
  if (linear.getBias())
    bias = wrap(biasDesc, program.read(linear.getBias()).data());
  auto source = wrap(plain(in, Tag::ab), program.read(linear.getInput()).data());
  auto weights = wrap(plain(w, Tag::ab), program.read(linear.getWeight()).data());
  auto result = wrap(plain(out, Tag::ab), program.define(linear.getResult()).data());
  auto primitive = std::make_shared<ReorderedPrimitive>(descriptor, source, weights, bias, result);
  program.steps.push_back({linear.getResult(), [primitive] { (*primitive)(); }});
}

void addBatchNorm(Evaluator::Program &program, nn::BatchNormOp norm) {
  ArrayRef<int64_t> shape = norm.getResult().getType().getShape();
  size_t channels = static_cast<size_t>(shape[1]), inner = 1;
  for (int64_t extent : shape.drop_front(2))
    inner *= static_cast<size_t>(extent);
  std::vector<float> factor(channels), offset(channels);
  ConstFloatView scale = program.read(norm.getScale()), bias = program.read(norm.getBias()),
                 mean = program.read(norm.getMean()), var = program.read(norm.getVar());
  double epsilon = norm.getEpsilon().convertToDouble();
  for (size_t c = 0; c < channels; ++c) {
    double f = scale[c] / std::sqrt(double(var[c]) + epsilon);
    factor[c] = static_cast<float>(f);
    offset[c] = static_cast<float>(bias[c] - f * mean[c]);
  }
  ConstFloatView in = program.read(norm.getInput());
  FloatView out = program.define(norm.getResult());
  program.steps.push_back({norm.getResult(), [=] {
                             for (size_t i = 0; i < out.size(); ++i) {
                               size_t c = i / inner % channels;
                               out[i] = in[i] * factor[c] + offset[c];
                             }
                           }});
}

void addMatMul(Evaluator::Program &program, nn::MatMulOp product) {
  auto view = [](Value value) { return plain(shapeOf(value), Tag::abc); };
  dnnl::matmul::desc desc(view(product.getLhs()), view(product.getRhs()),
                          view(product.getResult()));
  auto primitive = std::make_shared<dnnl::matmul>(dnnl::matmul::primitive_desc(desc, cpuEngine()));
  std::unordered_map<int, dnnl::memory> arguments = {
      {DNNL_ARG_SRC, wrap(view(product.getLhs()), program.read(product.getLhs()).data())},
      {DNNL_ARG_WEIGHTS, wrap(view(product.getRhs()), program.read(product.getRhs()).data())},
      {DNNL_ARG_DST, wrap(view(product.getResult()), program.define(product.getResult()).data())}};
  program.steps.push_back({product.getResult(), [primitive, arguments] {
                             primitive->execute(cpuStream(), arguments);
                             cpuStream().wait();
                           }});
}

} // namespace

bool addLinearStep(Evaluator::Program &program, Operation &op) {
  if (auto conv = dyn_cast<nn::Conv2dOp>(op))
    addConv(program, conv);
  else if (auto linear = dyn_cast<nn::LinearOp>(op))
    addLinear(program, linear);
  else if (auto norm = dyn_cast<nn::BatchNormOp>(op))
    addBatchNorm(program, norm);
  else if (auto product = dyn_cast<nn::MatMulOp>(op))
    addMatMul(program, product);
  else
    return false;
  return true;
}

} // namespace gfs
