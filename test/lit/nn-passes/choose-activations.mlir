// RUN: gfs-opt %s --nn-choose-activations | FileCheck %s

// Tests words and coefficients, one for each channel.
// CHECK-LABEL: @each
func.func @each(%x: tensor<1x4x2xf32>) -> tensor<1x4x2xf32> {
  // CHECK-DAG: %[[A:.*]] = nn.constant dense<[0.000000e+00, 0.000000e+00, 0.000000e+00, 2.500000e-01]>
  // CHECK-DAG: %[[B:.*]] = nn.constant dense<[0.000000e+00, 0.000000e+00, 1.000000e+00, 5.000000e-01]>
  // CHECK-DAG: %[[C:.*]] = nn.constant dense<[0.000000e+00, 0.000000e+00, 0.000000e+00, 1.250000e-01]>
  // CHECK: nn.mixed_activation %{{.*}}, %[[A]], %[[B]], %[[C]] {relu = array<i1: true, false, false, false>}
  // CHECK-NOT: nn.choices
  %y = nn.relu %x {nn.choices = ["relu", "zero", "identity", {a = 0.25, b = 0.5, c = 0.125}]} : tensor<1x4x2xf32>
  return %y : tensor<1x4x2xf32>
}

// Tests that one choice holds for all channels, and that a missing coefficient is zero.
// CHECK-LABEL: @all
func.func @all(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // CHECK-DAG: %[[Z:.*]] = nn.constant dense<0.000000e+00> : tensor<2xf32>
  // CHECK-DAG: %[[B:.*]] = nn.constant dense<5.000000e-01> : tensor<2xf32>
  // CHECK: nn.mixed_activation %{{.*}}, %[[Z]], %[[B]], %{{.*}} {relu = array<i1: false, false>}
  %y = nn.relu %x {nn.choices = [{b = 0.5}]} : tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// Tests the closed form for values of mean 0 and deviation 2: Phi = 1/2, phi = 0.39894, so the line is x / 2 + 2 phi and the
// parabola phi / 4 x^2 + x / 2 + phi. A channel of deviation 0 is its mean.
// CHECK-LABEL: @statistics
func.func @statistics(%x: tensor<1x3x1x1xf32>) -> tensor<1x3x1x1xf32> {
  %scale = nn.constant dense<[2.0, -2.0, 0.0]> : tensor<3xf32>
  %bias = nn.constant dense<[0.0, 0.0, 3.0]> : tensor<3xf32>
  %mean = nn.constant dense<7.0> : tensor<3xf32>
  %var = nn.constant dense<9.0> : tensor<3xf32>
  // CHECK-DAG: nn.constant dense<[0.000000e+00, 0.0997355{{[0-9]*}}, 0.000000e+00]>
  // CHECK-DAG: nn.constant dense<[5.000000e-01, 5.000000e-01, 0.000000e+00]>
  // CHECK-DAG: nn.constant dense<[0.797884{{[0-9]*}}, 0.398942{{[0-9]*}}, 3.000000e+00]>
  // CHECK: nn.mixed_activation
  %z = nn.batch_norm %x, %scale, %bias, %mean, %var {epsilon = 1.0e-5 : f64} : tensor<1x3x1x1xf32>, tensor<3xf32>
  %y = nn.relu %z {nn.choices = ["linear", "quadratic", "quadratic"]} : tensor<1x3x1x1xf32>
  return %y : tensor<1x3x1x1xf32>
}

// Tests that a ReLU all of whose channels stay is left alone.
// CHECK-LABEL: @kept
func.func @kept(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // CHECK: nn.relu %{{[a-z0-9]+}} : tensor<1x2xf32>
  %y = nn.relu %x {nn.choices = ["free", "relu"]} : tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
