// SPDX-License-Identifier: Apache-2.0
#include "compiler/export/Export.h"

#include "compiler/export/Functions.h"
#include "dialects/nn/NnConstants.h"
#include "runtime/base/Error.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

using namespace mlir;

namespace gfs {

using namespace onnx;

namespace {
/// The version of ONNX's file format that came with the opset.
constexpr int64_t irVersion = 9;

ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// One conversion. Values of the function have names in the graph.
class Exporter {
public:
  Exporter(func::FuncOp function, GraphProto &graph)
      : function(function), graph(graph), builder(graph) {}

  void run() {
    for (auto [index, argument] : llvm::enumerate(function.getArguments())) {
      auto name = function.getArgAttrOfType<StringAttr>(index, nn::nameAttr);
      names[argument] = builder.unique(name ? name.str() : "input" + std::to_string(index));
      declare(*graph.add_input(), names[argument], argument, tensor::TensorProto::FLOAT);
    }
    Operation *terminator = function.getBody().front().getTerminator();
    reserveOutputs(terminator);
    for (Operation &op : function.getBody().front().without_terminator())
      convert(&op);
    for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
      const std::string &name = outputNames[index];
      const std::string &made = nameOf(value, name + ".constant");
      if (made != name)
        builder.node("Identity", {made}, name);
      declare(*graph.add_output(), name, value,
              value.getDefiningOp<nn::ArgmaxOp>() ? tensor::TensorProto::INT64
                                                  : tensor::TensorProto::FLOAT);
    }
  }

private:
  func::FuncOp function;
  GraphProto &graph;
  GraphBuilder builder;
  llvm::DenseMap<Value, std::string> names;
  std::vector<std::string> outputNames;
  llvm::DenseMap<Value, std::string> wanted; ///< Results that are outputs, by their names.

  /// Before any other value takes these names. A value that is two outputs, or an input too, is
  /// copied.
  void reserveOutputs(Operation *terminator) {
    for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
      auto name = function.getResultAttrOfType<StringAttr>(index, nn::nameAttr);
      outputNames.push_back(builder.unique(name ? name.str() : "output" + std::to_string(index)));
      if (value.getDefiningOp() && !nn::constantValue(value))
        wanted.try_emplace(value, outputNames.back());
    }
  }

  static void declare(ValueInfoProto &info, const std::string &name, Value value,
                      tensor::TensorProto::DataType type) {
    info.set_name(name);
    TypeProto::Tensor &tensor = *info.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    TensorShapeProto &shape = *tensor.mutable_shape();
    for (int64_t extent : shapeOf(value))
      shape.add_dim()->set_dim_value(extent);
  }

  NodeProto &node(const char *type, Operation *op) {
    SmallVector<std::string> inputs;
    for (auto [index, operand] : llvm::enumerate(op->getOperands()))
      inputs.push_back(nameOf(operand, names[op->getResult(0)] + suffixOf(op, index)));
    return builder.node(type, inputs, names[op->getResult(0)]);
  }

  static const char *suffixOf(Operation *op, size_t operand) {
    static constexpr const char *ofNorm[] = {"", ".scale", ".bias", ".mean", ".var"};
    if (isa<nn::BatchNormOp>(op))
      return ofNorm[operand];
    if (isa<nn::Conv2dOp, nn::LinearOp>(op))
      return operand == 1 ? ".weight" : ".bias";
    return ".constant";
  }

  /// The value's name; a constant that has none yet becomes an initialiser called `wish`.
  const std::string &nameOf(Value value, const std::string &wish) {
    ElementsAttr constant = nn::constantValue(value);
    std::string &name = names[value];
    if (constant && name.empty())
      name = builder.floats(shapeOf(value), nn::ConstantData(constant).values(), wish);
    return name;
  }

  std::string inner(Operation *op, const char *suffix) {
    return builder.unique(names[op->getResult(0)] + suffix);
  }

  void convert(Operation *op) {
    Value result = op->getResult(0);
    // Entries are made here and nowhere else, so that references to names stay valid below.
    if (isa<nn::ConstantOp>(op)) {
      names[result].clear(); // named after the first operation that uses it
      return;
    }
    auto output = wanted.find(result);
    names[result] = output == wanted.end() ? builder.unique(nn::layerName(op)) : output->second;
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](nn::Conv2dOp conv) {
          NodeProto &made = node("Conv", op);
          setWindow(made, shapeOf(conv.getWeight()).take_back(2), conv);
          builder.setInteger(made, "group", static_cast<int64_t>(conv.getGroups()));
        })
        .Case([&](nn::LinearOp) { builder.setInteger(node("Gemm", op), "transB", 1); })
        .Case([&](nn::BatchNormOp norm) {
          builder.setReal(node("BatchNormalization", op), "epsilon",
                          norm.getEpsilon().convertToDouble());
        })
        .Case([&](nn::ReluOp) { node("Relu", op); })
        .Case([&](nn::SquareOp square) {
          std::string x = nameOf(square.getInput(), names[result] + ".constant");
          builder.node("Mul", {x, x}, names[result]);
        })
        .Case([&](nn::MixedActivationOp mixed) { convertMixed(mixed); })
        .Case([&](nn::FunctionOp function) {
          exportFunction(builder, function,
                         nameOf(function.getInput(), names[result] + ".constant"), names[result]);
        })
        .Case([&](nn::MaxPool2dOp pool) { setWindow(node("MaxPool", op), pool.getKernel(), pool); })
        .Case([&](nn::AvgPool2dOp pool) {
          NodeProto &made = node("AveragePool", op);
          setWindow(made, pool.getKernel(), pool);
          builder.setInteger(made, "count_include_pad", pool.getCountIncludePad());
        })
        .Case([&](nn::AddOp) { node("Add", op); })
        .Case([&](nn::SubOp) { node("Sub", op); })
        .Case([&](nn::MulOp) { node("Mul", op); })
        .Case([&](nn::MatMulOp) { node("MatMul", op); })
        .Case([&](nn::ReshapeOp reshape) { convertReshape(reshape); })
        .Case([&](nn::TransposeOp transpose) {
          builder.setIntegers(node("Transpose", op), "perm", transpose.getPermutation());
        })
        .Case([&](nn::ConcatOp concat) {
          builder.setInteger(node("Concat", op), "axis", static_cast<int64_t>(concat.getAxis()));
        })
        .Case([&](nn::TakeOp take) { convertTake(take); })
        .Case([&](nn::PadOp pad) {
          float value = static_cast<float>(pad.getValue().convertToDouble());
          SmallVector<int64_t> pads(pad.getLow());
          llvm::append_range(pads, pad.getHigh());
          addPad(nameOf(pad.getInput(), names[result] + ".constant"), pads, value, names[result]);
        })
        .Case([&](nn::SoftmaxOp softmax) {
          builder.setInteger(node("Softmax", op), "axis", static_cast<int64_t>(softmax.getAxis()));
        })
        .Case([&](nn::LogSoftmaxOp softmax) {
          builder.setInteger(node("LogSoftmax", op), "axis",
                             static_cast<int64_t>(softmax.getAxis()));
        })
        .Case([&](nn::ArgmaxOp argmax) {
          NodeProto &made = node("ArgMax", op);
          builder.setInteger(made, "axis", static_cast<int64_t>(argmax.getAxis()));
          builder.setInteger(made, "keepdims",
                             shapeOf(argmax.getInput()).size() == shapeOf(result).size());
          if (argmax.getLast())
            builder.setInteger(made, "select_last_index", 1);
        })
        .Default([](Operation *other) {
          throw Error(ExitCode::Unsupported,
                      fmt::format("--emit=onnx: {} ({}) has no ONNX form", nn::layerName(other),
                                  other->getName().getStringRef().str()),
                      "emit nn instead, or the model before it is optimised (--compile-to=import)");
        });
  }

  template <class Window> void setWindow(NodeProto &made, ArrayRef<int64_t> kernel, Window window) {
    builder.setIntegers(made, "kernel_shape", kernel);
    builder.setIntegers(made, "strides", window.getStrides());
    builder.setIntegers(made, "dilations", window.getDilations());
    builder.setIntegers(made, "pads", window.getPads());
  }

  /// A leading axis that stays is written as 0, "as it is", so that tools can change the batch.
  void convertReshape(nn::ReshapeOp reshape) {
    SmallVector<int64_t> shape(shapeOf(reshape.getResult()));
    ArrayRef<int64_t> from = shapeOf(reshape.getInput());
    if (!shape.empty() && !from.empty() && shape[0] == from[0])
      shape[0] = 0;
    const std::string &result = names[reshape.getResult()];
    std::string wanted = builder.integers(shape, result + ".shape");
    builder.node("Reshape", {nameOf(reshape.getInput(), result + ".constant"), wanted}, result);
  }

  void addPad(const std::string &input, ArrayRef<int64_t> pads, float value,
              const std::string &result) {
    std::string amounts = builder.integers(pads, result + ".pads"),
                filler = builder.floats({}, {&value, 1}, result + ".value");
    builder.node("Pad", {input, amounts, filler}, result);
  }

  /// Index -1 becomes the position of a zero that is appended first.
  void convertTake(nn::TakeOp take) {
    auto axis = static_cast<size_t>(take.getAxis());
    ArrayRef<int64_t> from = shapeOf(take.getInput());
    SmallVector<int64_t> indices(take.getIndices());
    std::string result = names[take.getResult()],
                input = nameOf(take.getInput(), result + ".constant");
    if (llvm::is_contained(indices, -1)) {
      std::string padded = inner(take, ".padded");
      SmallVector<int64_t> pads(2 * from.size(), 0);
      pads[from.size() + axis] = 1;
      addPad(input, pads, 0, padded);
      llvm::replace(indices, int64_t(-1), from[axis]);
      input = padded;
    }
    std::string chosen = builder.integers(indices, result + ".indices");
    builder.setInteger(builder.node("Gather", {input, chosen}, result), "axis",
                       static_cast<int64_t>(axis));
  }

  /// (a x + b) x + c, and m * Relu(x) before it where a channel is ReLU.
  void convertMixed(nn::MixedActivationOp op) {
    for (Value coefficient : op->getOperands().drop_front())
      if (!nn::constantValue(coefficient))
        throw Error(ExitCode::Unsupported,
                    fmt::format("--emit=onnx: {} has coefficients that the network computes",
                                nn::layerName(op)),
                    "make them initialisers of the model");
    std::string result = names[op.getResult()], x = nameOf(op.getInput(), result + ".constant");
    nn::ConstantData values[] = {nn::ConstantData(op.getA()), nn::ConstantData(op.getB()),
                                 nn::ConstantData(op.getC())};
    size_t channels = values[0].size();
    SmallVector<int64_t> shape(shapeOf(op.getResult()).size() - 1, 1);
    shape.front() = static_cast<int64_t>(channels);
    std::string coefficients[3];
    const char *suffixes[] = {".a", ".b", ".c"};
    std::vector<float> mask(channels);
    for (size_t i = 0; i < 3; ++i) {
      std::vector<float> column(channels);
      for (size_t k = 0; k < channels; ++k)
        column[k] = op.isRelu(k) ? 0 : values[i][k];
      coefficients[i] = builder.floats(shape, column, result + suffixes[i]);
    }
    std::string ax = inner(op, ".ax"), sum = inner(op, ".ax_b"), product = inner(op, ".axx_bx");
    builder.node("Mul", {x, coefficients[0]}, ax);
    builder.node("Add", {ax, coefficients[1]}, sum);
    builder.node("Mul", {sum, x}, product);
    if (op.getRelu().empty()) {
      builder.node("Add", {product, coefficients[2]}, result);
      return;
    }
    for (size_t k = 0; k < channels; ++k)
      mask[k] = op.isRelu(k) ? 1 : 0;
    std::string polynomial = inner(op, ".polynomial"), relu = inner(op, ".relu"),
                kept = inner(op, ".kept");
    builder.node("Add", {product, coefficients[2]}, polynomial);
    builder.node("Relu", {x}, relu);
    builder.node("Mul", {relu, builder.floats(shape, mask, result + ".mask")}, kept);
    builder.node("Add", {kept, polynomial}, result);
  }
};
} // namespace

std::string exportOnnx(func::FuncOp function, const std::string &graphName) {
  ModelProto model;
  model.set_ir_version(irVersion);
  model.set_producer_name("gfscc");
  OperatorSetIdProto &opset = *model.add_opset_import();
  opset.set_domain("");
  opset.set_version(exportedOpset);
  model.mutable_graph()->set_name(graphName);
  Exporter(function, *model.mutable_graph()).run();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    model.SerializeToCodedStream(&coded);
  }
  return bytes;
}

} // namespace gfs
