// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --split-input-file --convert-nn-to-fixed="ring-bits=32" | FileCheck %s

// Tests that a mean of 16 elements that is subtracted from them divides at once: raised to the scale of the sum, the
// operand would have four bits more. A power of two leaves nothing to multiply by.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x2x4x4xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x2x4x4xf32> {
  // CHECK: %[[S:.*]] = fixed.sum_pool2d {{.*}} -> !fixed.tensor<1x2x1x1, scale = 15>
  // CHECK: fixed.truncate %[[S]] shift 2
  // CHECK-NOT: fixed.conv2d
  // CHECK: fixed.sub {{.*}} : !fixed.tensor<1x2x4x4, scale = 13>
  %m = nn.avg_pool2d %x {kernel = array<i64: 4, 4>, fixed.range = array<f64: -0.5, 0.5>} : tensor<1x2x4x4xf32> -> tensor<1x2x1x1xf32>
  %d = nn.sub %x, %m {fixed.range = array<f64: -2.0, 2.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %d : tensor<1x2x4x4xf32>
}

// -----

// Tests that other numbers are divided by in a layer: 16/25 is 41 / 2^6 within 2^-10.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x2x5x5xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x2x5x5xf32> {
  // CHECK: fixed.sum_pool2d
  // CHECK: fixed.truncate
  // CHECK: fixed.weight dense<41> : tensor<2x1x1x1xi32> -> !fixed.tensor<2x1x1x1, scale = 6>
  // CHECK: fixed.conv2d {{.*}}groups = 2 : i64}
  // CHECK: fixed.sub
  %m = nn.avg_pool2d %x {kernel = array<i64: 5, 5>, fixed.range = array<f64: -0.5, 0.5>} : tensor<1x2x5x5xf32> -> tensor<1x2x1x1xf32>
  %d = nn.sub %x, %m {fixed.range = array<f64: -2.0, 2.0>} : (tensor<1x2x5x5xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x5x5xf32>
  return %d : tensor<1x2x5x5xf32>
}

// -----

// Tests a mean of many: parts of 64 are summed and truncated, so the ring need not hold the sum of all.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x2x32x32xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x2x32x32xf32> {
  // CHECK: %[[P:.*]] = fixed.sum_pool2d %{{.*}} {{{.*}}kernel = array<i64: 2, 32>, strides = array<i64: 2, 32>} : {{.*}} -> !fixed.tensor<1x2x16x1
  // CHECK: %[[T:.*]] = fixed.truncate %[[P]]
  // CHECK: fixed.sum_pool2d %[[T]] {{{.*}}kernel = array<i64: 16, 1>, strides = array<i64: 16, 1>} : {{.*}} -> !fixed.tensor<1x2x1x1
  // CHECK-NOT: fixed.truncate
  // CHECK: fixed.sub
  %m = nn.avg_pool2d %x {kernel = array<i64: 32, 32>, fixed.range = array<f64: -0.5, 0.5>} : tensor<1x2x32x32xf32> -> tensor<1x2x1x1xf32>
  %d = nn.sub %x, %m {fixed.range = array<f64: -2.0, 2.0>} : (tensor<1x2x32x32xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x32x32xf32>
  return %d : tensor<1x2x32x32xf32>
}

// -----

// Tests that a mean that nothing larger is made of divides later, in the next layer's weights.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x2x32x32xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x2x1x1xf32> {
  // CHECK: fixed.sum_pool2d %{{.*}} {{{.*}}kernel = array<i64: 32, 32>}
  // CHECK-NOT: fixed.truncate
  // CHECK: return
  %m = nn.avg_pool2d %x {kernel = array<i64: 32, 32>, fixed.range = array<f64: -0.5, 0.5>} : tensor<1x2x32x32xf32> -> tensor<1x2x1x1xf32>
  return %m : tensor<1x2x1x1xf32>
}

// -----

// Tests a leaky ReLU: the operand's multiple is made of what the ReLU's shift leaves of it, not of the layer's long result.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x2x4x4xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x2x4x4xf32> {
  %w = nn.constant dense<0.5> : tensor<2x2x3x3xf32>
  // CHECK: %[[C:.*]] = fixed.conv2d {{.*}} -> !fixed.tensor<1x2x4x4, scale = 26>
  // CHECK: %[[R:.*]] = fixed.relu %[[C]] shift [[#SHIFT:]]
  // CHECK: %[[T:.*]] = fixed.truncate %[[C]] shift [[#SHIFT]]
  // The scalar gets as many bits as fit: 0.01 is 655 / 2^16.
  // CHECK: %[[N:.*]] = fixed.rescale %[[T]] by 655
  // CHECK: fixed.add %[[N]]
  %c = nn.conv2d %x, %w {pads = array<i64: 1, 1, 1, 1>, fixed.range = array<f64: -4.0, 4.0>} : (tensor<1x2x4x4xf32>, tensor<2x2x3x3xf32>) -> tensor<1x2x4x4xf32>
  %a = nn.constant dense<0.01> : tensor<f32>
  %b = nn.constant dense<0.99> : tensor<f32>
  %n = nn.mul %c, %a {nn.public_factor, fixed.range = array<f64: -0.04, 0.04>} : (tensor<1x2x4x4xf32>, tensor<f32>) -> tensor<1x2x4x4xf32>
  %r = nn.relu %c {fixed.range = array<f64: 0.0, 4.0>} : tensor<1x2x4x4xf32>
  %p = nn.mul %r, %b {nn.public_factor, fixed.range = array<f64: 0.0, 3.96>} : (tensor<1x2x4x4xf32>, tensor<f32>) -> tensor<1x2x4x4xf32>
  %y = nn.add %n, %p {fixed.range = array<f64: -0.04, 4.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %v = nn.constant dense<0.5> : tensor<2x2x1x1xf32>
  %z = nn.conv2d %y, %v {fixed.range = array<f64: -4.0, 4.0>} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %z : tensor<1x2x4x4xf32>
}

// -----

// Tests that steps of a sign window are an eighth at most of the shortest piece of an inverse root, near zero.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x4xf32> {fixed.range = array<f64: 0.0625, 16.0>}) -> tensor<1x4xf32> {
  // CHECK: fixed.spline %{{.*}} window [{{[0-5]}}, {{[0-9]+}})
  %y = nn.function rsqrt %x {fixed.range = array<f64: 0.25, 4.0>} : tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}
