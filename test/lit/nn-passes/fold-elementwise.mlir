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

// Tests that what scales a layer's operand goes into the layer: w = [1 2] becomes [2 6], and 1 * 1 + 2 * -1 into the bias.
// CHECK-LABEL: @before_layer
// CHECK-SAME: (%[[X:.*]]: tensor<1x2x1x1xf32>)
func.func @before_layer(%x: tensor<1x2x1x1xf32>) -> tensor<1x1x1x1xf32> {
  // CHECK-DAG: %[[W:.*]] = nn.constant dense<{{.*}}2.000000e+00{{.*}}6.000000e+00{{.*}}> : tensor<1x2x1x1xf32>
  // CHECK-DAG: %[[B:.*]] = nn.constant dense<-1.000000e+00> : tensor<1xf32>
  // CHECK: %[[Z:.*]] = nn.conv2d %[[X]], %[[W]] bias %[[B]]
  // CHECK-NEXT: return %[[Z]]
  %f = nn.constant dense<[[[2.0]], [[3.0]]]> : tensor<2x1x1xf32>
  %p = nn.mul %x, %f : (tensor<1x2x1x1xf32>, tensor<2x1x1xf32>) -> tensor<1x2x1x1xf32>
  %o = nn.constant dense<[[[1.0]], [[-1.0]]]> : tensor<2x1x1xf32>
  %s = nn.add %p, %o : (tensor<1x2x1x1xf32>, tensor<2x1x1xf32>) -> tensor<1x2x1x1xf32>
  %w = nn.constant dense<[[[[1.0]], [[2.0]]]]> : tensor<1x2x1x1xf32>
  %z = nn.conv2d %s, %w : (tensor<1x2x1x1xf32>, tensor<1x2x1x1xf32>) -> tensor<1x1x1x1xf32>
  return %z : tensor<1x1x1x1xf32>
}

// Tests that in two groups each output channel has the factors of its own input channels.
// CHECK-LABEL: @before_groups
func.func @before_groups(%x: tensor<1x2x1x1xf32>) -> tensor<1x2x1x1xf32> {
  // CHECK: nn.constant dense<{{.*}}2.000000e+00{{.*}}3.000000e+00{{.*}}> : tensor<2x1x1x1xf32>
  // CHECK-NOT: nn.mul
  %f = nn.constant dense<[[[2.0]], [[3.0]]]> : tensor<2x1x1xf32>
  %p = nn.mul %x, %f : (tensor<1x2x1x1xf32>, tensor<2x1x1xf32>) -> tensor<1x2x1x1xf32>
  %w = nn.constant dense<1.0> : tensor<2x1x1x1xf32>
  %z = nn.conv2d %p, %w {groups = 2 : i64} : (tensor<1x2x1x1xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x1x1xf32>
  return %z : tensor<1x2x1x1xf32>
}

// Tests that an offset stays before a convolution with padding, whose zeros have none; a factor does not.
// CHECK-LABEL: @before_padding
func.func @before_padding(%x: tensor<1x1x1x1xf32>) -> (tensor<1x1x1x3xf32>, tensor<1x1x1x3xf32>) {
  // CHECK: nn.add
  // CHECK-NOT: nn.mul
  %c = nn.constant dense<2.0> : tensor<f32>
  %w = nn.constant dense<1.0> : tensor<1x1x1x1xf32>
  %a = nn.add %x, %c : (tensor<1x1x1x1xf32>, tensor<f32>) -> tensor<1x1x1x1xf32>
  %y = nn.conv2d %a, %w {pads = array<i64: 0, 1, 0, 1>} : (tensor<1x1x1x1xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x1x3xf32>
  %m = nn.mul %x, %c : (tensor<1x1x1x1xf32>, tensor<f32>) -> tensor<1x1x1x1xf32>
  %z = nn.conv2d %m, %w {pads = array<i64: 0, 1, 0, 1>} : (tensor<1x1x1x1xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x1x3xf32>
  return %y, %z : tensor<1x1x1x3xf32>, tensor<1x1x1x3xf32>
}
