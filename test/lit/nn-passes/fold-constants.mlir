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

// Tests that layers are computed: products with a bias, convolutions with groups, strides and padding, normalisations.
// CHECK-LABEL: @layers
func.func @layers() -> (tensor<1x2xf32>, tensor<1x2x2x1xf32>, tensor<1x2x1xf32>) {
  // CHECK-DAG: %[[L:.*]] = nn.constant dense<{{\[\[}}5.500000e+00, 1.000000e+01]]>
  // CHECK-DAG: %[[C:.*]] = nn.constant dense<{{\[\[\[\[}}1.000000e+00], [3.000000e+00]], {{\[\[}}-1.000000e+01], [-1.400000e+01]]]]>
  // CHECK-DAG: %[[N:.*]] = nn.constant dense<{{\[\[\[}}0.000000e+00], [3.000000e+00]]]>
  // CHECK: return %[[L]], %[[C]], %[[N]]
  %x = nn.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %w = nn.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %b = nn.constant dense<[0.5, -1.0]> : tensor<2xf32>
  %l = nn.linear %x, %w bias %b : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %i = nn.constant dense<[[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]]> : tensor<1x2x2x2xf32>
  %f = nn.constant dense<[[[[0.0, 1.0]]], [[[-1.0, -2.0]]]]> : tensor<2x1x1x2xf32>
  // Columns -1 and 0.
  %g = nn.conv2d %i, %f {groups = 2 : i64, strides = array<i64: 1, 2>, pads = array<i64: 0, 1, 0, 0>}
      : (tensor<1x2x2x2xf32>, tensor<2x1x1x2xf32>) -> tensor<1x2x2x1xf32>
  %h = nn.constant dense<[[0.0], [2.0]]> : tensor<2x1xf32>
  %o = nn.constant dense<[0.0, 1.0]> : tensor<2xf32>
  %s = nn.constant dense<[4.0, 0.25]> : tensor<2xf32>
  %r = nn.reshape %h : tensor<2x1xf32> -> tensor<1x2x1xf32>
  %n = nn.batch_norm %r, %o, %o, %o, %s {epsilon = 0.0 : f64} : tensor<1x2x1xf32>, tensor<2xf32>
  return %l, %g, %n : tensor<1x2xf32>, tensor<1x2x2x1xf32>, tensor<1x2x1xf32>
}

// Tests that poolings and softmaxes are computed; outside of the image there is nothing.
// CHECK-LABEL: @windows
func.func @windows() -> (tensor<1x1x2x1xf32>, tensor<1x1x2x1xf32>, tensor<1x1x2x1xf32>, tensor<2x2xf32>) {
  // CHECK-DAG: %[[M:.*]] = nn.constant dense<{{\[\[\[\[}}-1.000000e+00], [-3.000000e+00]]]]>
  // CHECK-DAG: %[[A:.*]] = nn.constant dense<{{\[\[\[\[}}-1.500000e+00], [-3.500000e+00]]]]>
  // CHECK-DAG: %[[P:.*]] = nn.constant dense<{{\[\[\[\[}}-7.500000e-01], [-1.750000e+00]]]]>
  // CHECK-DAG: %[[S:.*]] = nn.constant dense<{{\[\[}}5.000000e-01, 2.500000e-01], [5.000000e-01, 7.500000e-01]]>
  // CHECK: return %[[M]], %[[A]], %[[P]], %[[S]]
  %i = nn.constant dense<[[[[-1.0, -2.0], [-3.0, -4.0]]]]> : tensor<1x1x2x2xf32>
  %m = nn.max_pool2d %i {kernel = array<i64: 2, 2>, strides = array<i64: 2, 1>, pads = array<i64: 1, 0, 1, 0>}
      : tensor<1x1x2x2xf32> -> tensor<1x1x2x1xf32>
  %a = nn.avg_pool2d %i {kernel = array<i64: 2, 2>, strides = array<i64: 2, 1>, pads = array<i64: 1, 0, 1, 0>, count_include_pad = false}
      : tensor<1x1x2x2xf32> -> tensor<1x1x2x1xf32>
  %p = nn.avg_pool2d %i {kernel = array<i64: 2, 2>, strides = array<i64: 2, 1>, pads = array<i64: 1, 0, 1, 0>}
      : tensor<1x1x2x2xf32> -> tensor<1x1x2x1xf32>
  %t = nn.constant dense<[[7.0, 0.0], [7.0, 1.09861228867]]> : tensor<2x2xf32>
  %s = nn.softmax %t {axis = 0 : i64} : tensor<2x2xf32>
  return %m, %a, %p, %s : tensor<1x1x2x1xf32>, tensor<1x1x2x1xf32>, tensor<1x1x2x1xf32>, tensor<2x2xf32>
}
