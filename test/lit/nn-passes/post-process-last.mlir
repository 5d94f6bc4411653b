// RUN: gfs-opt %s --nn-post-process-last | FileCheck %s

// Tests that a returned transpose goes before what the client computes, along the axis that its axis becomes.
// CHECK-LABEL: @moved
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x4xf32>)
func.func @moved(%x: tensor<2x3x4xf32>) -> (tensor<4x2x3xf32>, tensor<4x2x1xf32>, tensor<3x1x4xf32>) {
  // CHECK: %[[A:.*]] = nn.transpose %[[X]] {permutation = array<i64: 2, 0, 1>} : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
  // CHECK: %[[S:.*]] = nn.log_softmax %[[A]] {axis = 2 : i64} : tensor<4x2x3xf32>
  %s = nn.log_softmax %x {axis = 1 : i64} : tensor<2x3x4xf32>
  %a = nn.transpose %s {permutation = array<i64: 2, 0, 1>} : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
  // CHECK: %[[B:.*]] = nn.transpose %[[X]] {permutation = array<i64: 2, 0, 1>} : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
  // CHECK: %[[M:.*]] = nn.argmax %[[B]] {axis = 2 : i64} : tensor<4x2x3xf32> -> tensor<4x2x1xf32>
  %m = nn.argmax %x {axis = 1 : i64} : tensor<2x3x4xf32> -> tensor<2x1x4xf32>
  %b = nn.transpose %m {permutation = array<i64: 2, 0, 1>} : tensor<2x1x4xf32> -> tensor<4x2x1xf32>
  // CHECK: %[[C:.*]] = nn.transpose %[[X]] {permutation = array<i64: 1, 0, 2>} : tensor<2x3x4xf32> -> tensor<3x2x4xf32>
  // CHECK: %[[T:.*]] = nn.top_values %[[C]] {axis = 1 : i64, largest = false} : tensor<3x2x4xf32> -> tensor<3x1x4xf32>
  // CHECK: return %[[S]], %[[M]], %[[T]]
  %t = nn.top_values %x {axis = 0 : i64, largest = false} : tensor<2x3x4xf32> -> tensor<1x3x4xf32>
  %c = nn.transpose %t {permutation = array<i64: 1, 0, 2>} : tensor<1x3x4xf32> -> tensor<3x1x4xf32>
  return %a, %b, %c : tensor<4x2x3xf32>, tensor<4x2x1xf32>, tensor<3x1x4xf32>
}

// Tests the same where the result lacks the axis: lines of text, as exporters write [batch, time] of [time, batch, letters].
// CHECK-LABEL: @lost_axis
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x4x5xf32>)
func.func @lost_axis(%x: tensor<2x3x4x5xf32>) -> tensor<5x2x4xf32> {
  // CHECK: %[[T:.*]] = nn.transpose %[[X]] {permutation = array<i64: 3, 0, 2, 1>} : tensor<2x3x4x5xf32> -> tensor<5x2x4x3xf32>
  // CHECK: %[[M:.*]] = nn.argmax %[[T]] {axis = 3 : i64, last = true} : tensor<5x2x4x3xf32> -> tensor<5x2x4xf32>
  // CHECK: return %[[M]]
  %m = nn.argmax %x {axis = 1 : i64, last = true} : tensor<2x3x4x5xf32> -> tensor<2x4x5xf32>
  %t = nn.transpose %m {permutation = array<i64: 2, 0, 1>} : tensor<2x4x5xf32> -> tensor<5x2x4xf32>
  return %t : tensor<5x2x4xf32>
}

// Tests that a transpose stays that more follows, or that is not the only use.
// CHECK-LABEL: @stays
func.func @stays(%x: tensor<2x3xf32>) -> (tensor<3x2xf32>, tensor<2x3xf32>, tensor<3x2xf32>) {
  // CHECK: nn.softmax %{{.*}} {axis = 1 : i64} : tensor<2x3xf32>
  // CHECK-NEXT: nn.transpose
  // CHECK-NEXT: nn.relu
  %s = nn.softmax %x {axis = 1 : i64} : tensor<2x3xf32>
  %a = nn.transpose %s {permutation = array<i64: 1, 0>} : tensor<2x3xf32> -> tensor<3x2xf32>
  %r = nn.relu %a : tensor<3x2xf32>
  // CHECK-NEXT: nn.softmax %{{.*}} {axis = 0 : i64} : tensor<2x3xf32>
  // CHECK-NEXT: nn.transpose
  %q = nn.softmax %x {axis = 0 : i64} : tensor<2x3xf32>
  %b = nn.transpose %q {permutation = array<i64: 1, 0>} : tensor<2x3xf32> -> tensor<3x2xf32>
  return %r, %q, %b : tensor<3x2xf32>, tensor<2x3xf32>, tensor<3x2xf32>
}
