// RUN: gfs-opt %s --nn-commute-relu-max-pool | FileCheck %s

// Tests that the pooling comes first.
// CHECK-LABEL: @commute
func.func @commute(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x2x2xf32> {
  // CHECK: %[[P:.*]] = nn.max_pool2d %{{.*}} {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>}
  // CHECK: nn.relu %[[P]] : tensor<1x1x2x2xf32>
  %r = nn.relu %x : tensor<1x1x4x4xf32>
  %p = nn.max_pool2d %r {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>} : tensor<1x1x4x4xf32> -> tensor<1x1x2x2xf32>
  return %p : tensor<1x1x2x2xf32>
}

// Tests that moved elements may lie between, and that the ReLU goes behind several poolings.
// CHECK-LABEL: @moved
func.func @moved(%x: tensor<4x2x4x4xf32>) -> tensor<2x2x2x2xf32> {
  // CHECK: %[[R:.*]] = nn.reshape %{{.*}} : tensor<4x2x4x4xf32> -> tensor<1x1x4x32xf32>
  // CHECK: %[[P:.*]] = nn.max_pool2d %[[R]]
  // CHECK: %[[S:.*]] = nn.reshape %[[P]]
  // CHECK: %[[Q:.*]] = nn.max_pool2d %[[S]]
  // CHECK: nn.relu %[[Q]] : tensor<2x2x2x2xf32>
  // CHECK-NOT: nn.relu
  %r = nn.relu %x : tensor<4x2x4x4xf32>
  %a = nn.reshape %r : tensor<4x2x4x4xf32> -> tensor<1x1x4x32xf32>
  %p = nn.max_pool2d %a {kernel = array<i64: 2, 1>, strides = array<i64: 2, 1>} : tensor<1x1x4x32xf32> -> tensor<1x1x2x32xf32>
  %b = nn.reshape %p : tensor<1x1x2x32xf32> -> tensor<2x2x4x4xf32>
  %q = nn.max_pool2d %b {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>} : tensor<2x2x4x4xf32> -> tensor<2x2x2x2xf32>
  return %q : tensor<2x2x2x2xf32>
}

// Tests that a ReLU with another use stays first.
// CHECK-LABEL: @shared
func.func @shared(%x: tensor<1x1x4x4xf32>) -> (tensor<1x1x2x2xf32>, tensor<1x1x4x4xf32>) {
  // CHECK: nn.relu
  // CHECK: nn.max_pool2d
  %r = nn.relu %x : tensor<1x1x4x4xf32>
  %p = nn.max_pool2d %r {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>} : tensor<1x1x4x4xf32> -> tensor<1x1x2x2xf32>
  return %p, %r : tensor<1x1x2x2xf32>, tensor<1x1x4x4xf32>
}

// Tests the boundary: a pooling that makes as many elements saves nothing.
// CHECK-LABEL: @same_size
func.func @same_size(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32> {
  // CHECK: nn.relu
  // CHECK: nn.max_pool2d
  %r = nn.relu %x : tensor<1x1x4x4xf32>
  %p = nn.max_pool2d %r {kernel = array<i64: 3, 3>, pads = array<i64: 1, 1, 1, 1>} : tensor<1x1x4x4xf32> -> tensor<1x1x4x4xf32>
  return %p : tensor<1x1x4x4xf32>
}
