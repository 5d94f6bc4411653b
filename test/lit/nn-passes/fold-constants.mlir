// RUN: gfs-opt %s --nn-fold-constants | FileCheck %s

// Tests arithmetic among constants, with broadcasting.
// CHECK-LABEL: @constants
func.func @constants() -> tensor<2x2xf32> {
  // CHECK: nn.constant dense<{{\[\[}}3.000000e+00, 7.000000e+00], [5.000000e+00, 1.100000e+01]]>
  // CHECK-NOT: nn.mul
  %a = nn.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %b = nn.constant dense<[2.0, 4.0]> : tensor<2xf32>
  %p = nn.mul %a, %b : (tensor<2x1xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  %c = nn.constant dense<[[1.0, 3.0]]> : tensor<1x2xf32>
  %s = nn.add %p, %c : (tensor<2x2xf32>, tensor<1x2xf32>) -> tensor<2x2xf32>
  return %s : tensor<2x2xf32>
}

// Tests that a product with a value stays.
// CHECK-LABEL: @kept
func.func @kept(%x: tensor<2xf32>) -> tensor<2xf32> {
  // CHECK: nn.mul
  %b = nn.constant dense<[2.0, 4.0]> : tensor<2xf32>
  %p = nn.mul %x, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %p : tensor<2xf32>
}

// Tests that shape operations on constants are computed: reshape, transpose, slice with a zero, concat, pad.
// CHECK-LABEL: @shapes
func.func @shapes() -> (tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x3xf32>) {
  // CHECK-DAG: %[[T:.*]] = nn.constant dense<{{\[\[}}1.000000e+00, 4.000000e+00], [2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00]]>
  // CHECK-DAG: %[[S:.*]] = nn.constant dense<{{\[\[}}3.000000e+00, 0.000000e+00], [6.000000e+00, 0.000000e+00]]>
  // CHECK-DAG: %[[P:.*]] = nn.constant dense<{{\[\[}}9.000000e+00, 3.000000e+00, 0.000000e+00], [9.000000e+00, 6.000000e+00, 0.000000e+00]]>
  // CHECK: return %[[T]], %[[S]], %[[P]]
  %a = nn.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %b = nn.constant dense<[4.0, 5.0, 6.0]> : tensor<3xf32>
  %c = nn.concat %a, %b {axis = 0 : i64} : (tensor<3xf32>, tensor<3xf32>) -> tensor<6xf32>
  %d = nn.reshape %c : tensor<6xf32> -> tensor<2x3xf32>
  %t = nn.transpose %d {permutation = array<i64: 1, 0>} : tensor<2x3xf32> -> tensor<3x2xf32>
  %s = nn.take %d {axis = 1 : i64, indices = array<i64: 2, -1>} : tensor<2x3xf32> -> tensor<2x2xf32>
  %p = nn.pad %s {low = array<i64: 0, 1>, high = array<i64: 0, 0>, value = 9.0 : f64} : tensor<2x2xf32> -> tensor<2x3xf32>
  return %t, %s, %p : tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x3xf32>
}

// Tests that a splat stays a splat, however large, and a sum of splats too.
// CHECK-LABEL: @splats
func.func @splats() -> tensor<100x100xf32> {
  // CHECK: nn.constant dense<3.000000e+00> : tensor<100x100xf32>
  // CHECK-NOT: nn.add
  %a = nn.constant dense<1.0> : tensor<100x1xf32>
  %b = nn.constant dense<2.0> : tensor<100xf32>
  %s = nn.add %a, %b : (tensor<100x1xf32>, tensor<100xf32>) -> tensor<100x100xf32>
  return %s : tensor<100x100xf32>
}
