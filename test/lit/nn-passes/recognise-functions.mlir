// RUN: gfs-opt %s --nn-recognise-functions | FileCheck %s

// Tests x sigmoid(x), and that a slope becomes the parameter, wherever the product's operands stand.
// CHECK-LABEL: @silu
// CHECK-SAME: %[[X:.*]]: tensor
func.func @silu(%x: tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>) {
  // CHECK-NEXT: nn.function silu %[[X]] {parameters = array<f64: 1.000000e+00>}
  %s = nn.function sigmoid %x : tensor<1x4xf32>
  %y = nn.mul %x, %s : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: nn.function silu %[[X]] {parameters = array<f64: 1.5{{0*}}e+00>}
  %a = nn.constant dense<1.5> : tensor<f32>
  %ax = nn.mul %a, %x : (tensor<f32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %t = nn.function sigmoid %ax : tensor<1x4xf32>
  %z = nn.mul %t, %x : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: return
  return %y, %z : tensor<1x4xf32>, tensor<1x4xf32>
}

// CHECK-LABEL: @mish
// CHECK-SAME: %[[X:.*]]: tensor
func.func @mish(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  // CHECK-NEXT: nn.function mish %[[X]]
  // CHECK-NEXT: return
  %s = nn.function softplus %x : tensor<1x4xf32>
  %t = nn.function tanh %s : tensor<1x4xf32>
  %y = nn.mul %x, %t : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// Tests PyTorch's x (1 + erf(x / sqrt 2)) / 2, and TensorFlow's (x / 2) (1 + erf).
// CHECK-LABEL: @gelu
// CHECK-SAME: %[[X:.*]]: tensor
func.func @gelu(%x: tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>) {
  %k = nn.constant dense<0.707106769> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %a = nn.mul %x, %k : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  %e = nn.function erf %a : tensor<1x4xf32>
  %g = nn.add %e, %one : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  // CHECK: %[[Y:.*]] = nn.function gelu %[[X]]
  %p = nn.mul %x, %g : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %y = nn.mul %p, %half : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  // CHECK: %[[Z:.*]] = nn.function gelu %[[X]]
  // CHECK-NOT: nn.mul
  %h = nn.mul %half, %x : (tensor<f32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %z = nn.mul %h, %g : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: return %[[Y]], %[[Z]]
  return %y, %z : tensor<1x4xf32>, tensor<1x4xf32>
}

// CHECK-LABEL: @gelu_tanh
// CHECK-SAME: %[[X:.*]]: tensor
func.func @gelu_tanh(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %c = nn.constant dense<0.044715> : tensor<f32>
  %k = nn.constant dense<0.797884583> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %q = nn.square %x : tensor<1x4xf32>
  %x3 = nn.mul %q, %x : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %cx3 = nn.mul %x3, %c : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  %s = nn.add %x, %cx3 : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %u = nn.mul %s, %k : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  %t = nn.function tanh %u : tensor<1x4xf32>
  %g = nn.add %t, %one : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  %h = nn.mul %x, %half : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  // CHECK: %[[Y:.*]] = nn.function gelu_tanh %[[X]]
  // CHECK-NEXT: return %[[Y]]
  %y = nn.mul %h, %g : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// Tests ReLU6(x + 3) / 6 and x times it, and a factor that is left over.
// CHECK-LABEL: @hard
// CHECK-SAME: %[[X:.*]]: tensor
func.func @hard(%x: tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>) {
  %three = nn.constant dense<3.0> : tensor<f32>
  %sixth = nn.constant dense<0.166666672> : tensor<f32>
  %third = nn.constant dense<0.333333343> : tensor<f32>
  %s = nn.add %x, %three : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  %c = nn.function clip %s {parameters = array<f64: 0.0, 6.0>} : tensor<1x4xf32>
  // CHECK: %[[F:.*]] = nn.constant dense<2.000000e+00>
  // CHECK: %[[A:.*]] = nn.function hard_sigmoid %[[X]] {parameters = array<f64: 0.1666{{[0-9]*}}, 5.000000e-01>}
  %a = nn.mul %c, %sixth : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  // CHECK: %[[B:.*]] = nn.function hard_swish %[[X]]
  %p = nn.mul %x, %c : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %b = nn.mul %p, %sixth : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  // CHECK: %[[H:.*]] = nn.function hard_swish %[[X]]
  // CHECK: %[[D:.*]] = nn.mul %[[H]], %[[F]]
  %r = nn.mul %x, %c : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %d = nn.mul %r, %third : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  // CHECK: %[[E:.*]] = nn.function hard_swish %[[X]]
  %hs = nn.function hard_sigmoid %x {parameters = array<f64: 0.16666667, 0.5>} : tensor<1x4xf32>
  %e = nn.mul %hs, %x : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK: return %[[A]], %[[B]], %[[D]], %[[E]]
  return %a, %b, %d, %e : tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>
}

// Tests what only looks alike: a gate of another value, another constant, a sigmoid of a falling line, a clip from elsewhere.
// CHECK-LABEL: @others
func.func @others(%x: tensor<1x4xf32>, %v: tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>) {
  // CHECK-NOT: silu
  // CHECK-NOT: gelu
  // CHECK-NOT: hard_sigmoid
  // CHECK: return
  %s = nn.function sigmoid %v : tensor<1x4xf32>
  %a = nn.mul %x, %s : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %k = nn.constant dense<0.7> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %kx = nn.mul %x, %k : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  %e = nn.function erf %kx : tensor<1x4xf32>
  %g = nn.add %e, %one : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  %b = nn.mul %x, %g : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %m = nn.constant dense<-1.0> : tensor<f32>
  %mx = nn.mul %x, %m : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  %f = nn.function sigmoid %mx : tensor<1x4xf32>
  %c = nn.mul %x, %f : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %cl = nn.function clip %x {parameters = array<f64: -1.0, 6.0>} : tensor<1x4xf32>
  %sixth = nn.constant dense<0.166666672> : tensor<f32>
  %d = nn.mul %cl, %sixth : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  return %a, %b, %c, %d : tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>
}

// Tests inverse roots, either way round; another function of a root is none.
// CHECK-LABEL: @inverse_roots
func.func @inverse_roots(%x: tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>) {
  // CHECK: %[[S:.*]] = nn.function sqrt %arg0
  // CHECK: %[[A:.*]] = nn.function rsqrt %arg0
  %s = nn.function sqrt %x : tensor<1x4xf32>
  %a = nn.function reciprocal %s : tensor<1x4xf32>
  // CHECK: %[[B:.*]] = nn.function rsqrt %arg0
  %r = nn.function reciprocal %x : tensor<1x4xf32>
  %b = nn.function sqrt %r : tensor<1x4xf32>
  // CHECK: %[[C:.*]] = nn.function log %[[S]]
  %c = nn.function log %s : tensor<1x4xf32>
  // CHECK: return %[[A]], %[[B]], %[[C]]
  return %a, %b, %c : tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>
}
