// RUN: gfs-opt %s --nn-expand-softmax | FileCheck %s

// Tests that a softmax that more follows is made of a maximum, exponentials, their sum and its inverse, and that the
// sum's factor, the number of elements, is public.
// CHECK-LABEL: @inside
func.func @inside(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  // CHECK: %[[T:.*]] = nn.transpose %[[X:.*]] {permutation = array<i64: 0, 2, 1>} : tensor<2x3x4xf32> -> tensor<2x4x3xf32>
  // CHECK: %[[R:.*]] = nn.reshape %[[T]] : tensor<2x4x3xf32> -> tensor<1x8x3x1xf32>
  // CHECK: %[[P:.*]] = nn.max_pool2d %[[R]] {kernel = array<i64: 3, 1>} : tensor<1x8x3x1xf32> -> tensor<1x8x1x1xf32>
  // CHECK: %[[M:.*]] = nn.reshape %[[P]] : tensor<1x8x1x1xf32> -> tensor<2x1x4xf32>
  // CHECK: %[[D:.*]] = nn.sub %[[X]], %[[M]] : (tensor<2x3x4xf32>, tensor<2x1x4xf32>) -> tensor<2x3x4xf32>
  // CHECK: %[[E:.*]] = nn.function exp %[[D]] {at_most = 0.000000e+00 : f64} : tensor<2x3x4xf32>
  // CHECK: nn.avg_pool2d %{{.*}} {kernel = array<i64: 3, 1>} : tensor<1x8x3x1xf32> -> tensor<1x8x1x1xf32>
  // CHECK: %[[A:.*]] = nn.reshape
  // CHECK: %[[N:.*]] = nn.constant dense<3.000000e+00> : tensor<f32>
  // CHECK: %[[S:.*]] = nn.mul %[[A]], %[[N]] {nn.public_factor} : (tensor<2x1x4xf32>, tensor<f32>) -> tensor<2x1x4xf32>
  // CHECK: %[[I:.*]] = nn.function reciprocal %[[S]] : tensor<2x1x4xf32>
  // CHECK: %[[Y:.*]] = nn.mul %[[E]], %[[I]] : (tensor<2x3x4xf32>, tensor<2x1x4xf32>) -> tensor<2x3x4xf32>
  // CHECK-NOT: nn.softmax
  // CHECK: nn.relu %[[Y]]
  %y = nn.softmax %x {axis = 1 : i64} : tensor<2x3x4xf32>
  %z = nn.relu %y : tensor<2x3x4xf32>
  return %z : tensor<2x3x4xf32>
}

// Tests that along the last axis nothing is transposed, and that a log_softmax needs no quotient.
// CHECK-LABEL: @logarithm
func.func @logarithm(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  // CHECK-NOT: nn.transpose
  // CHECK: %[[D:.*]] = nn.sub
  // CHECK: nn.function exp %[[D]]
  // CHECK-NOT: nn.function reciprocal
  // CHECK: %[[L:.*]] = nn.function log %{{.*}} : tensor<1x1xf32>
  // CHECK: nn.sub %[[D]], %[[L]] : (tensor<1x4xf32>, tensor<1x1xf32>) -> tensor<1x4xf32>
  %y = nn.log_softmax %x {axis = 1 : i64} : tensor<1x4xf32>
  %z = nn.square %y : tensor<1x4xf32>
  return %z : tensor<1x4xf32>
}

// Tests that the quotient comes behind a layer that sums over the axis and makes fewer elements; its bias is added last.
// CHECK-LABEL: @head
func.func @head(%x: tensor<1x16x4x5xf32>, %u: tensor<1x4xf32>) -> (tensor<1x1x4x5xf32>, tensor<1x2xf32>) {
  %w = nn.constant dense<2.0> : tensor<1x16x1x1xf32>
  %b = nn.constant dense<3.0> : tensor<1xf32>
  %v = nn.constant dense<2.0> : tensor<2x4xf32>
  // CHECK: %[[E:.*]] = nn.function exp
  // CHECK: %[[I:.*]] = nn.function reciprocal %{{.*}} : tensor<1x1x4x5xf32>
  // CHECK: %[[C:.*]] = nn.conv2d %[[E]], %{{.*}} : (tensor<1x16x4x5xf32>, tensor<1x16x1x1xf32>) -> tensor<1x1x4x5xf32>
  // CHECK: %[[Q:.*]] = nn.mul %[[C]], %[[I]]
  // CHECK: %[[B:.*]] = nn.reshape %{{.*}} : tensor<1xf32> -> tensor<1x1x1x1xf32>
  // CHECK: nn.add %[[Q]], %[[B]]
  %p = nn.softmax %x {axis = 1 : i64} : tensor<1x16x4x5xf32>
  %y = nn.conv2d %p, %w bias %b : (tensor<1x16x4x5xf32>, tensor<1x16x1x1xf32>, tensor<1xf32>) -> tensor<1x1x4x5xf32>
  // CHECK: %[[L:.*]] = nn.linear %{{.*}}, %{{.*}} : (tensor<1x4xf32>, tensor<2x4xf32>) -> tensor<1x2xf32>
  // CHECK: nn.mul %[[L]], %{{.*}} : (tensor<1x2xf32>, tensor<1x1xf32>) -> tensor<1x2xf32>
  %q = nn.softmax %u {axis = 1 : i64} : tensor<1x4xf32>
  %z = nn.linear %q, %v : (tensor<1x4xf32>, tensor<2x4xf32>) -> tensor<1x2xf32>
  return %y, %z : tensor<1x1x4x5xf32>, tensor<1x2xf32>
}

// Tests that it stays before a layer that sums over more than the axis, over another axis, or makes more elements.
// CHECK-LABEL: @other_layers
func.func @other_layers(%x: tensor<1x2x4x4xf32>) -> (tensor<1x1x3x3xf32>, tensor<1x1x4x4xf32>, tensor<1x3x4x4xf32>) {
  %w = nn.constant dense<2.0> : tensor<1x2x2x2xf32>
  %v = nn.constant dense<2.0> : tensor<1x2x1x1xf32>
  %u = nn.constant dense<2.0> : tensor<3x2x1x1xf32>
  // CHECK-COUNT-3: nn.conv2d
  // CHECK-NOT: nn.mul
  %p = nn.softmax %x {axis = 1 : i64} : tensor<1x2x4x4xf32>
  %a = nn.conv2d %p, %w : (tensor<1x2x4x4xf32>, tensor<1x2x2x2xf32>) -> tensor<1x1x3x3xf32>
  %q = nn.softmax %x {axis = 2 : i64} : tensor<1x2x4x4xf32>
  %b = nn.conv2d %q, %v : (tensor<1x2x4x4xf32>, tensor<1x2x1x1xf32>) -> tensor<1x1x4x4xf32>
  %r = nn.softmax %x {axis = 1 : i64} : tensor<1x2x4x4xf32>
  %c = nn.conv2d %r, %u : (tensor<1x2x4x4xf32>, tensor<3x2x1x1xf32>) -> tensor<1x3x4x4xf32>
  return %a, %b, %c : tensor<1x1x3x3xf32>, tensor<1x1x4x4xf32>, tensor<1x3x4x4xf32>
}

// Tests that the client keeps a softmax of an output, also where it is used inside as well.
// CHECK-LABEL: @outputs
func.func @outputs(%x: tensor<1x2x3xf32>) -> (tensor<1x2x3xf32>, tensor<1x2x3xf32>) {
  // CHECK: %[[S:.*]] = nn.softmax %[[X:.*]] {axis = 1 : i64} : tensor<1x2x3xf32>
  // CHECK: %[[R:.*]] = nn.relu
  // CHECK: return %[[S]], %[[R]]
  %s = nn.softmax %x {axis = 1 : i64} : tensor<1x2x3xf32>
  %r = nn.relu %s : tensor<1x2x3xf32>
  return %s, %r : tensor<1x2x3xf32>, tensor<1x2x3xf32>
}
