// RUN: gfs-opt %s --split-input-file --verify-diagnostics | gfs-opt --split-input-file | FileCheck %s

// Tests that a spline prints and parses, and each of its rules; the functions are named after the rules.

// CHECK: fixed.spline %{{.*}} shift 3 window [4, 12) {pieces = array<i64: -1, 0, 0, 0, 2, 1, 7, 0, 0>, thresholds = array<i64: -4, 4>} : !fixed.tensor<2, scale = 9> -> !fixed.tensor<2, scale = 13>
func.func @good(%x: !fixed.tensor<2, scale = 9>) {
  %y = fixed.spline %x shift 3 window [4, 12) {thresholds = array<i64: -4, 4>, pieces = array<i64: -1, 0, 0, 0, 2, 1, 7, 0, 0>}
      : !fixed.tensor<2, scale = 9> -> !fixed.tensor<2, scale = 13>
  return
}

// -----

func.func @spline_c1(%x: !fixed.tensor<2, scale = 9>) {
  // expected-error @below {{expects low < high <= 62, got window [4, 63) (spline_c1)}}
  %y = fixed.spline %x shift 3 window [4, 63) {thresholds = array<i64: -4, 4>, pieces = array<i64: -1, 0, 0, 0, 2, 1, 7, 0, 0>}
      : !fixed.tensor<2, scale = 9> -> !fixed.tensor<2, scale = 13>
  return
}

// -----

func.func @spline_c2_none(%x: !fixed.tensor<2, scale = 9>) {
  // expected-error @below {{expects 1 to 64 thresholds, got 0 (spline_c2)}}
  %y = fixed.spline %x shift 3 window [4, 12) {thresholds = array<i64>, pieces = array<i64: 0, 0, 0>}
      : !fixed.tensor<2, scale = 9> -> !fixed.tensor<2, scale = 13>
  return
}

// -----

func.func @spline_c2_many(%x: !fixed.tensor<2, scale = 9>) {
  // expected-error @below {{expects 1 to 64 thresholds, got 65 (spline_c2)}}
  %y = fixed.spline %x shift 3 window [4, 12) {thresholds = array<i64: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64>, pieces = array<i64: 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>}
      : !fixed.tensor<2, scale = 9> -> !fixed.tensor<2, scale = 13>
  return
}

// -----

func.func @spline_c2_order(%x: !fixed.tensor<2, scale = 9>) {
  // expected-error @below {{expects thresholds that ascend within 62 bits, got 4 (spline_c2)}}
  %y = fixed.spline %x shift 3 window [4, 12) {thresholds = array<i64: 4, 4>, pieces = array<i64: 0, 0, 0, 0, 0, 0, 0, 0, 0>}
      : !fixed.tensor<2, scale = 9> -> !fixed.tensor<2, scale = 13>
  return
}

// -----

func.func @spline_c2_range(%x: !fixed.tensor<2, scale = 9>) {
  // expected-error @below {{expects thresholds that ascend within 62 bits, got 4611686018427387904 (spline_c2)}}
  %y = fixed.spline %x shift 3 window [4, 12) {thresholds = array<i64: 4611686018427387904>, pieces = array<i64: 0, 0, 0, 0, 0, 0>}
      : !fixed.tensor<2, scale = 9> -> !fixed.tensor<2, scale = 13>
  return
}

// -----

func.func @spline_c3(%x: !fixed.tensor<2, scale = 9>) {
  // expected-error @below {{expects 9 coefficients of 3 pieces, got 6 (spline_c3)}}
  %y = fixed.spline %x shift 3 window [4, 12) {thresholds = array<i64: -4, 4>, pieces = array<i64: 0, 0, 0, 0, 0, 0>}
      : !fixed.tensor<2, scale = 9> -> !fixed.tensor<2, scale = 13>
  return
}

// -----

func.func @spline_c4(%x: !fixed.tensor<2, scale = 9>) {
  // expected-error @below {{expects shape 2, got 1x2 (spline_c4)}}
  %y = fixed.spline %x shift 3 window [4, 12) {thresholds = array<i64: -4, 4>, pieces = array<i64: -1, 0, 0, 0, 2, 1, 7, 0, 0>}
      : !fixed.tensor<2, scale = 9> -> !fixed.tensor<1x2, scale = 13>
  return
}
