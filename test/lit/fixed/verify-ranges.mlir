// RUN: gfs-opt %s --fixed-verify-ranges --split-input-file --verify-diagnostics
// RUN: not gfs-opt %s --fixed-verify-ranges --split-input-file 2>/dev/null | FileCheck %s

// Tests that a program whose ranges fit passes unchanged: |z| = 3.5 * 2^14 = 57344 < 2^16 - 2^10.
// CHECK: fixed.relu
module attributes {fixed.ring_bits = 20 : i64} {
func.func @main(%x: !fixed.tensor<4, scale = 14> {fixed.range = array<f64: -3.5, 2.0>}) -> !fixed.tensor<4, scale = 9> {
  %y = fixed.relu %x shift 5 window [10, 16) {fixed.range = array<f64: 0.0, 2.0>}
      : !fixed.tensor<4, scale = 14> -> !fixed.tensor<4, scale = 9>
  return %y : !fixed.tensor<4, scale = 9>
}
}

// -----

// Tests that values without a range pass: nothing is known against them.
// CHECK: fixed.truncate
module attributes {fixed.ring_bits = 20 : i64} {
func.func @main(%x: !fixed.tensor<4, scale = 14>) -> !fixed.tensor<4, scale = 9> {
  %y = fixed.truncate %x shift 5 : !fixed.tensor<4, scale = 14> -> !fixed.tensor<4, scale = 9>
  return %y : !fixed.tensor<4, scale = 9>
}
}

// -----

// expected-error @below {{expects one function with a body and 'fixed.ring_bits' on the module}}
module {
func.func @rule_1(%x: !fixed.tensor<4, scale = 9>) -> !fixed.tensor<4, scale = 9> {
  return %x : !fixed.tensor<4, scale = 9>
}
}

// -----

module attributes {fixed.ring_bits = 20 : i64} {
func.func @rule_2(%x: !fixed.tensor<4, scale = 24>) -> !fixed.tensor<4, scale = 5> {
  // expected-error @below {{expects high of at most l - 2 = 18, got 19: choose a wider ring}}
  // expected-error @below {{expects shift of at most l - 2 = 18, got 19: choose a wider ring}}
  %y = fixed.relu %x shift 19 window [10, 19) : !fixed.tensor<4, scale = 24> -> !fixed.tensor<4, scale = 5>
  return %y : !fixed.tensor<4, scale = 5>
}
}

// -----

// |z| = 4 * 2^14 = 65536 is one too many for 2^16 - 2^10.
module attributes {fixed.ring_bits = 20 : i64} {
func.func @rule_3_relu(%x: !fixed.tensor<4, scale = 14> {fixed.range = array<f64: -4.0, 2.0>})
    -> !fixed.tensor<4, scale = 9> {
  // expected-error @below {{expects values of 'the input' to stay below 64512 (the sign window), but calibration reached 65536}}
  %y = fixed.relu %x shift 5 window [10, 16) : !fixed.tensor<4, scale = 14> -> !fixed.tensor<4, scale = 9>
  return %y : !fixed.tensor<4, scale = 9>
}
}

// -----

// A maximum compares differences: 2 - (-3) = 5.
module attributes {fixed.ring_bits = 20 : i64} {
func.func @rule_3_max_pool2d(%x: !fixed.tensor<1x1x2x2, scale = 4> {fixed.range = array<f64: -3.0, 2.0>})
    -> !fixed.tensor<1x1x1x1, scale = 4> {
  // expected-error @below {{to stay below 63 (the sign window for differences), but calibration reached 80}}
  %y = fixed.max_pool2d %x window [0, 6) {kernel = array<i64: 2, 2>}
      : !fixed.tensor<1x1x2x2, scale = 4> -> !fixed.tensor<1x1x1x1, scale = 4>
  return %y : !fixed.tensor<1x1x1x1, scale = 4>
}
}

// -----

module attributes {fixed.ring_bits = 20 : i64} {
func.func @rule_3_truncate(%x: !fixed.tensor<4, scale = 14> {fixed.range = array<f64: -16.0, 2.0>})
    -> !fixed.tensor<4, scale = 9> {
  // expected-error @below {{to stay below 262144 (the ring when opened), but calibration reached 262144}}
  %y = fixed.truncate %x shift 5 : !fixed.tensor<4, scale = 14> -> !fixed.tensor<4, scale = 9>
  return %y : !fixed.tensor<4, scale = 9>
}
}

// -----

module attributes {fixed.ring_bits = 20 : i64} {
func.func @rule_4(%x: !fixed.tensor<4, scale = 14> {fixed.range = array<f64: -32.0, 2.0>})
    -> !fixed.tensor<4, scale = 14> {
  // expected-error @below {{to stay below 524288 (the ring), but calibration reached 524288}}
  return %x : !fixed.tensor<4, scale = 14>
}
}

// -----

// Tests a spline: |z| + |t| = 3.5 * 2^12 + 6144 = 20480 must stay below 2^15 - 2^9 = 32256, and does; with 2^14 - 2^8 it does not.
// CHECK: fixed.spline
module attributes {fixed.ring_bits = 20 : i64} {
func.func @main(%x: !fixed.tensor<4, scale = 12> {fixed.range = array<f64: -3.5, 2.0>}) -> !fixed.tensor<4, scale = 9> {
  %y = fixed.spline %x shift 3 window [9, 15) {thresholds = array<i64: 0, 6144>, pieces = array<i64: 0, 0, 0, 0, 1, 0, 768, 0, 0>}
      : !fixed.tensor<4, scale = 12> -> !fixed.tensor<4, scale = 9>
  return %y : !fixed.tensor<4, scale = 9>
}
}

// -----

module attributes {fixed.ring_bits = 20 : i64} {
func.func @spline_window(%x: !fixed.tensor<4, scale = 12> {fixed.range = array<f64: -3.5, 2.0>}) -> !fixed.tensor<4, scale = 9> {
  // expected-error @below {{expects values of 'the input' to stay below 9984 (the sign window less the farthest threshold), but calibration reached 14336}}
  %y = fixed.spline %x shift 3 window [8, 14) {thresholds = array<i64: 0, 6144>, pieces = array<i64: 0, 0, 0, 0, 1, 0, 768, 0, 0>}
      : !fixed.tensor<4, scale = 12> -> !fixed.tensor<4, scale = 9>
  return %y : !fixed.tensor<4, scale = 9>
}
}
