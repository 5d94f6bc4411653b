// RUN: gfs-opt %s --convert-nn-to-fixed="ring-bits=24 activation-bits=12 fit=false" --split-input-file | FileCheck %s

// Tests that activations and arguments get their extra bits beyond activation-bits: a magnitude of 2 takes one of 12, which leaves scale
// 11; two bits fewer 9, three more 14.
// CHECK-LABEL: @main
// CHECK-SAME: !fixed.tensor<1x2, scale = 9>
func.func @main(%x: tensor<1x2xf32> {fixed.range = array<f64: -2.0, 2.0>, fixed.extra_bits = -2.0 : f64}) -> tensor<1x2xf32> {
  %w = nn.constant dense<[[1.0, 0.5], [0.5, 1.0]]> : tensor<2x2xf32>
  %z = nn.linear %x, %w {fixed.range = array<f64: -2.0, 2.0>} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  // CHECK: fixed.relu {{.*}} -> !fixed.tensor<1x2, scale = 14>
  %y = nn.relu %z {fixed.range = array<f64: 0.0, 2.0>, fixed.extra_bits = 3.0 : f64} : tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

// Tests that a layer's operand is truncated for weights that need more than the scale 8 which it leaves them, 22 for the result less its own 14:
// 12 in this function, where they get 14, as many as 16 signed bits allow.
// CHECK-LABEL: @main
func.func @main(%x: tensor<1x2xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x2xf32> {
  %w = nn.constant dense<[[1.0, 0.5], [0.5, 1.0]]> : tensor<2x2xf32>
  // CHECK: %[[Z:.*]] = fixed.linear
  // CHECK: %[[T:.*]] = fixed.truncate %[[Z]] shift 8
  // CHECK: fixed.linear %[[T]], %{{.*}} : (!fixed.tensor<1x2, scale = 6>, !fixed.tensor<2x2, scale = 14>)
  %z = nn.linear %x, %w {fixed.range = array<f64: -64.0, 64.0>} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %y = nn.linear %z, %w {fixed.range = array<f64: -0.5, 0.5>, fixed.extra_weight_scale = 0.0 : f64} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

// And 7 in this one, where nothing is truncated.
// CHECK-LABEL: @main
func.func @main(%x: tensor<1x2xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x2xf32> {
  %w = nn.constant dense<[[1.0, 0.5], [0.5, 1.0]]> : tensor<2x2xf32>
  // CHECK-NOT: fixed.truncate
  // CHECK: fixed.linear %{{.*}} : (!fixed.tensor<1x2, scale = 14>, !fixed.tensor<2x2, scale = 8>)
  %z = nn.linear %x, %w {fixed.range = array<f64: -64.0, 64.0>} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %y = nn.linear %z, %w {fixed.range = array<f64: -0.5, 0.5>, fixed.extra_weight_scale = -5.0 : f64} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

// Tests that value and weights share what the ring does not have: demand 20 less scale 11 leaves the weights scale 9, 5 less than the 14
// that do as little harm, so that the ReLU's result gives up two and a half, which is rounded to the larger scale.
// CHECK-LABEL: @main
func.func @main(%x: tensor<1x2xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x2xf32> {
  %w = nn.constant dense<[[1.0, 0.5], [0.5, 1.0]]> : tensor<2x2xf32>
  %z = nn.linear %x, %w {fixed.range = array<f64: -2.0, 2.0>} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  // CHECK: fixed.relu {{.*}} -> !fixed.tensor<1x2, scale = 9>
  %y = nn.relu %z {fixed.range = array<f64: 0.0, 2.0>} : tensor<1x2xf32>
  %r = nn.linear %y, %w {fixed.range = array<f64: -2.0, 2.0>, fixed.extra_weight_scale = 2.0 : f64} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  return %r : tensor<1x2xf32>
}

// -----

// Tests that what each has is rounded after it is known what both have: half of 4.75 less 11.25 is 8.875.
// CHECK-LABEL: @main
func.func @main(%x: tensor<1x2xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x2xf32> {
  %w = nn.constant dense<[[1.0, 0.5], [0.5, 1.0]]> : tensor<2x2xf32>
  %z = nn.linear %x, %w {fixed.range = array<f64: -2.0, 2.0>} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  // CHECK: fixed.relu {{.*}} -> !fixed.tensor<1x2, scale = 9>
  %y = nn.relu %z {fixed.range = array<f64: 0.0, 2.0>, fixed.extra_bits = 0.25 : f64} : tensor<1x2xf32>
  %r = nn.linear %y, %w {fixed.range = array<f64: -2.0, 2.0>, fixed.extra_weight_scale = 1.5 : f64} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  return %r : tensor<1x2xf32>
}
