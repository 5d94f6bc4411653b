// RUN: gfs-opt %s --nn-recognise-quadratics | FileCheck %s

// Tests Horner's rule, with coefficients per channel and for all.
// CHECK-LABEL: @horner
// CHECK-SAME: (%[[X:.*]]: tensor<1x2x2x2xf32>)
func.func @horner(%x: tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32> {
  // CHECK-DAG: %[[A:.*]] = nn.constant dense<[2.000000e+00, -3.000000e+00]> : tensor<2xf32>
  // CHECK-DAG: %[[B:.*]] = nn.constant dense<5.000000e-01> : tensor<2xf32>
  // CHECK-DAG: %[[C:.*]] = nn.constant dense<[-1.000000e+00, 4.000000e+00]> : tensor<2xf32>
  // CHECK: %[[Y:.*]] = nn.mixed_activation %[[X]], %[[A]], %[[B]], %[[C]] : tensor<1x2x2x2xf32>, tensor<2xf32>
  // CHECK-NEXT: return %[[Y]]
  %a = nn.constant dense<[[[2.0]], [[-3.0]]]> : tensor<2x1x1xf32>
  %b = nn.constant dense<0.5> : tensor<f32>
  %c = nn.constant dense<[[[1.0]], [[-4.0]]]> : tensor<2x1x1xf32>
  %p = nn.mul %a, %x : (tensor<2x1x1xf32>, tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %q = nn.add %p, %b : (tensor<1x2x2x2xf32>, tensor<f32>) -> tensor<1x2x2x2xf32>
  %r = nn.mul %q, %x : (tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %y = nn.sub %r, %c : (tensor<1x2x2x2xf32>, tensor<2x1x1xf32>) -> tensor<1x2x2x2xf32>
  return %y : tensor<1x2x2x2xf32>
}

// Tests (x + 1)^2 + 1 of a ReLU, of which the polynomial is one: not of the ReLU's operand.
// CHECK-LABEL: @of_a_relu
func.func @of_a_relu(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // CHECK: %[[R:.*]] = nn.relu
  // CHECK: nn.mixed_activation %[[R]], %{{.*}}, %{{.*}}, %{{.*}} : tensor<1x2xf32>, tensor<2xf32>
  %r = nn.relu %x : tensor<1x2xf32>
  %one = nn.constant dense<1.0> : tensor<1xf32>
  %s = nn.add %r, %one : (tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x2xf32>
  %q = nn.square %s : tensor<1x2xf32>
  %y = nn.add %q, %one : (tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// Tests ReLUs in some channels and a quadratic in the others.
// CHECK-LABEL: @mixed
func.func @mixed(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // CHECK: nn.mixed_activation %{{.*}} {relu = array<i1: true, false>}
  %m = nn.constant dense<[1.0, 0.0]> : tensor<2xf32>
  %a = nn.constant dense<[0.0, 3.0]> : tensor<2xf32>
  %r = nn.relu %x : tensor<1x2xf32>
  %s = nn.mul %m, %r : (tensor<2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %q = nn.square %x : tensor<1x2xf32>
  %t = nn.mul %q, %a : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %y = nn.add %s, %t : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// Tests what is no quadratic of one value: degree 3, two values, a leaky ReLU, a constant that differs along the image, a linear
// expression.
// CHECK-LABEL: @kept
// CHECK-NOT: nn.mixed_activation
func.func @kept(%x: tensor<1x1x1x2xf32>, %z: tensor<1x1x1x2xf32>)
    -> (tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>) {
  %q = nn.square %x : tensor<1x1x1x2xf32>
  %cube = nn.mul %q, %x : (tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>) -> tensor<1x1x1x2xf32>
  %two = nn.mul %x, %z : (tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>) -> tensor<1x1x1x2xf32>
  %k = nn.constant dense<0.25> : tensor<1xf32>
  %r = nn.relu %x : tensor<1x1x1x2xf32>
  %s = nn.mul %x, %k : (tensor<1x1x1x2xf32>, tensor<1xf32>) -> tensor<1x1x1x2xf32>
  %leaky = nn.add %r, %s : (tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>) -> tensor<1x1x1x2xf32>
  %w = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %uneven = nn.mul %q, %w : (tensor<1x1x1x2xf32>, tensor<2xf32>) -> tensor<1x1x1x2xf32>
  %linear = nn.add %s, %k : (tensor<1x1x1x2xf32>, tensor<1xf32>) -> tensor<1x1x1x2xf32>
  return %cube, %two, %leaky, %uneven, %linear
      : tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>
}
