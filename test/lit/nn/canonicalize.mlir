// RUN: gfs-opt %s --canonicalize | FileCheck %s

// Tests that two moves are one, and none where they cancel.
// CHECK-LABEL: @moves
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x4xf32>)
func.func @moves(%x: tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<3x4x2xf32>, tensor<4x6xf32>, tensor<2x3xf32>) {
  // CHECK-DAG: %[[T:.*]] = nn.transpose %[[X]] {permutation = array<i64: 1, 2, 0>}
  // CHECK-DAG: %[[R:.*]] = nn.reshape %[[X]] : tensor<2x3x4xf32> -> tensor<4x6xf32>
  // CHECK-DAG: %[[F:.*]] = nn.take %[[X]] {axis = 2 : i64, indices = array<i64: 3, -1, -1>}
  // CHECK-DAG: %[[G:.*]] = nn.take %[[F]] {axis = 1 : i64, indices = array<i64: 0>}
  // CHECK: return %[[X]], %[[T]], %[[R]]
  %a = nn.transpose %x {permutation = array<i64: 2, 0, 1>} : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
  %b = nn.transpose %a {permutation = array<i64: 1, 2, 0>} : tensor<4x2x3xf32> -> tensor<2x3x4xf32>
  %c = nn.transpose %a {permutation = array<i64: 2, 0, 1>} : tensor<4x2x3xf32> -> tensor<3x4x2xf32>
  %d = nn.reshape %x : tensor<2x3x4xf32> -> tensor<24xf32>
  %e = nn.reshape %d : tensor<24xf32> -> tensor<4x6xf32>
  %f = nn.take %x {axis = 2 : i64, indices = array<i64: -1, 3>} : tensor<2x3x4xf32> -> tensor<2x3x2xf32>
  %g = nn.take %f {axis = 2 : i64, indices = array<i64: 1, 0, -1>} : tensor<2x3x2xf32> -> tensor<2x3x3xf32>
  %h = nn.take %g {axis = 1 : i64, indices = array<i64: 0>} : tensor<2x3x3xf32> -> tensor<2x1x3xf32>
  %i = nn.reshape %h : tensor<2x1x3xf32> -> tensor<2x3xf32>
  return %b, %c, %e, %i : tensor<2x3x4xf32>, tensor<3x4x2xf32>, tensor<4x6xf32>, tensor<2x3xf32>
}

// Tests that constants that are joined are added, in the middle and beside a single value.
// CHECK-LABEL: @joined
// CHECK-SAME: (%[[X:.*]]: tensor<1x2xf32>, %[[Y:.*]]: tensor<1x1xf32>)
func.func @joined(%x: tensor<1x2xf32>, %y: tensor<1x1xf32>) -> (tensor<1x5xf32>, tensor<2x2xf32>) {
  // CHECK-DAG: %[[C:.*]] = nn.constant dense<{{\[\[}}0.000000e+00, 0.000000e+00, 7.000000e+00, 8.000000e+00, 0.000000e+00]]>
  // CHECK-DAG: %[[D:.*]] = nn.constant dense<{{\[\[}}7.000000e+00, 8.000000e+00], [0.000000e+00, 0.000000e+00]]>
  // CHECK-DAG: %[[J:.*]] = nn.concat %[[X]], %[[Y]]
  // CHECK-DAG: %[[S:.*]] = nn.take %[[J]] {axis = 1 : i64, indices = array<i64: 0, 1, -1, -1, 2>}
  // CHECK-DAG: nn.add %[[S]], %[[C]]
  // CHECK-DAG: %[[U:.*]] = nn.take %[[X]] {axis = 0 : i64, indices = array<i64: -1, 0>}
  // CHECK-DAG: nn.add %[[U]], %[[D]]
  %c = nn.constant dense<[[7.0, 8.0]]> : tensor<1x2xf32>
  %a = nn.concat %x, %c, %y {axis = 1 : i64} : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x1xf32>) -> tensor<1x5xf32>
  %b = nn.concat %c, %x {axis = 0 : i64} : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<2x2xf32>
  return %a, %b : tensor<1x5xf32>, tensor<2x2xf32>
}

// Tests that a value is repeated before a larger constant multiplies it, and that nothing else is.
// CHECK-LABEL: @repeated
// CHECK-SAME: (%[[X:.*]]: tensor<2xf32>
func.func @repeated(%x: tensor<2xf32>, %y: tensor<3x1xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>, tensor<2xf32>) {
  // CHECK: %[[C:.*]] = nn.constant
  // CHECK: %[[R:.*]] = nn.reshape %[[X]] : tensor<2xf32> -> tensor<1x2xf32>
  // CHECK: %[[T:.*]] = nn.take %[[R]] {axis = 0 : i64, indices = array<i64: 0, 0, 0>}
  // CHECK: nn.mul %[[T]], %[[C]] : (tensor<3x2xf32>, tensor<3x1xf32>)
  // CHECK: nn.mul %{{.*}}, %{{.*}} : (tensor<2xf32>, tensor<3x1xf32>)
  // CHECK: nn.mul %{{.*}}, %{{.*}} : (tensor<2xf32>, tensor<f32>)
  %c = nn.constant dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>
  %d = nn.constant dense<2.0> : tensor<f32>
  %a = nn.mul %x, %c : (tensor<2xf32>, tensor<3x1xf32>) -> tensor<3x2xf32>
  %b = nn.mul %x, %y : (tensor<2xf32>, tensor<3x1xf32>) -> tensor<3x2xf32>
  %e = nn.mul %x, %d : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  return %a, %b, %e : tensor<3x2xf32>, tensor<3x2xf32>, tensor<2xf32>
}
