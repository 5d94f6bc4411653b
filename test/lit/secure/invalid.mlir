// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --split-input-file --verify-diagnostics
// Tests that operations with the wrong kind, shape or scale are refused.

// expected-error @below {{expects positive extents with a product of at most 2^31}}
func.func private @too_large(!secure.share<65536x65536, scale = 0>)

// -----

// expected-error @below {{expects a scale in [-64, 64], got 65}}
func.func private @scale_range(!secure.masked<4, scale = 65>)

// -----

func.func @share_where_masked_is_due(%x: !secure.share<1x4, scale = 8>, %w: !secure.weight<4x4, scale = 8>) {
  // expected-error @below {{operand #0 must be Masked fixed-point tensor}}
  %0 = secure.linear %x, %w {key = 0 : i64} : (!secure.share<1x4, scale = 8>, !secure.weight<4x4, scale = 8>) -> !secure.share<1x4, scale = 16>
  return
}

// -----

func.func @masked_where_share_is_due(%x: !secure.masked<4, scale = 8>) {
  // expected-error @below {{operand #0 must be Additively shared fixed-point tensor}}
  %0 = secure.open %x {mask = 0 : i64} : !secure.masked<4, scale = 8> -> !secure.masked<4, scale = 8>
  return
}

// -----

func.func @mixed_kinds(%x: !secure.masked<4, scale = 8>, %y: !secure.share<4, scale = 8>) {
  // expected-error @below {{requires the same type for all operands and results}}
  %0 = "secure.add"(%x, %y) : (!secure.masked<4, scale = 8>, !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8>
  return
}

// -----

func.func @local_operation_changes_kind(%x: !secure.masked<4, scale = 8>) {
  // expected-error @below {{expects operands and result of one kind}}
  %0 = secure.scale %x {factor = 2 : i64} : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 9>
  return
}

// -----

func.func @relu_scale(%x: !secure.masked<4, scale = 16>) {
  // expected-error @below {{expects scale 8, got '!secure.share<4, scale = 9>'}}
  %0 = secure.relu %x table {shift = 8 : i64, low = 6 : i64, high = 13 : i64, key = 0 : i64} : !secure.masked<4, scale = 16> -> !secure.share<4, scale = 9>
  return
}

// -----

func.func @relu_messages(%x: !secure.masked<4, scale = 16>) {
  // expected-error @below {{sends 3 messages, but lists 1 exchanges}}
  %0 = secure.relu %x one_hot {shift = 8 : i64, low = 0 : i64, high = 13 : i64, key = 0 : i64, exchange = array<i64: 1>} : !secure.masked<4, scale = 16> -> !secure.share<4, scale = 8>
  return
}

// -----

func.func @open_messages(%x: !secure.share<4, scale = 16>) {
  // expected-error @below {{sends one message, but lists 2 exchanges}}
  %0 = secure.open %x {mask = 0 : i64, exchange = array<i64: 0, 1>} : !secure.share<4, scale = 16> -> !secure.masked<4, scale = 16>
  return
}

// -----

func.func @truncate_shift(%x: !secure.masked<4, scale = 16>) {
  // expected-error @below {{expects a shift in [0, 64), got 64}}
  %0 = secure.truncate %x {shift = 64 : i64, key = 0 : i64} : !secure.masked<4, scale = 16> -> !secure.share<4, scale = -48>
  return
}

// -----

func.func @square_scale(%x: !secure.masked<4, scale = 16>) {
  // expected-error @below {{expects scale 16}}
  %0 = secure.square %x {shift = 8 : i64, key = 0 : i64} : !secure.masked<4, scale = 16> -> !secure.share<4, scale = 8>
  return
}

// -----

func.func @mat_mul_shape(%x: !secure.masked<2x3x4, scale = 8>, %y: !secure.masked<2x3x4, scale = 8>) {
  // expected-error @below {{expects operands [G, M, K] and [G, K, N], got}}
  %0 = secure.mat_mul %x, %y {key = 0 : i64} : (!secure.masked<2x3x4, scale = 8>, !secure.masked<2x3x4, scale = 8>) -> !secure.share<2x3x4, scale = 16>
  return
}

// -----

func.func @mat_mul_scale(%x: !secure.masked<1x3x4, scale = 8>, %y: !secure.masked<1x4x2, scale = 8>) {
  // expected-error @below {{expects scale 16}}
  %0 = secure.mat_mul %x, %y {key = 0 : i64} : (!secure.masked<1x3x4, scale = 8>, !secure.masked<1x4x2, scale = 8>) -> !secure.share<1x3x2, scale = 8>
  return
}

// -----

func.func @multiply_shape(%x: !secure.masked<4, scale = 8>, %y: !secure.masked<5, scale = 8>) {
  // expected-error @below {{expects shape 4}}
  %0 = secure.multiply %x, %y {key = 0 : i64} : (!secure.masked<4, scale = 8>, !secure.masked<5, scale = 8>) -> !secure.share<4, scale = 16>
  return
}

// -----

func.func @bias_scale(%x: !secure.masked<1x4, scale = 8>, %w: !secure.weight<2x4, scale = 8>, %b: !secure.weight<2, scale = 8>) {
  // expected-error @below {{expects scale 16, got '!secure.weight<2, scale = 8>'}}
  %0 = secure.linear %x, %w, %b : (!secure.masked<1x4, scale = 8>, !secure.weight<2x4, scale = 8>, !secure.weight<2, scale = 8>) -> !secure.share<1x2, scale = 16>
  return
}

// -----

func.func @conv_geometry(%x: !secure.masked<1x2x4x4, scale = 8>, %w: !secure.weight<2x2x3x3, scale = 8>) {
  // expected-error @below {{expects shape 1x2x2x2}}
  %0 = secure.conv2d %x, %w : (!secure.masked<1x2x4x4, scale = 8>, !secure.weight<2x2x3x3, scale = 8>) -> !secure.share<1x2x4x4, scale = 16>
  return
}

// -----

func.func @conv_groups(%x: !secure.masked<1x2x4x4, scale = 8>, %w: !secure.weight<2x2x3x3, scale = 8>) {
  // expected-error @below {{expects channels that divide into 2 groups}}
  %0 = secure.conv2d %x, %w {groups = 2 : i64} : (!secure.masked<1x2x4x4, scale = 8>, !secure.weight<2x2x3x3, scale = 8>) -> !secure.share<1x2x2x2, scale = 16>
  return
}

// -----

func.func @weight_elements() {
  // expected-error @below {{expects integers of 32 or 64 bits, got 'f32'}}
  %0 = secure.weight dense<1.0> : tensor<2xf32> -> !secure.weight<2, scale = 8>
  return
}

// -----

func.func @add_weight_elements(%x: !secure.share<4, scale = 8>, %w: !secure.weight<3, scale = 8>) {
  // expected-error @below {{expects a weight for each element}}
  %0 = secure.add_weight %x, %w : (!secure.share<4, scale = 8>, !secure.weight<3, scale = 8>) -> !secure.share<4, scale = 8>
  return
}

// -----

func.func @take_index(%x: !secure.share<4, scale = 8>) {
  // expected-error @below {{expects indices in [-1, 4), got 4}}
  %0 = secure.take %x {axis = 0 : i64, indices = array<i64: 4>} : !secure.share<4, scale = 8> -> !secure.share<1, scale = 8>
  return
}

// -----

func.func @transpose_permutation(%x: !secure.share<4x2, scale = 8>) {
  // expected-error @below {{expects a permutation of the operand's axes}}
  %0 = secure.transpose %x {permutation = array<i64: 0, 0>} : !secure.share<4x2, scale = 8> -> !secure.share<4x4, scale = 8>
  return
}

// -----

func.func @concat_scale(%x: !secure.share<4, scale = 8>, %y: !secure.share<4, scale = 9>) {
  // expected-error @below {{expects scale 8}}
  %0 = secure.concat %x, %y {axis = 0 : i64} : (!secure.share<4, scale = 8>, !secure.share<4, scale = 9>) -> !secure.share<8, scale = 8>
  return
}

// -----

func.func @reshape_elements(%x: !secure.share<4, scale = 8>) {
  // expected-error @below {{expects 4 elements}}
  %0 = secure.reshape %x : !secure.share<4, scale = 8> -> !secure.share<5, scale = 8>
  return
}

// -----

func.func @sum_pool_scale(%x: !secure.share<1x1x2x2, scale = 8>) {
  // expected-error @below {{expects a scale of at least 8}}
  %0 = secure.sum_pool %x {kernel = array<i64: 2, 2>} : !secure.share<1x1x2x2, scale = 8> -> !secure.share<1x1x1x1, scale = 7>
  return
}

// -----

func.func @spline_thresholds(%x: !secure.masked<4, scale = 9>) {
  // expected-error @below {{expects 1 to 64 thresholds, got 65}}
  %0 = secure.spline %x table {shift = 3 : i64, low = 4 : i64, high = 12 : i64, key = 0 : i64, thresholds = array<i64: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64>, pieces = array<i64: 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>} : !secure.masked<4, scale = 9> -> !secure.share<4, scale = 13>
  return
}

// -----

func.func @spline_order(%x: !secure.masked<4, scale = 9>) {
  // expected-error @below {{expects thresholds that ascend}}
  %0 = secure.spline %x table {shift = 3 : i64, low = 4 : i64, high = 12 : i64, key = 0 : i64, thresholds = array<i64: 4, -4>, pieces = array<i64: -1, 0, 0, 0, 2, 1, 7, 0, 0>} : !secure.masked<4, scale = 9> -> !secure.share<4, scale = 13>
  return
}

// -----

func.func @spline_pieces(%x: !secure.masked<4, scale = 9>) {
  // expected-error @below {{expects 9 coefficients, got 3}}
  %0 = secure.spline %x table {shift = 3 : i64, low = 4 : i64, high = 12 : i64, key = 0 : i64, thresholds = array<i64: -4, 4>, pieces = array<i64: 1, 2, 3>} : !secure.masked<4, scale = 9> -> !secure.share<4, scale = 13>
  return
}

// -----

func.func @spline_shape(%x: !secure.masked<4, scale = 9>) {
  // expected-error @below {{expects shape 4, got}}
  %0 = secure.spline %x table {shift = 3 : i64, low = 4 : i64, high = 12 : i64, key = 0 : i64, thresholds = array<i64: -4, 4>, pieces = array<i64: -1, 0, 0, 0, 2, 1, 7, 0, 0>} : !secure.masked<4, scale = 9> -> !secure.share<2x2, scale = 13>
  return
}

// -----

func.func @spline_messages(%x: !secure.masked<4, scale = 9>) {
  // expected-error @below {{sends 2 messages, but lists 1 exchanges}}
  %0 = secure.spline %x one_hot {shift = 3 : i64, low = 4 : i64, high = 12 : i64, key = 0 : i64, thresholds = array<i64: -4, 4>, pieces = array<i64: -1, 0, 0, 0, 2, 1, 7, 0, 0>, exchange = array<i64: 1>} : !secure.masked<4, scale = 9> -> !secure.share<4, scale = 13>
  return
}

// -----

func.func @open_dropped(%x: !secure.share<4, scale = 9>) {
  // expected-error @below {{expects to drop 0 to 63 bits, got 64}}
  %0 = secure.open %x {mask = 0 : i64, dropped = 64 : i64} : !secure.share<4, scale = 9> -> !secure.masked<4, scale = 9>
  return
}

// -----

func.func @open_dropped_negative(%x: !secure.share<4, scale = 9>) {
  // expected-error @below {{expects to drop 0 to 63 bits, got -1}}
  %0 = secure.open %x {mask = 0 : i64, dropped = -1 : i64} : !secure.share<4, scale = 9> -> !secure.masked<4, scale = 9>
  return
}
