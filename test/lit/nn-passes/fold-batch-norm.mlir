// RUN: gfs-opt %s --nn-fold-batch-norm --canonicalize | FileCheck %s

// Tests that a normalisation behind a convolution changes its weights: f = 2 / sqrt(4) = 1 and 1 / sqrt(1) = 1, offsets b - f m.
// CHECK-LABEL: @conv
func.func @conv(%x: tensor<1x1x2x2xf32>) -> tensor<1x2x2x2xf32> {
  // CHECK-DAG: %[[W:.*]] = nn.constant dense<{{.*}}2.000000e+00{{.*}}9.000000e+00{{.*}}> : tensor<2x1x1x1xf32>
  // CHECK-DAG: %[[B:.*]] = nn.constant dense<[5.000000e-01, -1.750000e+00]> : tensor<2xf32>
  // CHECK: %[[Z:.*]] = nn.conv2d %{{.*}}, %[[W]] bias %[[B]]
  // CHECK-NOT: nn.batch_norm
  // CHECK: return %[[Z]]
  %w = nn.constant dense<[[[[2.0]]], [[[3.0]]]]> : tensor<2x1x1x1xf32>
  %z = nn.conv2d %x, %w : (tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x2x2xf32>
  %s = nn.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %b = nn.constant dense<[0.5, 1.25]> : tensor<2xf32>
  %m = nn.constant dense<[0.0, 1.0]> : tensor<2xf32>
  %v = nn.constant dense<[4.0, 1.0]> : tensor<2xf32>
  %n = nn.batch_norm %z, %s, %b, %m, %v {epsilon = 0.0 : f64} : tensor<1x2x2x2xf32>, tensor<2xf32>
  return %n : tensor<1x2x2x2xf32>
}

// Tests that a linear layer with a bias takes both, and a [N, C] normalisation folds, too.
// CHECK-LABEL: @linear
func.func @linear(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // CHECK-DAG: nn.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00], [1.500000e+00, 2.000000e+00]]>
  // CHECK-DAG: nn.constant dense<[2.000000e+00, 1.500000e+00]>
  // CHECK: nn.linear
  // CHECK-NOT: nn.batch_norm
  %w = nn.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %c = nn.constant dense<[1.0, 1.0]> : tensor<2xf32>
  %z = nn.linear %x, %w bias %c : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %s = nn.constant dense<1.0> : tensor<2xf32>
  %m = nn.constant dense<[0.0, 0.0]> : tensor<2xf32>
  %b = nn.constant dense<[1.0, 1.0]> : tensor<2xf32>
  %v = nn.constant dense<[1.0, 4.0]> : tensor<2xf32>
  %n = nn.batch_norm %z, %s, %b, %m, %v {epsilon = 0.0 : f64} : tensor<1x2xf32>, tensor<2xf32>
  return %n : tensor<1x2xf32>
}

// Tests that a layer with another use, and a normalisation without a layer, stay.
// CHECK-LABEL: @kept
func.func @kept(%x: tensor<1x1x2x2xf32>) -> (tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>) {
  // CHECK-COUNT-2: nn.batch_norm
  %w = nn.constant dense<2.0> : tensor<1x1x1x1xf32>
  %z = nn.conv2d %x, %w : (tensor<1x1x2x2xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x2x2xf32>
  %s = nn.constant dense<2.0> : tensor<1xf32>
  %n = nn.batch_norm %z, %s, %s, %s, %s : tensor<1x1x2x2xf32>, tensor<1xf32>
  %k = nn.batch_norm %x, %s, %s, %s, %s : tensor<1x1x2x2xf32>, tensor<1xf32>
  return %n, %z, %k : tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>
}

// Tests that a normalisation with no layer before it goes into the one behind: f = 2 / sqrt(4) = 1, offset 3 - 1 * 1 = 2.
// CHECK-LABEL: @behind
// CHECK-SAME: (%[[X:.*]]: tensor<1x1xf32>)
func.func @behind(%x: tensor<1x1xf32>) -> tensor<1x1xf32> {
  // CHECK-DAG: %[[W:.*]] = nn.constant dense<5.000000e+00> : tensor<1x1xf32>
  // CHECK-DAG: %[[B:.*]] = nn.constant dense<1.000000e+01> : tensor<1xf32>
  // CHECK: %[[Z:.*]] = nn.linear %[[X]], %[[W]] bias %[[B]]
  // CHECK-NEXT: return %[[Z]]
  %s = nn.constant dense<2.0> : tensor<1xf32>
  %b = nn.constant dense<3.0> : tensor<1xf32>
  %m = nn.constant dense<1.0> : tensor<1xf32>
  %v = nn.constant dense<4.0> : tensor<1xf32>
  %n = nn.batch_norm %x, %s, %b, %m, %v {epsilon = 0.0 : f64} : tensor<1x1xf32>, tensor<1xf32>
  %w = nn.constant dense<5.0> : tensor<1x1xf32>
  %z = nn.linear %n, %w : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  return %z : tensor<1x1xf32>
}
