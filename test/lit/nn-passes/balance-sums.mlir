// RUN: gfs-opt %s --nn-balance-sums --canonicalize --split-input-file | FileCheck %s

// Tests that a quadratic behind a residual sum gets the leading coefficient 1, in the channel that is one, and that the layers around
// make it so: with u = 1 behind it, t = sqrt(0.25) = 0.5 in channel 0 and 1 in channel 1, a ReLU. The value that is added, x through
// the first layer, is made by a layer and scaled there, too.
// CHECK-LABEL: @behind_sum
func.func @behind_sum(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // CHECK-DAG: %[[W:.*]] = nn.constant dense<{{\[}}[5.000000e-01, 0.000000e+00], [0.000000e+00, 1.000000e+00]]> : tensor<2x2xf32>
  // CHECK-DAG: %[[V:.*]] = nn.constant dense<{{\[}}[1.000000e+00, 5.000000e-01], [2.000000e+00, 1.000000e+00]]> : tensor<2x2xf32>
  // CHECK-DAG: %[[A:.*]] = nn.constant dense<[1.000000e+00, 0.000000e+00]> : tensor<2xf32>
  // CHECK-DAG: %[[B:.*]] = nn.constant dense<[2.000000e+00, 0.000000e+00]> : tensor<2xf32>
  // CHECK: %[[S:.*]] = nn.linear %{{.*}}, %[[W]]
  // CHECK: %[[L:.*]] = nn.linear %[[S]], %[[V]]
  // CHECK: %[[Z:.*]] = nn.add %[[L]], %[[S]]
  // CHECK: nn.mixed_activation %[[Z]], %[[A]], %[[B]]
  %w = nn.constant dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>
  %s = nn.linear %x, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %v = nn.constant dense<[[1.0, 1.0], [1.0, 1.0]]> : tensor<2x2xf32>
  %l = nn.linear %s, %v : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %z = nn.add %l, %s : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %a = nn.constant dense<[0.25, 0.0]> : tensor<2xf32>
  %b = nn.constant dense<[1.0, 0.0]> : tensor<2xf32>
  %c = nn.constant dense<0.0> : tensor<2xf32>
  %q = nn.mixed_activation %z, %a, %b, %c {relu = array<i1: false, true>} : tensor<1x2xf32>, tensor<2xf32>
  %y = nn.linear %q, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

// Tests that nothing changes where the value is an input, which no layer can scale.
// CHECK-LABEL: @pinned
func.func @pinned(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // CHECK: %[[A:.*]] = nn.constant dense<2.500000e-01> : tensor<2xf32>
  // CHECK: nn.mixed_activation %{{.*}}, %[[A]]
  %a = nn.constant dense<0.25> : tensor<2xf32>
  %b = nn.constant dense<1.0> : tensor<2xf32>
  %q = nn.mixed_activation %x, %a, %b, %b : tensor<1x2xf32>, tensor<2xf32>
  return %q : tensor<1x2xf32>
}

// -----

// Tests that a channel that would be held 128 times smaller keeps its factor.
// CHECK-LABEL: @too_small
func.func @too_small(%x: tensor<1x1xf32>) -> tensor<1x1xf32> {
  // CHECK: nn.constant dense<7.812500e-03> : tensor<1xf32>
  %w = nn.constant dense<3.0> : tensor<1x1xf32>
  %s = nn.linear %x, %w : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %l = nn.linear %s, %w : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %z = nn.add %l, %s : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %a = nn.constant dense<0.0> : tensor<1xf32>
  %b = nn.constant dense<0.0078125> : tensor<1xf32>
  %q = nn.mixed_activation %z, %a, %b, %a : tensor<1x1xf32>, tensor<1xf32>
  %y = nn.linear %q, %w : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}
