// RUN: gfs-opt %s --split-input-file --verify-diagnostics

// Tests that each rule of each operation is checked; the functions are named after the rules.

// expected-error @below {{'nn.name' expects a string}}
func.func @name_is_string(%x: tensor<1x2xf32> {nn.name = 3 : i64}) -> tensor<1x2xf32> {
  return %x : tensor<1x2xf32>
}

// -----

// expected-error @below {{'nn.size' is not an attribute of the nn dialect}}
func.func @unknown_attribute(%x: tensor<1x2xf32>) -> (tensor<1x2xf32> {nn.size = 3 : i64}) {
  return %x : tensor<1x2xf32>
}

// -----

func.func @dynamic_shape(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  // expected-error @below {{operand #0 must be tensor of f32 with static positive extents and at most 2^31 elements}}
  %y = nn.relu %x : tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

func.func @empty_shape(%x: tensor<0x2xf32>) -> tensor<0x2xf32> {
  // expected-error @below {{operand #0 must be tensor of f32 with static positive extents}}
  %y = nn.relu %x : tensor<0x2xf32>
  return %y : tensor<0x2xf32>
}

// -----

func.func @huge_shape(%x: tensor<1048576x1048576xf32>) -> tensor<1048576x1048576xf32> {
  // expected-error @below {{operand #0 must be tensor of f32 with static positive extents}}
  %y = nn.relu %x : tensor<1048576x1048576xf32>
  return %y : tensor<1048576x1048576xf32>
}

// -----

func.func @integers(%x: tensor<2xi32>) -> tensor<2xi32> {
  // expected-error @below {{operand #0 must be tensor of f32}}
  %y = nn.square %x : tensor<2xi32>
  return %y : tensor<2xi32>
}

// -----

func.func @constant_c1() -> tensor<2xf32> {
  // expected-error @below {{expects a dense value (constant_c1)}}
  %c = nn.constant sparse<[[0]], [1.0]> : tensor<2xf32>
  return %c : tensor<2xf32>
}

// -----

func.func @constant_c1() -> tensor<20xf32> {
  // expected-error @below {{expects a resource of 80 bytes, got 4 (constant_c1)}}
  %c = nn.constant dense_resource<short> : tensor<20xf32>
  return %c : tensor<20xf32>
}
{-#
  dialect_resources: {
    builtin: { short: "0x040000000000803F" }
  }
#-}

// -----

func.func @conv2d_c1(%x: tensor<1x1x8x8xf32>, %w: tensor<1x1x3x3xf32>) -> tensor<1x1x7x6xf32> {
  // expected-error @below {{expects a result of shape 1x1x6x6, got 1x1x7x6 (conv2d_c1)}}
  %y = nn.conv2d %x, %w : (tensor<1x1x8x8xf32>, tensor<1x1x3x3xf32>) -> tensor<1x1x7x6xf32>
  return %y : tensor<1x1x7x6xf32>
}

// -----

func.func @conv2d_c1_weight(%x: tensor<1x1x8x8xf32>, %w: tensor<3x3xf32>) -> tensor<1x1x6x6xf32> {
  // expected-error @below {{expects a weight with four axes, got 3x3 (conv2d_c1)}}
  %y = nn.conv2d %x, %w : (tensor<1x1x8x8xf32>, tensor<3x3xf32>) -> tensor<1x1x6x6xf32>
  return %y : tensor<1x1x6x6xf32>
}

// -----

func.func @conv2d_c1_operand(%x: tensor<8x8xf32>, %w: tensor<1x1x3x3xf32>) -> tensor<1x1x6x6xf32> {
  // expected-error @below {{expects an operand with four axes, got 8x8 (conv2d_c1)}}
  %y = nn.conv2d %x, %w : (tensor<8x8xf32>, tensor<1x1x3x3xf32>) -> tensor<1x1x6x6xf32>
  return %y : tensor<1x1x6x6xf32>
}

// -----

func.func @conv2d_c1_geometry(%x: tensor<1x1x8x8xf32>, %w: tensor<1x1x3x3xf32>) -> tensor<1x1x6x6xf32> {
  // expected-error @below {{expects two positive kernel extents, strides and dilations and four pads that are not negative (conv2d_c1)}}
  %y = nn.conv2d %x, %w {strides = array<i64: 0, 1>} : (tensor<1x1x8x8xf32>, tensor<1x1x3x3xf32>) -> tensor<1x1x6x6xf32>
  return %y : tensor<1x1x6x6xf32>
}

// -----

func.func @conv2d_c1_fit(%x: tensor<1x1x2x8xf32>, %w: tensor<1x1x3x3xf32>) -> tensor<1x1x1x6xf32> {
  // expected-error @below {{expects a window of 3 to fit into the padded extent 2 (conv2d_c1)}}
  %y = nn.conv2d %x, %w : (tensor<1x1x2x8xf32>, tensor<1x1x3x3xf32>) -> tensor<1x1x1x6xf32>
  return %y : tensor<1x1x1x6xf32>
}

// -----

func.func @conv2d_c2(%x: tensor<1x4x8x8xf32>, %w: tensor<2x4x3x3xf32>) -> tensor<1x2x6x6xf32> {
  // expected-error @below {{expects 2 groups to divide 2 output channels and 4 input channels to be that many times 4 (conv2d_c2)}}
  %y = nn.conv2d %x, %w {groups = 2 : i64} : (tensor<1x4x8x8xf32>, tensor<2x4x3x3xf32>) -> tensor<1x2x6x6xf32>
  return %y : tensor<1x2x6x6xf32>
}

// -----

func.func @conv2d_c3(%x: tensor<1x1x8x8xf32>, %w: tensor<2x1x3x3xf32>, %b: tensor<3xf32>) -> tensor<1x2x6x6xf32> {
  // expected-error @below {{expects a bias of shape 2, got 3 (conv2d_c3)}}
  %y = nn.conv2d %x, %w bias %b : (tensor<1x1x8x8xf32>, tensor<2x1x3x3xf32>, tensor<3xf32>) -> tensor<1x2x6x6xf32>
  return %y : tensor<1x2x6x6xf32>
}

// -----

func.func @linear_c1(%x: tensor<1x4xf32>, %w: tensor<4x2xf32>) -> tensor<1x2xf32> {
  // expected-error @below {{expects operands [M, K] and [N, K], got 1x4 and 4x2 (linear_c1)}}
  %y = nn.linear %x, %w : (tensor<1x4xf32>, tensor<4x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

func.func @linear_c1_result(%x: tensor<1x4xf32>, %w: tensor<2x4xf32>) -> tensor<2x1xf32> {
  // expected-error @below {{expects a result of shape 1x2, got 2x1 (linear_c1)}}
  %y = nn.linear %x, %w : (tensor<1x4xf32>, tensor<2x4xf32>) -> tensor<2x1xf32>
  return %y : tensor<2x1xf32>
}

// -----

func.func @linear_c2(%x: tensor<1x4xf32>, %w: tensor<2x4xf32>, %b: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // expected-error @below {{expects a bias of shape 2, got 1x2 (linear_c2)}}
  %y = nn.linear %x, %w bias %b : (tensor<1x4xf32>, tensor<2x4xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

func.func @batch_norm_c1(%x: tensor<4xf32>, %s: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expects an operand with at least two axes, got 4 (batch_norm_c1)}}
  %y = nn.batch_norm %x, %s, %s, %s, %s : tensor<4xf32>, tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @batch_norm_c1_channels(%x: tensor<1x4xf32>, %s: tensor<3xf32>) -> tensor<1x4xf32> {
  // expected-error @below {{expects a scale of shape 4, got 3 (batch_norm_c1)}}
  %y = nn.batch_norm %x, %s, %s, %s, %s : tensor<1x4xf32>, tensor<3xf32>
  return %y : tensor<1x4xf32>
}

// -----

func.func @batch_norm_c2(%x: tensor<1x4xf32>, %s: tensor<4xf32>) -> tensor<1x4xf32> {
  // expected-error @below {{expects a finite epsilon that is not negative (batch_norm_c2)}}
  %y = nn.batch_norm %x, %s, %s, %s, %s {epsilon = -1.0 : f64} : tensor<1x4xf32>, tensor<4xf32>
  return %y : tensor<1x4xf32>
}

// -----

func.func @mixed_activation_c1(%x: tensor<4xf32>, %s: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expects an operand with at least two axes, got 4 (mixed_activation_c1)}}
  %y = nn.mixed_activation %x, %s, %s, %s : tensor<4xf32>, tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @mixed_activation_c1_channels(%x: tensor<1x4xf32>, %s: tensor<3xf32>) -> tensor<1x4xf32> {
  // expected-error @below {{expects a coefficient of shape 4, got 3 (mixed_activation_c1)}}
  %y = nn.mixed_activation %x, %s, %s, %s : tensor<1x4xf32>, tensor<3xf32>
  return %y : tensor<1x4xf32>
}

// -----

func.func @mixed_activation_c2(%x: tensor<1x4xf32>, %s: tensor<4xf32>) -> tensor<1x4xf32> {
  // expected-error @below {{expects 4 entries of 'relu', got 3 (mixed_activation_c2)}}
  %y = nn.mixed_activation %x, %s, %s, %s {relu = array<i1: true, false, true>} : tensor<1x4xf32>, tensor<4xf32>
  return %y : tensor<1x4xf32>
}

// -----

func.func @max_pool2d_c1(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32> {
  // expected-error @below {{expects a result of shape 1x1x3x3, got 1x1x4x4 (max_pool2d_c1)}}
  %y = nn.max_pool2d %x {kernel = array<i64: 2, 2>} : tensor<1x1x4x4xf32> -> tensor<1x1x4x4xf32>
  return %y : tensor<1x1x4x4xf32>
}

// -----

func.func @max_pool2d_c2(%x: tensor<1x1x2x2xf32>) -> tensor<1x1x6x1xf32> {
  // expected-error @below {{expects every window to cover the image, got one in the padding alone (max_pool2d_c2)}}
  %y = nn.max_pool2d %x {kernel = array<i64: 1, 2>, pads = array<i64: 2, 0, 2, 0>} : tensor<1x1x2x2xf32> -> tensor<1x1x6x1xf32>
  return %y : tensor<1x1x6x1xf32>
}

// -----

func.func @avg_pool2d_c1(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x3x3xf32> {
  // expected-error @below {{expects a result of shape 1x1x3x3, got 1x2x3x3 (avg_pool2d_c1)}}
  %y = nn.avg_pool2d %x {kernel = array<i64: 2, 2>} : tensor<1x1x4x4xf32> -> tensor<1x2x3x3xf32>
  return %y : tensor<1x2x3x3xf32>
}

// -----

func.func @avg_pool2d_c2(%x: tensor<1x1x2x2xf32>) -> tensor<1x1x2x6xf32> {
  // expected-error @below {{expects every window to cover the image, got one in the padding alone (avg_pool2d_c2)}}
  %y = nn.avg_pool2d %x {kernel = array<i64: 1, 1>, pads = array<i64: 0, 2, 0, 2>, count_include_pad = false}
      : tensor<1x1x2x2xf32> -> tensor<1x1x2x6xf32>
  return %y : tensor<1x1x2x6xf32>
}

// -----

func.func @add_c1(%a: tensor<2x3xf32>, %b: tensor<2xf32>) -> tensor<2x3xf32> {
  // expected-error @below {{cannot broadcast 2x3 and 2 (add_c1)}}
  %y = nn.add %a, %b : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// -----

func.func @sub_c1(%a: tensor<2x1xf32>, %b: tensor<3xf32>) -> tensor<2x1xf32> {
  // expected-error @below {{expects a result of shape 2x3, got 2x1 (sub_c1)}}
  %y = nn.sub %a, %b : (tensor<2x1xf32>, tensor<3xf32>) -> tensor<2x1xf32>
  return %y : tensor<2x1xf32>
}

// -----

func.func @mat_mul_c1(%a: tensor<2x3x4xf32>, %b: tensor<2x5x6xf32>) -> tensor<2x3x6xf32> {
  // expected-error @below {{expects operands [G, M, K] and [G, K, N], got 2x3x4 and 2x5x6 (mat_mul_c1)}}
  %y = nn.mat_mul %a, %b : (tensor<2x3x4xf32>, tensor<2x5x6xf32>) -> tensor<2x3x6xf32>
  return %y : tensor<2x3x6xf32>
}

// -----

func.func @mat_mul_c1_result(%a: tensor<2x3x4xf32>, %b: tensor<2x4x6xf32>) -> tensor<2x3x4xf32> {
  // expected-error @below {{expects a result of shape 2x3x6, got 2x3x4 (mat_mul_c1)}}
  %y = nn.mat_mul %a, %b : (tensor<2x3x4xf32>, tensor<2x4x6xf32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

func.func @mul_c1(%a: tensor<2xf32>, %b: tensor<f32>) -> tensor<f32> {
  // expected-error @below {{expects a result of shape 2, got a scalar (mul_c1)}}
  %y = nn.mul %a, %b : (tensor<2xf32>, tensor<f32>) -> tensor<f32>
  return %y : tensor<f32>
}

// -----

func.func @reshape_c1(%a: tensor<2x3xf32>) -> tensor<5xf32> {
  // expected-error @below {{expects 6 elements, got 5 (reshape_c1)}}
  %y = nn.reshape %a : tensor<2x3xf32> -> tensor<5xf32>
  return %y : tensor<5xf32>
}

// -----

func.func @transpose_c1(%a: tensor<2x3xf32>) -> tensor<2x2xf32> {
  // expected-error @below {{expects a permutation of 2 axes (transpose_c1)}}
  %y = nn.transpose %a {permutation = array<i64: 0, 0>} : tensor<2x3xf32> -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

func.func @transpose_c1_short(%a: tensor<2x3xf32>) -> tensor<2xf32> {
  // expected-error @below {{expects a permutation of 2 axes (transpose_c1)}}
  %y = nn.transpose %a {permutation = array<i64>} : tensor<2x3xf32> -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @transpose_c2(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @below {{expects a result of shape 3x2, got 2x3 (transpose_c2)}}
  %y = nn.transpose %a {permutation = array<i64: 1, 0>} : tensor<2x3xf32> -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// -----

func.func @concat_c1(%a: tensor<2x3xf32>) -> tensor<2x5xf32> {
  // expected-error @below {{expects a result of shape 2x6, got 2x5 (concat_c1)}}
  %y = nn.concat %a, %a {axis = 1 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x5xf32>
  return %y : tensor<2x5xf32>
}

// -----

func.func @concat_c1_axis(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @below {{expects operands and an axis below 2 (concat_c1)}}
  %y = nn.concat %a {axis = 2 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// -----

func.func @concat_c1_operands(%a: tensor<2x3xf32>, %b: tensor<3x3xf32>) -> tensor<2x6xf32> {
  // expected-error @below {{expects an operand of shape 2x3, got 3x3 (concat_c1)}}
  %y = nn.concat %a, %b {axis = 1 : i64} : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x6xf32>
  return %y : tensor<2x6xf32>
}

// -----

func.func @take_c1(%a: tensor<2x3xf32>) -> tensor<2x1xf32> {
  // expected-error @below {{expects indices in -1..2, got 3 (take_c1)}}
  %y = nn.take %a {axis = 1 : i64, indices = array<i64: 3>} : tensor<2x3xf32> -> tensor<2x1xf32>
  return %y : tensor<2x1xf32>
}

// -----

func.func @take_c1_axis(%a: tensor<2x3xf32>) -> tensor<2x1xf32> {
  // expected-error @below {{expects an axis below 2, got 2 (take_c1)}}
  %y = nn.take %a {axis = 2 : i64, indices = array<i64: 0>} : tensor<2x3xf32> -> tensor<2x1xf32>
  return %y : tensor<2x1xf32>
}

// -----

func.func @take_c2(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @below {{expects a result of shape 2x1, got 2x3 (take_c2)}}
  %y = nn.take %a {axis = 1 : i64, indices = array<i64: 0>} : tensor<2x3xf32> -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// -----

func.func @pad_c1(%a: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{expects pads that are not negative, got -1 and 1 (pad_c1)}}
  %y = nn.pad %a {low = array<i64: -1>, high = array<i64: 1>, value = 1.0 : f64} : tensor<2xf32> -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @pad_c1_entries(%a: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{expects 1 entries in low and high (pad_c1)}}
  %y = nn.pad %a {low = array<i64: 0, 0>, high = array<i64: 0>, value = 1.0 : f64} : tensor<2xf32> -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @pad_c1_value(%a: tensor<2xf32>) -> tensor<3xf32> {
  // expected-error @below {{expects a finite value (pad_c1)}}
  %y = nn.pad %a {low = array<i64: 0>, high = array<i64: 1>, value = 0x7FF0000000000000 : f64} : tensor<2xf32> -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// -----

func.func @pad_c2(%a: tensor<2xf32>) -> tensor<3xf32> {
  // expected-error @below {{expects a result of shape 4, got 3 (pad_c2)}}
  %y = nn.pad %a {low = array<i64: 1>, high = array<i64: 1>, value = 1.0 : f64} : tensor<2xf32> -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// -----

func.func @softmax_c1(%a: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{expects an axis below 1, got 1 (softmax_c1)}}
  %y = nn.softmax %a {axis = 1 : i64} : tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @log_softmax_c1(%a: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{expects an axis below 1, got 1 (log_softmax_c1)}}
  %y = nn.log_softmax %a {axis = 1 : i64} : tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @argmax_c1(%a: tensor<2x3xf32>) -> tensor<3xf32> {
  // expected-error @below {{expects a result of shape 2x1, got 3 (argmax_c1)}}
  %y = nn.argmax %a {axis = 1 : i64} : tensor<2x3xf32> -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// -----

func.func @argmax_c1_axis(%a: tensor<2x3xf32>) -> tensor<2xf32> {
  // expected-error @below {{expects an axis below 2, got 2 (argmax_c1)}}
  %y = nn.argmax %a {axis = 2 : i64} : tensor<2x3xf32> -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @function_c1(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{expects 2 parameters of clip, got 1 (function_c1)}}
  %y = nn.function clip %x {parameters = array<f64: 0.0>} : tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @function_c1_finite(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{expects finite parameters (function_c1)}}
  %y = nn.function elu %x {parameters = array<f64: 0x7FF0000000000000>} : tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @function_c2_bounds(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{expects bounds that ascend, got 6.000000e+00 and 6.000000e+00 (function_c2)}}
  %y = nn.function clip %x {parameters = array<f64: 6.0, 6.0>} : tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @function_c2_slope(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{expects a positive first parameter of hard_sigmoid, got -1.000000e+00 (function_c2)}}
  %y = nn.function hard_sigmoid %x {parameters = array<f64: -1.0, 0.5>} : tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @function_c3(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{expects a number as bound of its operand (function_c3)}}
  %y = nn.function exp %x {at_most = 0x7FF8000000000000 : f64} : tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @function_kind(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{expected string or keyword containing one of the following enum values for attribute}}
  %y = nn.function sine %x : tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @top_values_c1(%a: tensor<2x3xf32>) -> tensor<2x4xf32> {
  // expected-error @below {{expects a result of shape 2x3, got 2x4 (top_values_c1)}}
  %y = nn.top_values %a {axis = 1 : i64} : tensor<2x3xf32> -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

func.func @top_indices_c1(%a: tensor<2x3xf32>) -> tensor<2x1xf32> {
  // expected-error @below {{expects an axis below 2, got 2 (top_indices_c1)}}
  %y = nn.top_indices %a {axis = 2 : i64} : tensor<2x3xf32> -> tensor<2x1xf32>
  return %y : tensor<2x1xf32>
}
