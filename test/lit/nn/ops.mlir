// RUN: gfs-opt %s | gfs-opt | FileCheck %s
// RUN: gfs-opt %s --mlir-print-op-generic | gfs-opt | FileCheck %s

// Tests that every operation prints as it is read.

// CHECK-LABEL: func.func @main
// CHECK-SAME: {nn.name = "Input3"}
// CHECK-SAME: {nn.name = "Plus214"}
func.func @main(%x: tensor<1x2x8x8xf32> {nn.name = "Input3"}) -> (tensor<1x3xf32> {nn.name = "Plus214"}) {
  // CHECK: %[[W:.*]] = nn.constant dense<5.000000e-01> : tensor<4x2x3x3xf32>
  %w = nn.constant dense<0.5> : tensor<4x2x3x3xf32>
  // CHECK: %[[B:.*]] = nn.constant dense<[1.000000e+00, -1.000000e+00, 0.000000e+00, 2.000000e+00]> : tensor<4xf32>
  %b = nn.constant dense<[1.0, -1.0, 0.0, 2.0]> : tensor<4xf32>
  // CHECK: nn.constant dense_resource<l> : tensor<3x16xf32>
  %l = nn.constant dense_resource<l> : tensor<3x16xf32>
  // CHECK: %[[C:.*]] = nn.conv2d %{{.*}}, %[[W]] bias %[[B]] {pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 2, 2>} : (tensor<1x2x8x8xf32>, tensor<4x2x3x3xf32>, tensor<4xf32>) -> tensor<1x4x4x4xf32>
  %c = nn.conv2d %x, %w bias %b {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>}
      : (tensor<1x2x8x8xf32>, tensor<4x2x3x3xf32>, tensor<4xf32>) -> tensor<1x4x4x4xf32>
  // CHECK: nn.batch_norm %[[C]], %[[B]], %[[B]], %[[B]], %[[B]] {epsilon = 1.000000e-03 : f64} : tensor<1x4x4x4xf32>, tensor<4xf32>
  %n = nn.batch_norm %c, %b, %b, %b, %b {epsilon = 1.0e-3 : f64} : tensor<1x4x4x4xf32>, tensor<4xf32>
  // CHECK: nn.relu %{{.*}} : tensor<1x4x4x4xf32>
  %r = nn.relu %n : tensor<1x4x4x4xf32>
  // CHECK: nn.square %{{.*}} : tensor<1x4x4x4xf32>
  %s = nn.square %r : tensor<1x4x4x4xf32>
  // CHECK: %[[X:.*]] = nn.mixed_activation %{{.*}}, %[[B]], %[[B]], %[[B]] : tensor<1x4x4x4xf32>, tensor<4xf32>
  %quad = nn.mixed_activation %s, %b, %b, %b : tensor<1x4x4x4xf32>, tensor<4xf32>
  // CHECK: nn.mixed_activation %[[X]], %[[B]], %[[B]], %[[B]] {relu = array<i1: true, false, false, true>} : tensor<1x4x4x4xf32>, tensor<4xf32>
  %mixed = nn.mixed_activation %quad, %b, %b, %b {relu = array<i1: true, false, false, true>}
      : tensor<1x4x4x4xf32>, tensor<4xf32>
  // CHECK: nn.function sigmoid %{{.*}} : tensor<1x4x4x4xf32>
  %sig = nn.function sigmoid %mixed : tensor<1x4x4x4xf32>
  // CHECK: nn.function clip %{{.*}} {parameters = array<f64: 0.000000e+00, 6.000000e+00>} : tensor<1x4x4x4xf32>
  %cut = nn.function clip %sig {parameters = array<f64: 0.0, 6.0>} : tensor<1x4x4x4xf32>
  // CHECK: nn.function exp %{{.*}} {at_most = 0.000000e+00 : f64} : tensor<1x4x4x4xf32>
  %bounded = nn.function exp %cut {at_most = 0.0 : f64} : tensor<1x4x4x4xf32>
  // CHECK: nn.max_pool2d %{{.*}} {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>} : tensor<1x4x4x4xf32> -> tensor<1x4x2x2xf32>
  %m = nn.max_pool2d %cut {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>} : tensor<1x4x4x4xf32> -> tensor<1x4x2x2xf32>
  // CHECK: nn.avg_pool2d %{{.*}} {count_include_pad = false, kernel = array<i64: 3, 3>, pads = array<i64: 1, 1, 1, 1>} : tensor<1x4x2x2xf32> -> tensor<1x4x2x2xf32>
  %a = nn.avg_pool2d %m {kernel = array<i64: 3, 3>, pads = array<i64: 1, 1, 1, 1>, count_include_pad = false}
      : tensor<1x4x2x2xf32> -> tensor<1x4x2x2xf32>
  // CHECK: nn.add %{{.*}}, %{{.*}} : (tensor<1x4x2x2xf32>, tensor<4x1x1x1xf32>) -> tensor<4x4x2x2xf32>
  %k = nn.reshape %b : tensor<4xf32> -> tensor<4x1x1x1xf32>
  %p = nn.add %a, %k : (tensor<1x4x2x2xf32>, tensor<4x1x1x1xf32>) -> tensor<4x4x2x2xf32>
  // CHECK: nn.sub
  %q = nn.sub %p, %a : (tensor<4x4x2x2xf32>, tensor<1x4x2x2xf32>) -> tensor<4x4x2x2xf32>
  // CHECK: nn.mul
  %t = nn.mul %q, %q : (tensor<4x4x2x2xf32>, tensor<4x4x2x2xf32>) -> tensor<4x4x2x2xf32>
  // CHECK: nn.mat_mul %{{.*}}, %{{.*}} : (tensor<16x2x2xf32>, tensor<16x2x2xf32>) -> tensor<16x2x2xf32>
  %mm = nn.reshape %t : tensor<4x4x2x2xf32> -> tensor<16x2x2xf32>
  %mp = nn.mat_mul %mm, %mm : (tensor<16x2x2xf32>, tensor<16x2x2xf32>) -> tensor<16x2x2xf32>
  // CHECK: nn.take %{{.*}} {axis = 0 : i64, indices = array<i64: 3>} : tensor<4x4x2x2xf32> -> tensor<1x4x2x2xf32>
  %u = nn.take %t {axis = 0 : i64, indices = array<i64: 3>} : tensor<4x4x2x2xf32> -> tensor<1x4x2x2xf32>
  // CHECK: nn.transpose %{{.*}} {permutation = array<i64: 0, 2, 3, 1>} : tensor<1x4x2x2xf32> -> tensor<1x2x2x4xf32>
  %v = nn.transpose %u {permutation = array<i64: 0, 2, 3, 1>} : tensor<1x4x2x2xf32> -> tensor<1x2x2x4xf32>
  // CHECK: nn.reshape %{{.*}} : tensor<1x2x2x4xf32> -> tensor<1x16xf32>
  %f = nn.reshape %v : tensor<1x2x2x4xf32> -> tensor<1x16xf32>
  // CHECK: nn.linear %{{.*}}, %{{.*}} : (tensor<1x16xf32>, tensor<3x16xf32>) -> tensor<1x3xf32>
  %y = nn.linear %f, %l : (tensor<1x16xf32>, tensor<3x16xf32>) -> tensor<1x3xf32>
  // CHECK: nn.concat %{{.*}}, %{{.*}} {axis = 1 : i64} : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x6xf32>
  %z = nn.concat %y, %y {axis = 1 : i64} : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x6xf32>
  // CHECK: nn.pad %{{.*}} {high = array<i64: 0, 0>, low = array<i64: 0, 1>, value = 1.000000e+00 : f64} : tensor<1x6xf32> -> tensor<1x7xf32>
  %d = nn.pad %z {low = array<i64: 0, 1>, high = array<i64: 0, 0>, value = 1.0 : f64} : tensor<1x6xf32> -> tensor<1x7xf32>
  // CHECK: nn.argmax %{{.*}} {axis = 1 : i64} : tensor<1x7xf32> -> tensor<1xf32>
  %e = nn.argmax %d {axis = 1 : i64} : tensor<1x7xf32> -> tensor<1xf32>
  // CHECK: nn.log_softmax %{{.*}} {axis = 1 : i64} : tensor<1x7xf32>
  %g = nn.log_softmax %d {axis = 1 : i64} : tensor<1x7xf32>
  // CHECK: nn.softmax %{{.*}} {axis = 1 : i64} : tensor<1x3xf32>
  %h = nn.softmax %y {axis = 1 : i64} : tensor<1x3xf32>
  // CHECK: nn.top_values %{{.*}} {axis = 1 : i64} : tensor<1x3xf32> -> tensor<1x2xf32>
  %i = nn.top_values %y {axis = 1 : i64} : tensor<1x3xf32> -> tensor<1x2xf32>
  // CHECK: nn.top_indices %{{.*}} {axis = 1 : i64, largest = false} : tensor<1x3xf32> -> tensor<1x2xf32>
  %j = nn.top_indices %y {axis = 1 : i64, largest = false} : tensor<1x3xf32> -> tensor<1x2xf32>
  return %h : tensor<1x3xf32>
}
