// RUN: gfs-opt %s --nn-fold-elementwise --canonicalize | FileCheck %s

// Tests that factor and offset per channel go into the layer, on either side of the operation.
// CHECK-LABEL: @both
func.func @both(%x: tensor<1x1x2x2xf32>) -> tensor<1x2x2x2xf32> {
  // CHECK-DAG: nn.constant dense<[1.000000e+00, -5.000000e-01]> : tensor<2xf32>
  // CHECK-DAG: nn.constant dense<{{.*}}-2.000000e+00{{.*}}-6.000000e+00{{.*}}> : tensor<2x1x1x1xf32>
  // CHECK: nn.conv2d
  // CHECK-NEXT: return
  %w = nn.constant dense<[[[[1.0]]], [[[2.0]]]]> : tensor<2x1x1x1xf32>
  %z = nn.conv2d %x, %w : (tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x2x2xf32>
  %f = nn.constant dense<[[[2.0]], [[3.0]]]> : tensor<2x1x1xf32>
  %p = nn.mul %f, %z : (tensor<2x1x1xf32>, tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %o = nn.constant dense<[[[1.0]], [[-0.5]]]> : tensor<2x1x1xf32>
  %r = nn.sub %o, %p : (tensor<2x1x1xf32>, tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  return %r : tensor<1x2x2x2xf32>
}

// Tests that a constant that differs along the image, and one without a layer, stay.
// CHECK-LABEL: @kept
func.func @kept(%x: tensor<1x1x1x2xf32>) -> (tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>) {
  // CHECK-COUNT-2: nn.add
  %w = nn.constant dense<1.0> : tensor<1x1x1x1xf32>
  %z = nn.conv2d %x, %w : (tensor<1x1x1x2xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x1x2xf32>
  %c = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %a = nn.add %z, %c : (tensor<1x1x1x2xf32>, tensor<2xf32>) -> tensor<1x1x1x2xf32>
  %s = nn.constant dense<1.0> : tensor<1xf32>
  %b = nn.add %x, %s : (tensor<1x1x1x2xf32>, tensor<1xf32>) -> tensor<1x1x1x2xf32>
  return %a, %b : tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>
}
