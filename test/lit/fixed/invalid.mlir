// RUN: gfs-opt %s --split-input-file --verify-diagnostics

// Tests that every rule of the dialect refuses what breaks it; each function is named after the rule.

// expected-error @below {{positive extents and at most 2^31 elements (tensor_c1)}}
func.func private @tensor_c1(!fixed.tensor<65536x65536, scale = 3>)

// -----

// expected-error @below {{positive extents and at most 2^31 elements (tensor_c1)}}
func.func private @tensor_c1_empty_axis(!fixed.tensor<4x0, scale = 3>)

// -----

// expected-error @below {{scale in -64..64, got 65 (tensor_c2)}}
func.func private @tensor_c2(!fixed.tensor<4, scale = 65>)

// -----

// expected-error @below {{'fixed.ring_bits' expects 16 to 64, got 8}}
module attributes {fixed.ring_bits = 8 : i64} {}

// -----

// expected-error @below {{'fixed.ring_bits' expects an i64 on a module}}
module attributes {fixed.ring_bits = "32"} {}

// -----

// expected-error @below {{'fixed.post' expects none, softmax, log_softmax, argmax, argmax_last, top_values, top_indices}}
func.func private @post() -> (!fixed.tensor<4, scale = 3> {fixed.post = "top"})

// -----

// expected-error @below {{'fixed.post_axis' expects an i64 that is not negative}}
func.func private @post_axis() -> (!fixed.tensor<4, scale = 3> {fixed.post = "softmax", fixed.post_axis = -1 : i64})

// -----

// expected-error @below {{'fixed.name' expects a string}}
func.func private @name(!fixed.tensor<4, scale = 3> {fixed.name = 3 : i64})

// -----

func.func @weight_c1() {
  // expected-error @below {{dense value with i32 or i64 elements (weight_c1)}}
  %w = fixed.weight dense<1.0> : tensor<2xf32> -> !fixed.tensor<2, scale = 3>
  return
}

// -----

func.func @weight_c2() {
  // expected-error @below {{expects shape 2, got 3 (weight_c2)}}
  %w = fixed.weight dense<1> : tensor<2xi32> -> !fixed.tensor<3, scale = 3>
  return
}

// -----

func.func @conv2d_c1(%x: !fixed.tensor<1x3x8x8, scale = 11>, %w: !fixed.tensor<4x3x3x3, scale = 12>) {
  // expected-error @below {{expects a result of shape 1x4x6x6, got 1x4x8x8 (conv2d_c1)}}
  %z = fixed.conv2d %x, %w 
      : (!fixed.tensor<1x3x8x8, scale = 11>, !fixed.tensor<4x3x3x3, scale = 12>) -> !fixed.tensor<1x4x8x8, scale = 23>
  return
}

// -----

func.func @conv2d_c1_groups(%x: !fixed.tensor<1x3x8x8, scale = 11>, %w: !fixed.tensor<4x3x3x3, scale = 12>) {
  // expected-error @below {{expects 2 groups to divide 4 output channels and the operand to have 6 channels (conv2d_c1)}}
  %z = fixed.conv2d %x, %w {groups = 2 : i64} 
      : (!fixed.tensor<1x3x8x8, scale = 11>, !fixed.tensor<4x3x3x3, scale = 12>) -> !fixed.tensor<1x4x6x6, scale = 23>
  return
}

// -----

func.func @conv2d_c1_window(%x: !fixed.tensor<1x3x2x2, scale = 11>, %w: !fixed.tensor<4x3x3x3, scale = 12>) {
  // expected-error @below {{expects a window of 3 to fit into the padded extent 2 (conv2d_c1)}}
  %z = fixed.conv2d %x, %w 
      : (!fixed.tensor<1x3x2x2, scale = 11>, !fixed.tensor<4x3x3x3, scale = 12>) -> !fixed.tensor<1x4x1x1, scale = 23>
  return
}

// -----

func.func @conv2d_c1_pads(%x: !fixed.tensor<1x3x8x8, scale = 11>, %w: !fixed.tensor<4x3x3x3, scale = 12>) {
  // expected-error @below {{four pads that are not negative (conv2d_c1)}}
  %z = fixed.conv2d %x, %w {pads = array<i64: 1, 1>} 
      : (!fixed.tensor<1x3x8x8, scale = 11>, !fixed.tensor<4x3x3x3, scale = 12>) -> !fixed.tensor<1x4x8x8, scale = 23>
  return
}

// -----

func.func @conv2d_c2(%x: !fixed.tensor<1x3x8x8, scale = 11>, %w: !fixed.tensor<4x3x3x3, scale = 12>) {
  // expected-error @below {{expects scale 23 of the result, got 22 (conv2d_c2)}}
  %z = fixed.conv2d %x, %w 
      : (!fixed.tensor<1x3x8x8, scale = 11>, !fixed.tensor<4x3x3x3, scale = 12>) -> !fixed.tensor<1x4x6x6, scale = 22>
  return
}

// -----

func.func @conv2d_c3(%x: !fixed.tensor<1x3x8x8, scale = 11>, %w: !fixed.tensor<4x3x3x3, scale = 12>, %b: !fixed.tensor<4, scale = 12>) {
  // expected-error @below {{expects scale 23 of the bias, got 12 (conv2d_c3)}}
  %z = fixed.conv2d %x, %w bias %b
      : (!fixed.tensor<1x3x8x8, scale = 11>, !fixed.tensor<4x3x3x3, scale = 12>, !fixed.tensor<4, scale = 12>) -> !fixed.tensor<1x4x6x6, scale = 23>
  return
}

// -----

func.func @conv2d_c3_shape(%x: !fixed.tensor<1x3x8x8, scale = 11>, %w: !fixed.tensor<4x3x3x3, scale = 12>, %b: !fixed.tensor<3, scale = 23>) {
  // expected-error @below {{expects shape 4, got 3 (conv2d_c3)}}
  %z = fixed.conv2d %x, %w bias %b
      : (!fixed.tensor<1x3x8x8, scale = 11>, !fixed.tensor<4x3x3x3, scale = 12>, !fixed.tensor<3, scale = 23>) -> !fixed.tensor<1x4x6x6, scale = 23>
  return
}

// -----

func.func @linear_c1(%x: !fixed.tensor<1x6, scale = 11>, %w: !fixed.tensor<2x5, scale = 9>) {
  // expected-error @below {{expects operands [M, K] and [N, K], got 1x6 and 2x5 (linear_c1)}}
  %y = fixed.linear %x, %w : (!fixed.tensor<1x6, scale = 11>, !fixed.tensor<2x5, scale = 9>) -> !fixed.tensor<1x2, scale = 20>
  return
}

// -----

func.func @linear_c2(%x: !fixed.tensor<1x6, scale = 11>, %w: !fixed.tensor<2x6, scale = 9>) {
  // expected-error @below {{expects scale 20 of the result, got 21 (linear_c2)}}
  %y = fixed.linear %x, %w : (!fixed.tensor<1x6, scale = 11>, !fixed.tensor<2x6, scale = 9>) -> !fixed.tensor<1x2, scale = 21>
  return
}

// -----

func.func @linear_c3(%x: !fixed.tensor<1x6, scale = 11>, %w: !fixed.tensor<2x6, scale = 9>, %b: !fixed.tensor<2, scale = 19>) {
  // expected-error @below {{expects scale 20 of the bias, got 19 (linear_c3)}}
  %y = fixed.linear %x, %w bias %b
      : (!fixed.tensor<1x6, scale = 11>, !fixed.tensor<2x6, scale = 9>, !fixed.tensor<2, scale = 19>) -> !fixed.tensor<1x2, scale = 20>
  return
}

// -----

func.func @relu_c1(%x: !fixed.tensor<1x6, scale = 20>) {
  // expected-error @below {{expects low < high <= 62, got window [12, 12) (relu_c1)}}
  %y = fixed.relu %x shift 9 window [12, 12) : !fixed.tensor<1x6, scale = 20> -> !fixed.tensor<1x6, scale = 11>
  return
}

// -----

func.func @relu_c2(%x: !fixed.tensor<1x6, scale = 20>) {
  // expected-error @below {{expects scale 11 of the result, got 20 (relu_c2)}}
  %y = fixed.relu %x shift 9 window [12, 19) : !fixed.tensor<1x6, scale = 20> -> !fixed.tensor<1x6, scale = 20>
  return
}

// -----

func.func @truncate_c1(%x: !fixed.tensor<1x6, scale = 20>) {
  // expected-error @below {{expects scale 11 of the result, got 12 (truncate_c1)}}
  %y = fixed.truncate %x shift 9 : !fixed.tensor<1x6, scale = 20> -> !fixed.tensor<1x6, scale = 12>
  return
}

// -----

func.func @square_c1(%x: !fixed.tensor<1x6, scale = 20>) {
  // expected-error @below {{expects scale 16 of the result, got 8 (square_c1)}}
  %y = fixed.square %x shift 12 : !fixed.tensor<1x6, scale = 20> -> !fixed.tensor<1x6, scale = 8>
  return
}

// -----

func.func @mat_mul_c1(%x: !fixed.tensor<2x3x4, scale = 5>, %y: !fixed.tensor<2x4x6, scale = 3>) {
  // expected-error @below {{expects scale 8 of the result, got 5 (mat_mul_c1)}}
  %z = fixed.mat_mul %x, %y : (!fixed.tensor<2x3x4, scale = 5>, !fixed.tensor<2x4x6, scale = 3>) -> !fixed.tensor<2x3x6, scale = 5>
  return
}

// -----

func.func @mat_mul_c1_shapes(%x: !fixed.tensor<2x3x4, scale = 5>, %y: !fixed.tensor<3x4x6, scale = 3>) {
  // expected-error @below {{expects operands [G, M, K] and [G, K, N] (mat_mul_c1)}}
  %z = fixed.mat_mul %x, %y : (!fixed.tensor<2x3x4, scale = 5>, !fixed.tensor<3x4x6, scale = 3>) -> !fixed.tensor<2x3x6, scale = 8>
  return
}

// -----

func.func @mul_c1(%x: !fixed.tensor<1x6, scale = 20>, %y: !fixed.tensor<1x6, scale = 3>) {
  // expected-error @below {{expects scale 23 of the result, got 20 (mul_c1)}}
  %z = fixed.mul %x, %y : (!fixed.tensor<1x6, scale = 20>, !fixed.tensor<1x6, scale = 3>) -> !fixed.tensor<1x6, scale = 20>
  return
}

// -----

func.func @mul_c1_shape(%x: !fixed.tensor<1x6, scale = 20>, %y: !fixed.tensor<6, scale = 3>) {
  // expected-error @below {{expects shape 1x6, got 6 (mul_c1)}}
  %z = fixed.mul %x, %y : (!fixed.tensor<1x6, scale = 20>, !fixed.tensor<6, scale = 3>) -> !fixed.tensor<1x6, scale = 23>
  return
}

// -----

func.func @max_pool2d_c1(%x: !fixed.tensor<1x4x8x8, scale = 11>) {
  // expected-error @below {{expects a result of shape 1x4x7x7, got 1x4x4x4 (max_pool2d_c1)}}
  %y = fixed.max_pool2d %x window [2, 14) {kernel = array<i64: 2, 2>}
      : !fixed.tensor<1x4x8x8, scale = 11> -> !fixed.tensor<1x4x4x4, scale = 11>
  return
}

// -----

func.func @max_pool2d_c2(%x: !fixed.tensor<1x4x8x8, scale = 11>) {
  // expected-error @below {{expects low < high <= 62, got window [2, 63) (max_pool2d_c2)}}
  %y = fixed.max_pool2d %x window [2, 63) {kernel = array<i64: 2, 2>}
      : !fixed.tensor<1x4x8x8, scale = 11> -> !fixed.tensor<1x4x7x7, scale = 11>
  return
}

// -----

func.func @max_pool2d_c3(%x: !fixed.tensor<1x4x8x8, scale = 11>) {
  // expected-error @below {{expects scale 11 of the result, got 12 (max_pool2d_c3)}}
  %y = fixed.max_pool2d %x window [2, 14) {kernel = array<i64: 2, 2>}
      : !fixed.tensor<1x4x8x8, scale = 11> -> !fixed.tensor<1x4x7x7, scale = 12>
  return
}

// -----

func.func @max_pool2d_c4(%x: !fixed.tensor<1x4x8x8, scale = 11>) {
  // expected-error @below {{got output 0 in the padding alone (max_pool2d_c4)}}
  %y = fixed.max_pool2d %x window [2, 14) {kernel = array<i64: 2, 2>, pads = array<i64: 2, 0, 0, 0>}
      : !fixed.tensor<1x4x8x8, scale = 11> -> !fixed.tensor<1x4x9x7, scale = 11>
  return
}

// -----

func.func @sum_pool2d_c1(%x: !fixed.tensor<1x4x8x8, scale = 11>) {
  // expected-error @below {{expects two positive kernel extents, strides and dilations and four pads that are not negative (sum_pool2d_c1)}}
  %y = fixed.sum_pool2d %x {kernel = array<i64: 2>}
      : !fixed.tensor<1x4x8x8, scale = 11> -> !fixed.tensor<1x4x7x7, scale = 11>
  return
}

// -----

func.func @sum_pool2d_c2(%x: !fixed.tensor<1x4x8x8, scale = 11>) {
  // expected-error @below {{expects a result scale of at least 11, got 10 (sum_pool2d_c2)}}
  %y = fixed.sum_pool2d %x {kernel = array<i64: 2, 2>}
      : !fixed.tensor<1x4x8x8, scale = 11> -> !fixed.tensor<1x4x7x7, scale = 10>
  return
}

// -----

// A wrong scale is a type error.
func.func @add_scales(%x: !fixed.tensor<8, scale = 9>, %y: !fixed.tensor<8, scale = 10>) {
  // expected-note @above {{prior use here}}
  // expected-error @below {{use of value '%y' expects different type than prior uses}}
  %z = fixed.add %x, %y : !fixed.tensor<8, scale = 9>
  return
}

// -----

func.func @add_weight_c1(%x: !fixed.tensor<8, scale = 9>, %w: !fixed.tensor<8, scale = 9>) {
  // expected-error @below {{expects the result of fixed.weight as second operand (add_weight_c1)}}
  %z = fixed.add_weight %x, %w : !fixed.tensor<8, scale = 9>
  return
}

// -----

func.func @rescale_c1(%x: !fixed.tensor<8, scale = 9>) {
  // expected-error @below {{expects shape 8, got 2x4 (rescale_c1)}}
  %z = fixed.rescale %x by 4 : !fixed.tensor<8, scale = 9> -> !fixed.tensor<2x4, scale = 11>
  return
}

// -----

func.func @rescale_c2(%x: !fixed.tensor<8, scale = 9>) {
  // expected-error @below {{expects a factor other than zero (rescale_c2)}}
  %z = fixed.rescale %x by 0 : !fixed.tensor<8, scale = 9> -> !fixed.tensor<8, scale = 11>
  return
}

// -----

func.func @reshape_c1(%x: !fixed.tensor<8, scale = 9>) {
  // expected-error @below {{expects 8 elements, got 6 (reshape_c1)}}
  %z = fixed.reshape %x : !fixed.tensor<8, scale = 9> -> !fixed.tensor<2x3, scale = 9>
  return
}

// -----

func.func @reshape_c1_scale(%x: !fixed.tensor<8, scale = 9>) {
  // expected-error @below {{expects scale 9 of the result, got 8 (reshape_c1)}}
  %z = fixed.reshape %x : !fixed.tensor<8, scale = 9> -> !fixed.tensor<2x4, scale = 8>
  return
}

// -----

func.func @transpose_c1(%x: !fixed.tensor<2x3, scale = 9>) {
  // expected-error @below {{expects a permutation of 2 axes (transpose_c1)}}
  %z = fixed.transpose %x {permutation = array<i64: 0, 0>}
      : !fixed.tensor<2x3, scale = 9> -> !fixed.tensor<2x2, scale = 9>
  return
}

// -----

func.func @transpose_c2(%x: !fixed.tensor<2x3, scale = 9>) {
  // expected-error @below {{expects shape 3x2, got 2x3 (transpose_c2)}}
  %z = fixed.transpose %x {permutation = array<i64: 1, 0>}
      : !fixed.tensor<2x3, scale = 9> -> !fixed.tensor<2x3, scale = 9>
  return
}

// -----

func.func @concat_c1(%x: !fixed.tensor<1x2, scale = 9>, %y: !fixed.tensor<1x3, scale = 9>) {
  // expected-error @below {{expects operands and an axis below 2 (concat_c1)}}
  %z = fixed.concat %x, %y {axis = 2 : i64}
      : (!fixed.tensor<1x2, scale = 9>, !fixed.tensor<1x3, scale = 9>) -> !fixed.tensor<1x5, scale = 9>
  return
}

// -----

func.func @concat_c1_shape(%x: !fixed.tensor<1x2, scale = 9>, %y: !fixed.tensor<2x3, scale = 9>) {
  // expected-error @below {{expects shape 1x3, got 2x3 (concat_c1)}}
  %z = fixed.concat %x, %y {axis = 1 : i64}
      : (!fixed.tensor<1x2, scale = 9>, !fixed.tensor<2x3, scale = 9>) -> !fixed.tensor<1x5, scale = 9>
  return
}

// -----

func.func @concat_c1_sum(%x: !fixed.tensor<1x2, scale = 9>, %y: !fixed.tensor<1x3, scale = 9>) {
  // expected-error @below {{expects shape 1x5, got 1x6 (concat_c1)}}
  %z = fixed.concat %x, %y {axis = 1 : i64}
      : (!fixed.tensor<1x2, scale = 9>, !fixed.tensor<1x3, scale = 9>) -> !fixed.tensor<1x6, scale = 9>
  return
}

// -----

func.func @concat_c2(%x: !fixed.tensor<1x2, scale = 9>, %y: !fixed.tensor<1x3, scale = 8>) {
  // expected-error @below {{expects operands of scale 9, got 8 (concat_c2)}}
  %z = fixed.concat %x, %y {axis = 1 : i64}
      : (!fixed.tensor<1x2, scale = 9>, !fixed.tensor<1x3, scale = 8>) -> !fixed.tensor<1x5, scale = 9>
  return
}

// -----

func.func @take_c1(%x: !fixed.tensor<1x2, scale = 9>) {
  // expected-error @below {{expects indices in -1..1, got 2 (take_c1)}}
  %z = fixed.take %x {axis = 1 : i64, indices = array<i64: 0, 2>}
      : !fixed.tensor<1x2, scale = 9> -> !fixed.tensor<1x2, scale = 9>
  return
}

// -----

func.func @take_c1_axis(%x: !fixed.tensor<1x2, scale = 9>) {
  // expected-error @below {{expects an axis below 2, got 2 (take_c1)}}
  %z = fixed.take %x {axis = 2 : i64, indices = array<i64: 0>}
      : !fixed.tensor<1x2, scale = 9> -> !fixed.tensor<1x2, scale = 9>
  return
}

// -----

func.func @take_c2(%x: !fixed.tensor<1x2, scale = 9>) {
  // expected-error @below {{expects shape 1x3, got 1x2 (take_c2)}}
  %z = fixed.take %x {axis = 1 : i64, indices = array<i64: 0, 1, -1>}
      : !fixed.tensor<1x2, scale = 9> -> !fixed.tensor<1x2, scale = 9>
  return
}

// -----

// expected-error @below {{'fixed.range' expects two finite numbers, the smaller first}}
func.func private @range(!fixed.tensor<4, scale = 3> {fixed.range = array<f64: 2.0, 1.0>})

// -----

func.func @range_of_op(%x: !fixed.tensor<8, scale = 9>) {
  // expected-error @below {{'fixed.range' expects two finite numbers, the smaller first}}
  %z = fixed.rescale %x by 4 {fixed.range = array<f64: 2.0>} : !fixed.tensor<8, scale = 9> -> !fixed.tensor<8, scale = 11>
  return
}

// -----

func.func @protocol_name(%x: !fixed.tensor<1x4, scale = 16>) -> !fixed.tensor<1x4, scale = 8> {
  // expected-error @below {{'fixed.protocol' expects "table", "one_hot" or "dcf"}}
  %y = fixed.relu %x shift 8 window [9, 17) {fixed.protocol = "guess"} : !fixed.tensor<1x4, scale = 16> -> !fixed.tensor<1x4, scale = 8>
  return %y : !fixed.tensor<1x4, scale = 8>
}

// -----

func.func @protocol_place(%x: !fixed.tensor<1x4, scale = 16>) -> !fixed.tensor<1x4, scale = 8> {
  // expected-error @below {{'fixed.protocol' expects an operation that finds signs}}
  %y = fixed.truncate %x shift 8 {fixed.protocol = "dcf"} : !fixed.tensor<1x4, scale = 16> -> !fixed.tensor<1x4, scale = 8>
  return %y : !fixed.tensor<1x4, scale = 8>
}

// -----

// expected-error @below {{'fixed.whole_openings' expects a unit on a module}}
module attributes {fixed.whole_openings = 1 : i64} {
}

// -----

// expected-error @below {{'fixed.whole_openings' expects a unit on a module}}
func.func @whole_openings(%x: !fixed.tensor<4, scale = 9>) attributes {fixed.whole_openings} {
  return
}

// -----

func.func @extra_bits(%x: !fixed.tensor<1x4, scale = 16>) -> !fixed.tensor<1x4, scale = 8> {
  // expected-error @below {{'fixed.extra_bits' expects an f64 from -16 to 16}}
  %y = fixed.relu %x shift 8 window [9, 17) {fixed.extra_bits = 17.0 : f64} : !fixed.tensor<1x4, scale = 16> -> !fixed.tensor<1x4, scale = 8>
  return %y : !fixed.tensor<1x4, scale = 8>
}

// -----

// expected-error @below {{'fixed.extra_weight_scale' expects an operation with one result}}
module attributes {fixed.extra_weight_scale = 1.0 : f64} {
}
