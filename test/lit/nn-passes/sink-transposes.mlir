// RUN: gfs-opt %s --nn-sink-transposes | FileCheck %s

// Tests a network with channels last: nothing is left between its convolutions.
// CHECK-LABEL: @channels_last
// CHECK-SAME: (%[[X:.*]]: tensor<1x2x4x4xf32>
func.func @channels_last(%x: tensor<1x2x4x4xf32>, %w: tensor<2x2x1x1xf32>) -> tensor<1x2x4x4xf32> {
  // CHECK: %[[B:.*]] = nn.constant dense<{{\[\[\[\[}}1.000000e+00]], {{\[\[}}2.000000e+00]]]]> : tensor<1x2x1x1xf32>
  // CHECK: %[[A:.*]] = nn.conv2d %[[X]]
  // CHECK: %[[S:.*]] = nn.add %[[A]], %[[B]] : (tensor<1x2x4x4xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x4x4xf32>
  // CHECK: %[[R:.*]] = nn.relu %[[S]] : tensor<1x2x4x4xf32>
  // CHECK: %[[C:.*]] = nn.conv2d %[[R]]
  // CHECK: %[[D:.*]] = nn.sub %[[C]], %[[R]]
  // CHECK: return %[[D]]
  %b = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %a = nn.conv2d %x, %w : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>) -> tensor<1x2x4x4xf32>
  %t = nn.transpose %a {permutation = array<i64: 0, 2, 3, 1>} : tensor<1x2x4x4xf32> -> tensor<1x4x4x2xf32>
  %s = nn.add %t, %b : (tensor<1x4x4x2xf32>, tensor<2xf32>) -> tensor<1x4x4x2xf32>
  %r = nn.relu %s : tensor<1x4x4x2xf32>
  %u = nn.transpose %r {permutation = array<i64: 0, 3, 1, 2>} : tensor<1x4x4x2xf32> -> tensor<1x2x4x4xf32>
  %c = nn.conv2d %u, %w : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>) -> tensor<1x2x4x4xf32>
  %v = nn.transpose %c {permutation = array<i64: 0, 2, 3, 1>} : tensor<1x2x4x4xf32> -> tensor<1x4x4x2xf32>
  %d = nn.sub %v, %r : (tensor<1x4x4x2xf32>, tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  %y = nn.transpose %d {permutation = array<i64: 0, 3, 1, 2>} : tensor<1x4x4x2xf32> -> tensor<1x2x4x4xf32>
  return %y : tensor<1x2x4x4xf32>
}

// Tests that axes are renamed on the way.
// CHECK-LABEL: @renamed
func.func @renamed(%x: tensor<1x2x3x4xf32>) -> tensor<1x8x6x2xf32> {
  // CHECK: %[[T:.*]] = nn.take %{{.*}} {axis = 3 : i64, indices = array<i64: -1, 0, 1, 2>} : tensor<1x2x3x4xf32> -> tensor<1x2x3x4xf32>
  // CHECK: %[[C:.*]] = nn.concat %[[T]], %[[T]] {axis = 3 : i64} : {{.*}} -> tensor<1x2x3x8xf32>
  // CHECK: %[[P:.*]] = nn.pad %[[C]] {high = array<i64: 0, 0, 1, 0>, low = array<i64: 0, 0, 2, 0>, value = 1.000000e+00 : f64}
  // CHECK: nn.transpose %[[P]] {permutation = array<i64: 0, 3, 2, 1>}
  %t = nn.transpose %x {permutation = array<i64: 0, 3, 2, 1>} : tensor<1x2x3x4xf32> -> tensor<1x4x3x2xf32>
  %a = nn.take %t {axis = 1 : i64, indices = array<i64: -1, 0, 1, 2>} : tensor<1x4x3x2xf32> -> tensor<1x4x3x2xf32>
  %c = nn.concat %a, %a {axis = 1 : i64} : (tensor<1x4x3x2xf32>, tensor<1x4x3x2xf32>) -> tensor<1x8x3x2xf32>
  %p = nn.pad %c {low = array<i64: 0, 0, 2, 0>, high = array<i64: 0, 0, 1, 0>, value = 1.0 : f64} : tensor<1x8x3x2xf32> -> tensor<1x8x6x2xf32>
  return %p : tensor<1x8x6x2xf32>
}

// Tests that a transpose stays before an operand that is not transposed, and before a layer; one that is left with extents of 1
// becomes a reshape.
// CHECK-LABEL: @kept
func.func @kept(%x: tensor<2x2xf32>, %y: tensor<2x2xf32>, %z: tensor<3x1xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<3x1x2xf32>) {
  // CHECK: %[[T:.*]] = nn.transpose
  // CHECK: nn.add %[[T]], %{{.*}}
  // CHECK: nn.linear %[[T]], %{{.*}}
  // CHECK: %[[R:.*]] = nn.take %{{.*}} {axis = 1 : i64, indices = array<i64: 0>} : tensor<2x2xf32> -> tensor<2x1xf32>
  // CHECK: %[[S:.*]] = nn.reshape %[[R]] : tensor<2x1xf32> -> tensor<1x2xf32>
  // CHECK: nn.mul %[[S]], %{{.*}}
  %t = nn.transpose %x {permutation = array<i64: 1, 0>} : tensor<2x2xf32> -> tensor<2x2xf32>
  %a = nn.add %t, %y : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %b = nn.linear %t, %y : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %c = nn.constant dense<[[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]]]> : tensor<3x1x2xf32>
  %u = nn.transpose %y {permutation = array<i64: 1, 0>} : tensor<2x2xf32> -> tensor<2x2xf32>
  %r = nn.take %u {axis = 0 : i64, indices = array<i64: 0>} : tensor<2x2xf32> -> tensor<1x2xf32>
  %m = nn.mul %r, %c : (tensor<1x2xf32>, tensor<3x1x2xf32>) -> tensor<3x1x2xf32>
  return %a, %b, %m : tensor<2x2xf32>, tensor<2x2xf32>, tensor<3x1x2xf32>
}

// Tests that a transpose of extents of 1 is a reshape.
// CHECK-LABEL: @pooled
func.func @pooled(%x: tensor<1x8x1x1xf32>) -> tensor<1x1x1x8xf32> {
  // CHECK: nn.reshape %{{.*}} : tensor<1x8x1x1xf32> -> tensor<1x1x1x8xf32>
  // CHECK-NOT: nn.transpose
  %t = nn.transpose %x {permutation = array<i64: 0, 2, 3, 1>} : tensor<1x8x1x1xf32> -> tensor<1x1x1x8xf32>
  return %t : tensor<1x1x1x8xf32>
}
