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
