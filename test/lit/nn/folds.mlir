// RUN: gfs-opt %s --canonicalize | FileCheck %s

// Tests that operations that return their operand go away.
// CHECK-LABEL: @identities
// CHECK-SAME: (%[[X:.*]]: tensor<2x3xf32>)
func.func @identities(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) {
  // CHECK-NEXT: return %[[X]], %[[X]], %[[X]], %[[X]]
  %a = nn.reshape %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %b = nn.transpose %x {permutation = array<i64: 0, 1>} : tensor<2x3xf32> -> tensor<2x3xf32>
  %c = nn.take %x {axis = 1 : i64, indices = array<i64: 0, 1, 2>} : tensor<2x3xf32> -> tensor<2x3xf32>
  %d = nn.concat %x {axis = 0 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %a, %b, %c, %d : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>
}

// Tests that a square matrix is still transposed, a prefix still taken, and another order kept.
// CHECK-LABEL: @kept
func.func @kept(%x: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x1xf32>, tensor<2x2xf32>) {
  // CHECK: nn.transpose
  // CHECK: nn.take
  // CHECK: nn.take
  %a = nn.transpose %x {permutation = array<i64: 1, 0>} : tensor<2x2xf32> -> tensor<2x2xf32>
  %b = nn.take %x {axis = 1 : i64, indices = array<i64: 0>} : tensor<2x2xf32> -> tensor<2x1xf32>
  %c = nn.take %x {axis = 1 : i64, indices = array<i64: 1, 0>} : tensor<2x2xf32> -> tensor<2x2xf32>
  return %a, %b, %c : tensor<2x2xf32>, tensor<2x1xf32>, tensor<2x2xf32>
}

// Tests that two ReLUs are one; a square in between keeps both.
// CHECK-LABEL: @relus
func.func @relus(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  // CHECK: %[[A:.*]] = nn.relu %{{.*}}
  // CHECK: %[[S:.*]] = nn.square %[[A]]
  // CHECK: %[[C:.*]] = nn.relu %[[S]]
  // CHECK: return %[[A]], %[[C]]
  %a = nn.relu %x : tensor<2xf32>
  %b = nn.relu %a : tensor<2xf32>
  %s = nn.square %a : tensor<2xf32>
  %c = nn.relu %s : tensor<2xf32>
  return %b, %c : tensor<2xf32>, tensor<2xf32>
}
