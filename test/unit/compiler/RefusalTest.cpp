// SPDX-License-Identifier: Apache-2.0
// That every node the importer refuses is named, with its operator, opset, the reason and what to
// try: one node at a time, on inputs x 1x2x4x4 and m 2x3.
#include "compiler/import/Import.h"
#include "compiler/import/onnx.pb.h"
#include "runtime/base/Error.h"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

namespace gfs {
namespace {

constexpr const char *checkModel = "check the model with onnx.checker, or export it again";

/// What each node may refer to.
constexpr const char *ports = R"(
  input { name: "x" type { tensor_type { elem_type: 1 shape {
    dim { dim_value: 1 } dim { dim_value: 2 } dim { dim_value: 4 } dim { dim_value: 4 } } } } }
  input { name: "m" type { tensor_type { elem_type: 1 shape { dim { dim_value: 2 } dim { dim_value: 3 } } } } }
  input { name: "sequence" type { tensor_type { elem_type: 1 shape { dim { dim_value: 5000 } dim { dim_value: 1 } dim { dim_value: 2 } } } } }
  input { name: "line" type { tensor_type { elem_type: 1 shape { dim { dim_value: 3000 } } } } }
  initializer { name: "short" dims: 1 data_type: 7 int64_data: 10 }
  initializer { name: "w" dims: 2 dims: 2 dims: 1 dims: 1 data_type: 1 float_data: [1, 2, 3, 4] }
  initializer { name: "w3" dims: 2 dims: 2 dims: 1 data_type: 1 float_data: [1, 2, 3, 4] }
  initializer { name: "matrix" dims: 2 dims: 2 data_type: 1 float_data: [1, 2, 3, 4] }
  initializer { name: "matrices" dims: 2 dims: 2 dims: 2 data_type: 1 float_data: [1, 2, 3, 4, 5, 6, 7, 8] }
  initializer { name: "rnn" dims: 1 dims: 2 dims: 2 data_type: 1 float_data: [1, 2, 3, 4] }
  initializer { name: "vector" dims: 2 data_type: 1 float_data: [1, 2] }
  initializer { name: "scalar" data_type: 1 float_data: 1 }
  initializer { name: "infinite" data_type: 1 float_data: inf }
  initializer { name: "nothing" data_type: 1 float_data: 0 }
  initializer { name: "huge" dims: 1 data_type: 1 float_data: 1e30 }
  initializer { name: "zero" dims: 1 data_type: 7 int64_data: 0 }
  initializer { name: "one" dims: 1 data_type: 7 int64_data: 1 }
  initializer { name: "minus" dims: 1 data_type: 7 int64_data: -1 }
  initializer { name: "pair" dims: 2 data_type: 7 int64_data: [1, 1] }
  initializer { name: "far" dims: 1 data_type: 7 int64_data: 9 }
  initializer { name: "true" data_type: 9 int32_data: 1 }
  initializer { name: "keeps" dims: 5 data_type: 7 int64_data: [1, 2, 4, 4, 0] }
  initializer { name: "sixteen" dims: 17 data_type: 7
    int64_data: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16] }
  initializer { name: "four" dims: 4 data_type: 7 int64_data: [1, 2, 4, 4] }
  initializer { name: "eight" dims: 8 data_type: 7 int64_data: [0, 0, 0, 0, 0, 0, 1, 1] }
  initializer { name: "scales" dims: 4 data_type: 1 float_data: [1, 1, 2, nan] }
  initializer { name: "tiny" dims: 4 data_type: 1 float_data: [1, 1, 0.125, 1] }
  initializer { name: "sizes" dims: 4 data_type: 7 int64_data: [1, 2, 8, 8] }
  initializer { name: "nowhere" dims: 8 data_type: 1 float_data: [0, 0, 0, nan, 1, 1, 1, 1] }
  initializer { name: "long" dims: 4 data_type: 7 int64_data: [1, 2, 4, 65537] }
  initializer { name: "outside" dims: 8 data_type: 1 float_data: [0, 0, 5, 5, 1, 1, 6, 6] }
)";

struct Case {
  const char *node; ///< A NodeProto's text without its name, which is "n".
  std::string reason;
  std::string hint = checkModel;
  ExitCode code = ExitCode::InvalidInput;
  int opset = 21;
};

Case unsupported(const char *node, std::string reason, std::string hint, int opset = 21) {
  return {node, std::move(reason), std::move(hint), ExitCode::Unsupported, opset};
}

Case older(int opset, const char *node, std::string reason) {
  return {node, std::move(reason), checkModel, ExitCode::InvalidInput, opset};
}

onnx::ModelProto parse(const std::string &text) {
  onnx::ModelProto model;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &model)) << text;
  return model;
}

/// The message and code that a model is refused with; Internal and "" where it is not.
std::pair<std::string, ExitCode> import(const onnx::ModelProto &model) {
  auto path = std::filesystem::temp_directory_path() / fmt::format("gfs-refusal-{}.onnx", getpid());
  std::ofstream(path, std::ios::binary) << model.SerializeAsString();
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  std::pair<std::string, ExitCode> result{"", ExitCode::Internal};
  try {
    importOnnx(path, {}, context);
  } catch (const Error &error) {
    result = {error.what(), error.code()};
  }
  std::filesystem::remove(path);
  return result;
}

void expectRefused(const std::vector<Case> &cases) {
  for (const Case &refused : cases) {
    SCOPED_TRACE(refused.node);
    onnx::ModelProto model = parse(fmt::format(
        "opset_import {{ version: {} }} graph {{ {} node {{ name: \"n\" {} output: \"y\" }} "
        "output {{ name: \"y\" }} }}",
        refused.opset, ports, refused.node));
    auto [message, code] = import(model);
    EXPECT_EQ(code, refused.code);
    std::string line =
        fmt::format("node \"n\" ({}, opset {}): {}; {}", model.graph().node(0).op_type(),
                    refused.opset, refused.reason, refused.hint);
    EXPECT_NE(message.find(line), std::string::npos) << "expected " << line << "\ngot " << message;
  }
}

TEST(Refusal, Constants) {
  const char *numbers = "only numbers are supported";
  expectRefused({
      unsupported(R"(op_type: "Constant" attribute { name: "value_string" type: STRING s: "a" })",
                  "holds strings or a sparse tensor", "use a dense tensor of numbers"),
      {R"(op_type: "ConstantOfShape" input: "pair" attribute { name: "value" type: TENSOR
          t { dims: 2 data_type: 1 float_data: [1, 2] } })",
       "the value is not one number"},
      {R"(op_type: "ConstantOfShape" input: "pair" attribute { name: "value" type: TENSOR
          t { dims: 2 data_type: 7 int64_data: [1, 2] } })",
       "the value is not one number"},
      unsupported(R"(op_type: "Cast" input: "x" attribute { name: "to" type: INT i: 8 })",
                  "casts to type 8", numbers),
      unsupported(R"(op_type: "Cast" input: "x" attribute { name: "to" type: INT i: 7 })",
                  "rounds a tensor that is computed from the input",
                  "remove the cast: all tensors are computed as numbers with a fraction"),
      {R"(op_type: "Cast" input: "huge" attribute { name: "to" type: INT i: 7 })",
       "cannot cast 1e+30 to an integer"},
      {R"(op_type: "Range" input: "pair" input: "one" input: "one")",
       "start, limit and delta must be one number each"},
      {R"(op_type: "Range" input: "one" input: "far" input: "zero")", "a range from 1 to 9 by 0"},
      unsupported(
          R"(op_type: "Constant" attribute { name: "value" type: TENSOR t { dims: 1 data_type: 1
                     data_location: EXTERNAL external_data { key: "location" value: "w" } } })",
          "an attribute kept in another file", "save the model as one file"),
  });
}

TEST(Refusal, Normalisations) {
  expectRefused({
      {R"(op_type: "InstanceNormalization" input: "m" input: "vector" input: "vector")",
       "an operand of shape 2x3"},
      {R"(op_type: "InstanceNormalization" input: "x" input: "matrix" input: "vector")",
       "the scale of shape 2x2"},
      {R"(op_type: "InstanceNormalization" input: "x" input: "vector" input: "vector"
          attribute { name: "epsilon" type: FLOAT f: -1 })",
       "has epsilon = -1"},
      {R"(op_type: "GroupNormalization" input: "x" input: "vector" input: "vector"
          attribute { name: "num_groups" type: INT i: 3 })",
       "3 groups of an operand of shape 1x2x4x4"},
      {R"(op_type: "LayerNormalization" input: "x" input: "vector")", "shapes 2 and 4 do not fit"},
      {R"(op_type: "LpNormalization" input: "x" attribute { name: "p" type: INT i: 3 })",
       "has p = 3"},
  });
}

TEST(Refusal, Convolutions) {
  const char *axes = "only one, two and three spatial axes are supported";
  expectRefused({
      {R"(op_type: "Conv" input: "x" input: "w3")",
       "operand 1x2x4x4 and weight 2x2x1 have different numbers of axes"},
      {R"(op_type: "Conv" input: "x" input: "w" attribute { name: "group" type: INT i: 0 })",
       "group 0"},
      {R"(op_type: "Conv" input: "x" input: "w" attribute { name: "kernel_shape" type: INTS ints: [2, 1] })",
       "kernel_shape differs from the weight's shape"},
      {R"(op_type: "Conv" input: "x" input: "w" attribute { name: "pads" type: INTS ints: [0, 1] })",
       "attribute 'pads' has 2 numbers for 2 spatial axes"},
      {R"(op_type: "Conv" input: "x" input: "w" attribute { name: "auto_pad" type: STRING s: "SAME" })",
       "auto_pad 'SAME' is not known"},
      unsupported(
          R"(op_type: "Conv" input: "x" input: "w" attribute { name: "strides" type: INTS ints: [0, 1] })",
          "kernel, strides and dilations must be positive and pads must not be negative, all below "
          "2^24",
          "export the model with an explicit Pad or Slice instead"),
      {R"(op_type: "BatchNormalization" input: "vector" input: "vector" input: "vector" input: "vector"
          input: "vector")",
       "an operand without channels"},
      {R"(op_type: "ConvTranspose" input: "x" input: "w"
          attribute { name: "kernel_shape" type: INTS ints: [2, 2] })",
       "kernel_shape differs from the weight's shape"},
      {R"(op_type: "ConvTranspose" input: "x" input: "w" attribute { name: "pads" type: INTS ints: [0] })",
       "attribute 'pads' or 'output_shape' does not fit 2 spatial axes"},
      {R"(op_type: "ConvTranspose" input: "x" input: "w" attribute { name: "auto_pad" type: STRING s: "SAME" })",
       "auto_pad 'SAME' is not known"},
      {R"(op_type: "ConvTranspose" input: "x" input: "w"
          attribute { name: "output_padding" type: INTS ints: [-1, 0] })",
       "output_padding, pads or output_shape are out of range"},
      unsupported(
          R"(op_type: "MaxPool" input: "m" attribute { name: "kernel_shape" type: INTS ints: [1] })",
          "an operand of shape 2x3", axes),
      {R"(op_type: "GlobalAveragePool" input: "m")", "an operand of shape 2x3"},
  });
}

TEST(Refusal, Products) {
  expectRefused({
      {R"(op_type: "Gemm" input: "m" input: "matrix")",
       "cannot multiply matrices of 2x3 and 2x2 (transposed)"},
      {R"(op_type: "Gemm" input: "x" input: "matrix")", "operands that are not matrices"},
      unsupported(R"(op_type: "Gemm" input: "m" input: "m")",
                  "the second operand must be a constant",
                  "make it an initialiser of the model; products of two computed tensors are not "
                  "supported here"),
      {R"(op_type: "MatMul" input: "m" input: "matrices")",
       "cannot multiply matrices of 2x3 and 2x2x2"},
      {R"(op_type: "MatMul" input: "m" input: "scalar")", "an operand is a scalar"},
  });
}

TEST(Refusal, RecurrentLayers) {
  expectRefused({
      {R"(op_type: "GRU" input: "m" input: "matrices" input: "matrices")",
       "expects a sequence of three axes, got 2x3"},
      {R"(op_type: "LSTM" input: "matrices" input: "matrices" input: "matrices")",
       "weights of shapes 2x2x2 and 2x2x2 for 2 inputs"},
      {R"(op_type: "LSTM" input: "matrices" input: "matrices" input: "matrices" attribute { name: "direction" type: STRING s: "up" })",
       "direction is 'up'"},
      {R"(op_type: "RNN" input: "matrices" input: "rnn" input: "rnn"
          attribute { name: "activations" type: STRINGS strings: "Tanh" strings: "Tanh" })",
       "has 2 activations"},
      {R"(op_type: "RNN" input: "matrices" input: "rnn" input: "rnn" input: "matrices")",
       "a bias of shape 2x2x2"},
      {R"(op_type: "RNN" input: "matrices" input: "rnn" input: "rnn" input: "" input: "" input: "matrices")",
       "expects an initial state of shape 1x2x2, got 2x2x2"},
      unsupported(R"(op_type: "RNN" input: "matrices" input: "rnn" input: "rnn"
          attribute { name: "activations" type: STRINGS strings: "Affine" })",
                  "has the activation Affine", "only Sigmoid, Tanh and Relu are supported here"),
      unsupported(R"(op_type: "RNN" input: "matrices" input: "rnn" input: "rnn"
          attribute { name: "clip" type: FLOAT f: 1 })",
                  "clips what goes into its activations", "export it without clip"),
      unsupported(R"(op_type: "RNN" input: "sequence" input: "rnn" input: "rnn")",
                  "would be unrolled over 5000 steps",
                  "at most 1024 are supported: export the model for shorter sequences"),
      unsupported(
          R"(op_type: "RNN" input: "matrices" input: "rnn" input: "rnn" input: "" input: "pair")",
          "has sequences of other lengths than its operand",
          "export the model for sequences of one length, without sequence_lens"),
  });
}

TEST(Refusal, Functions) {
  expectRefused({
      {R"(op_type: "Elu" input: "x" attribute { name: "alpha" type: FLOAT f: nan })",
       "has a parameter that is not finite"},
      older(6 + 1,
            R"(op_type: "Clip" input: "x" attribute { name: "min" type: FLOAT f: 2 }
          attribute { name: "max" type: FLOAT f: 1 })",
            "bounds 2 and 1"),
      unsupported(R"(op_type: "Celu" input: "x" attribute { name: "alpha" type: FLOAT f: -1 })",
                  "has alpha = -1", "only positive values are supported"),
      {R"(op_type: "Gelu" input: "x" attribute { name: "approximate" type: STRING s: "erf" })",
       "approximate = 'erf'"},
      {R"(op_type: "Pow" input: "x" input: "infinite")", "raises to a power that is not finite"},
      unsupported(R"(op_type: "Pow" input: "x" input: "vector")", "raises to powers of shape 2",
                  "only one exponent for all elements is supported: use a Pow for each"),
      unsupported(R"(op_type: "Pow" input: "x" input: "nothing")", "raises to the power 0",
                  "export the model without it"),
      unsupported(R"(op_type: "Floor" input: "x")", "its operand is computed from the input",
                  "this operator is only supported on constants"),
      {R"(op_type: "Div" input: "pair" input: "zero")", "divides integers by zero"},
      {R"(op_type: "LRN" input: "x" attribute { name: "size" type: INT i: 0 })",
       "a window of 0 channels of 1x2x4x4"},
  });
}

TEST(Refusal, Shapes) {
  const char *constantShapes = "export the model with constant shapes and indices, for instance "
                               "with onnx-simplifier";
  expectRefused({
      unsupported(R"(op_type: "Dropout" input: "x" input: "nothing" input: "true")",
                  "drops elements at random", "export the model in inference mode (model.eval())"),
      {R"(op_type: "Reshape" input: "x" input: "keeps")", "keeps axis 4 of 1x2x4x4"},
      unsupported(R"(op_type: "Reshape" input: "x" input: "vector")",
                  "operand 1 must be known at compile time", constantShapes),
      {R"(op_type: "Squeeze" input: "x" input: "one")", "drops axis 1 of 1x2x4x4"},
      {R"(op_type: "Unsqueeze" input: "x")", "axes are missing, or far too many"},
      {R"(op_type: "Unsqueeze" input: "x" input: "sixteen")", "axes are missing, or far too many"},
      {R"(op_type: "Unsqueeze" input: "x" input: "pair")", "adds axis 1 twice"},
      {R"(op_type: "Concat" input: "x" input: "x")", "nothing to join, or no axis"},
      {R"(op_type: "Concat" input: "x" input: "m" attribute { name: "axis" type: INT i: 1 })",
       "cannot join 1x2x4x4 and 2x3"},
      {R"(op_type: "Transpose" input: "x" attribute { name: "perm" type: INTS ints: [0, 0, 1, 2] })",
       "perm is not a permutation"},
      {R"(op_type: "Transpose" input: "x" attribute { name: "perm" type: INTS ints: [0, 1] })",
       "perm is not a permutation"},
  });
}

TEST(Refusal, Positions) {
  expectRefused({
      {R"(op_type: "Slice" input: "x" input: "pair" input: "one")",
       "starts and ends are missing, or of different lengths"},
      {R"(op_type: "Slice" input: "x" input: "one" input: "far" input: "pair")",
       "axes or steps of another length than starts"},
      {R"(op_type: "Slice" input: "x" input: "one" input: "far" input: "one" input: "zero")",
       "a step of zero"},
      {R"(op_type: "Split" input: "x" attribute { name: "num_outputs" type: INT i: 3 })",
       "num_outputs differs from the number of outputs"},
      {R"(op_type: "Split" input: "x" input: "far")", "parts do not add up to 1"},
      {R"(op_type: "Gather" input: "x" input: "far")", "index 9 on an axis of 1"},
      {R"(op_type: "Pad" input: "x" input: "one")", "pads are missing, or not two for each axis"},
      unsupported(R"(op_type: "Pad" input: "pair" input: "pair" input: "scalar")",
                  "surrounds integers with a value other than zero", "export a constant instead"),
      {R"(op_type: "Tile" input: "x" input: "pair")", "not one repetition for each axis"},
  });
}

TEST(Refusal, Resizing) {
  const char *crops = R"(op_type: "Resize" input: "x" input: "outside" input: "" input: "sizes"
      attribute { name: "mode" type: STRING s: "linear" }
      attribute { name: "coordinate_transformation_mode" type: STRING s: "tf_crop_and_resize" })";
  expectRefused({
      unsupported(crops, "its result lies outside of its operand",
                  "check the region of interest (roi)"),
      {R"(op_type: "Resize" input: "x" input: "nowhere" input: "" input: "sizes"
          attribute { name: "coordinate_transformation_mode" type: STRING s: "tf_crop_and_resize" })",
       "the region of interest has a bound that is not a number or beyond 2^20"},
      {R"(op_type: "Resize" input: "x" input: "" input: "" input: "sizes"
          attribute { name: "mode" type: STRING s: "cubic" }
          attribute { name: "cubic_coeff_a" type: FLOAT f: inf })",
       "cubic_coeff_a or extrapolation_value is not finite"},
      unsupported(R"(op_type: "Resize" input: "line" input: "" input: "" input: "short"
          attribute { name: "mode" type: STRING s: "linear" } attribute { name: "antialias" type: INT i: 1 })",
                  "each position is a weighted sum of 600",
                  "at most 256 are supported: resize in several steps"),
      unsupported(R"(op_type: "Resize" input: "x" input: "" input: "" input: "long")",
                  "resizes an axis to 65537 positions",
                  "at most 65536 are supported: check the shapes of the inputs (--shape)"),
      {R"(op_type: "Resize" input: "x" input: "" input: "scales")", "scale nan"},
      {R"(op_type: "Resize" input: "x" input: "" input: "tiny")", "scale 0.125"},
      {R"(op_type: "Resize" input: "x" input: "" input: "" input: "sizes"
          attribute { name: "keep_aspect_ratio_policy" type: STRING s: "round" })",
       "keep_aspect_ratio_policy 'round' is not known"},
  });
}

TEST(Refusal, Graphs) {
  const std::string
      x = R"(input { name: "x" type { tensor_type { elem_type: 1 shape { dim { dim_value: 2 } } } } })",
      relu = R"(node { op_type: "Relu" input: "x" output: "y" } output { name: "y" })",
      weight = R"(initializer { name: "w" dims: 1 data_type: 1 float_data: 1 })";
  struct {
    std::string graph, cause;
    ExitCode code = ExitCode::InvalidInput;
  } graphs[] = {
      {weight + weight + x + relu, "two initialisers are called 'w'"},
      {x + x + relu, "two inputs are called 'x'"},
      {x + R"(node { op_type: "Relu" input: "x" output: "y" })", "has no outputs"},
      {R"(sparse_initializer { })" + x + relu, "has sparse initialisers", ExitCode::Unsupported},
      {x + relu +
           R"(initializer { name: "k" dims: 1 data_type: 7 int64_data: 1 } output { name: "k" })",
       "output \"k\": holds integers that do not depend on the input", ExitCode::Unsupported},
      {x + R"(initializer { name: "wide" dims: 2 data_type: 7 int64_data: [3000, 3000] }
              node { name: "n" op_type: "ConstantOfShape" input: "wide" output: "y"
                     attribute { name: "value" type: TENSOR t { dims: 1 data_type: 7 int64_data: 1 } } }
              output { name: "y" })",
       "computes with 3000x3000 integers", ExitCode::Unsupported},
      // Nothing is allocated for the positions before they are counted.
      {R"(input { name: "long" type { tensor_type { elem_type: 1 shape { dim { dim_value: 2147483648 } } } } }
          initializer { name: "from" dims: 1 data_type: 7 int64_data: 9223372036854775807 }
          initializer { name: "to" dims: 1 data_type: 7 int64_data: -9223372036854775808 }
          initializer { name: "axis" dims: 1 data_type: 7 int64_data: 0 }
          initializer { name: "step" dims: 1 data_type: 7 int64_data: -2 }
          node { name: "n" op_type: "Slice" input: "long" input: "from" input: "to" input: "axis" input: "step"
                 output: "y" } output { name: "y" })",
       "an axis of 1073741824 positions", ExitCode::Unsupported},
  };
  for (const auto &[graph, cause, expected] : graphs) {
    SCOPED_TRACE(cause);
    auto [message, code] = import(parse("opset_import { version: 21 } graph { " + graph + " }"));
    EXPECT_EQ(code, expected);
    EXPECT_NE(message.find(cause), std::string::npos) << message;
  }
  auto [message, code] = import(parse("graph { " + x + relu + " }"));
  EXPECT_EQ(code, ExitCode::InvalidInput);
  EXPECT_NE(message.find("states no version of the ONNX operators"), std::string::npos) << message;
}

} // namespace
} // namespace gfs
