// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --split-input-file --convert-nn-to-fixed="ring-bits=24" | FileCheck %s
// RUN: gfs-opt %s --split-input-file --convert-nn-to-fixed="ring-bits=24 activation-error=0.05" | FileCheck %s --check-prefix=ROUGH

// Tests a clip: nothing is fitted, the result keeps the operand's scale, thresholds are 0 and 6 at the operand's scale. The
// window holds 2 * 8 + 6 = 22 < 32 = 2^14 * 2^-9.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x4xf32> {fixed.range = array<f64: -8.0, 8.0>}) -> tensor<1x4xf32> {
  // CHECK: fixed.spline %{{.*}} shift 0 window [6, 14) {{{.*}}pieces = array<i64: 0, 0, 0, 0, 1, 0, 3072, 0, 0>, thresholds = array<i64: 0, 3072>} : !fixed.tensor<1x4, scale = 9> -> !fixed.tensor<1x4, scale = 9>
  %y = nn.function clip %x {parameters = array<f64: 0.0, 6.0>, fixed.range = array<f64: 0.0, 6.0>} : tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// -----

// Tests that a bound that no value reaches, head-room included, costs no threshold.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x4xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x4xf32> {
  // CHECK: pieces = array<i64: 0, 0, 0, 0, 1, 0>, thresholds = array<i64: 0>
  %y = nn.function clip %x {parameters = array<f64: 0.0, 6.0>, fixed.range = array<f64: 0.0, 2.0>} : tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// -----

// Tests a hard sigmoid: its slope 1/4 is left to the layer behind it, whose weight 8 becomes 2 = 2^-12 * 8192.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x1xf32> {fixed.range = array<f64: -4.0, 4.0>}) -> tensor<1x1xf32> {
  // CHECK: pieces = array<i64: 0, 0, 0, {{[0-9]+}}, 1, 0, {{[0-9]+}}, 0, 0>
  %y = nn.function hard_sigmoid %x {parameters = array<f64: 0.25, 0.5>, fixed.range = array<f64: 0.0, 1.0>} : tensor<1x1xf32>
  %w = nn.constant dense<8.0> : tensor<1x1xf32>
  // CHECK: %[[W:.*]] = fixed.weight dense<{{[0-9]+}}>
  %z = nn.linear %y, %w {fixed.range = array<f64: 0.0, 8.0>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  return %z : tensor<1x1xf32>
}

// -----

// Tests a sigmoid: 0 and 1 at the ends, whatever comes; a rough bound takes fewer pieces.
// CHECK-LABEL: func.func @main
// ROUGH-LABEL: func.func @main
func.func @main(%x: tensor<1x4xf32> {fixed.range = array<f64: -8.0, 8.0>}) -> tensor<1x4xf32> {
  // CHECK: %[[Y:.*]] = fixed.spline %{{.*}} shift {{.*}}pieces = array<i64: 0, 0, 0, {{.*}}, [[ONE:[0-9]+]], 0, 0>, thresholds = array<i64: {{(-?[0-9]+, ){7,15}-?[0-9]+}}>}
  // ROUGH: fixed.spline {{.*}}pieces = array<i64: 0, 0, 0, {{.*}}, 0, 0>, thresholds = array<i64: {{(-?[0-9]+, ){1,4}-?[0-9]+}}>}
  %y = nn.function sigmoid %x {fixed.range = array<f64: 0.0003, 0.9997>} : tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// -----

// Tests an operand that was always zero: its window and scale are whatever, the value 1/2 is not.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x4xf32> {fixed.range = array<f64: 0.0, 0.0>}) -> tensor<1x4xf32> {
  // CHECK: fixed.spline
  %y = nn.function sigmoid %x {fixed.range = array<f64: 0.5, 0.5>} : tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// -----

// Tests that a function may grow faster than its operand within the head-room: silu(10) needs room though calibration saw 0.3 only.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x4xf32> {fixed.range = array<f64: -5.0, 0.5>}) -> tensor<1x4xf32> {
  // 10 * 2^scale < 2^23.
  // CHECK: fixed.spline {{.*}} -> !fixed.tensor<1x4, scale = {{1[0-9]}}>
  %y = nn.function silu %x {parameters = array<f64: 1.0>, fixed.range = array<f64: -0.28, 0.311>} : tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}
