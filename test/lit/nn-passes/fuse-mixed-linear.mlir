// RUN: gfs-opt %s --nn-fuse-mixed-linear --canonicalize | FileCheck %s

// Tests that 4 x^2 + 2 x + 1 = (2 x + 0.5)^2 + 0.75 and -x^2 + 2 x + 2 = -(x - 1)^2 + 3 go into both layers: the constants
// 0.75 and 3 into the second bias, the sign into its weights.
// CHECK-LABEL: @between_layers
func.func @between_layers(%x: tensor<1x1xf32>) -> tensor<1x1xf32> {
  // CHECK-DAG: %[[W:.*]] = nn.constant dense<{{.*}}2.000000e+00{{.*}}1.000000e+00{{.*}}> : tensor<2x1xf32>
  // CHECK-DAG: %[[B:.*]] = nn.constant dense<[5.000000e-01, -1.000000e+00]> : tensor<2xf32>
  // CHECK-DAG: %[[V:.*]] = nn.constant dense<{{.*}}1.000000e+00, -2.000000e+00{{.*}}> : tensor<1x2xf32>
  // CHECK-DAG: %[[D:.*]] = nn.constant dense<6.750000e+00> : tensor<1xf32>
  // CHECK: %[[Z:.*]] = nn.linear %{{.*}}, %[[W]] bias %[[B]]
  // CHECK-NEXT: %[[Q:.*]] = nn.square %[[Z]]
  // CHECK-NEXT: %[[Y:.*]] = nn.linear %[[Q]], %[[V]] bias %[[D]]
  // CHECK-NEXT: return %[[Y]]
  %w = nn.constant dense<1.0> : tensor<2x1xf32>
  %z = nn.linear %x, %w : (tensor<1x1xf32>, tensor<2x1xf32>) -> tensor<1x2xf32>
  %a = nn.constant dense<[4.0, -1.0]> : tensor<2xf32>
  %b = nn.constant dense<2.0> : tensor<2xf32>
  %c = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %q = nn.mixed_activation %z, %a, %b, %c : tensor<1x2xf32>, tensor<2xf32>
  %v = nn.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %y = nn.linear %q, %v : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}

// Tests that each kind of channel has its gate, that a channel that is zero has none, and that the padding gets no constant.
// CHECK-LABEL: @groups
func.func @groups(%x: tensor<1x4x2x2xf32>) -> tensor<1x1x2x2xf32> {
  // CHECK: %[[S:.*]] = nn.add %{{.*}}, %{{.*}} : (tensor<1x4x2x2xf32>, tensor<4x1x1xf32>)
  // CHECK: %[[R:.*]] = nn.take %[[S]] {axis = 1 : i64, indices = array<i64: 3>}
  // CHECK: %[[RELU:.*]] = nn.relu %[[R]] : tensor<1x1x2x2xf32>
  // CHECK: %[[Q:.*]] = nn.take %[[S]] {axis = 1 : i64, indices = array<i64: 0>}
  // CHECK: %[[SQUARE:.*]] = nn.square %[[Q]] : tensor<1x1x2x2xf32>
  // CHECK: %[[PASS:.*]] = nn.take %[[S]] {axis = 1 : i64, indices = array<i64: 2>}
  // CHECK: %[[JOINED:.*]] = nn.concat %[[RELU]], %[[SQUARE]], %[[PASS]]
  // CHECK: %[[BACK:.*]] = nn.take %[[JOINED]] {axis = 1 : i64, indices = array<i64: 1, -1, 2, 0>}
  // CHECK: %[[OFFSET:.*]] = nn.add %[[BACK]]
  // CHECK: nn.conv2d %[[OFFSET]]
  %a = nn.constant dense<[1.0, 0.0, 0.0, 9.0]> : tensor<4xf32>
  %b = nn.constant dense<[2.0, 0.0, 3.0, 9.0]> : tensor<4xf32>
  %c = nn.constant dense<[5.0, 7.0, 0.0, 9.0]> : tensor<4xf32>
  %y = nn.mixed_activation %x, %a, %b, %c {relu = array<i1: false, false, false, true>} : tensor<1x4x2x2xf32>, tensor<4xf32>
  %w = nn.constant dense<1.0> : tensor<1x4x3x3xf32>
  %o = nn.conv2d %y, %w {pads = array<i64: 1, 1, 1, 1>} : (tensor<1x4x2x2xf32>, tensor<1x4x3x3xf32>) -> tensor<1x1x2x2xf32>
  return %o : tensor<1x1x2x2xf32>
}

// Tests that ReLUs in all channels are a ReLU.
// CHECK-LABEL: @all_relu
func.func @all_relu(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // CHECK-NEXT: %[[Y:.*]] = nn.relu
  // CHECK-NEXT: return %[[Y]]
  %a = nn.constant dense<1.0> : tensor<2xf32>
  %y = nn.mixed_activation %x, %a, %a, %a {relu = array<i1: true, true>} : tensor<1x2xf32>, tensor<2xf32>
  return %y : tensor<1x2xf32>
}

// Tests that coefficients that the network computes are left; nn-check-securable refuses them.
// CHECK-LABEL: @not_constant
func.func @not_constant(%x: tensor<1x2xf32>, %a: tensor<2xf32>) -> tensor<1x2xf32> {
  // CHECK-NEXT: nn.mixed_activation
  %y = nn.mixed_activation %x, %a, %a, %a : tensor<1x2xf32>, tensor<2xf32>
  return %y : tensor<1x2xf32>
}

// Tests that signs for a user that is no linear layer go into a layer of their own: negating channels would tell which.
// CHECK-LABEL: @hidden_signs
func.func @hidden_signs(%x: tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32> {
  // CHECK-NOT: nn.take
  // CHECK: %[[Q:.*]] = nn.square
  // CHECK-NOT: nn.mul
  // CHECK: %[[S:.*]] = nn.batch_norm %[[Q]]
  // CHECK: nn.add %[[S]], %arg0
  %a = nn.constant dense<[1.0, -1.0]> : tensor<2xf32>
  %z = nn.constant dense<0.0> : tensor<2xf32>
  %y = nn.mixed_activation %x, %a, %z, %z : tensor<1x2x2x2xf32>, tensor<2xf32>
  %s = nn.add %y, %x : (tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  return %s : tensor<1x2x2x2xf32>
}
