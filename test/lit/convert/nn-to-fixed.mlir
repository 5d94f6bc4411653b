// RUN: gfs-opt %s --convert-nn-to-fixed="fit=false activation-bits=11 ring-bits=24 window-bits=7" --fixed-verify-ranges=headroom=2 --split-input-file | FileCheck %s

// Tests the rules of scales on a convolution with ReLU. Input: |x| <= 2, so 11 bits are scale 10. The ReLU opens |z| <= 3:
// 2 * 3 * 2^scale < 2^22 gives scale 19, which leaves 9 for the weights. The window of 7 bits ends at 22, since
// 2 * 3 * 2^19 < 2^22 - 2^15. The result, up to 3, has scale 11 - 2 = 9: the shift is 10. The logits, up to 4, may
// have 2 * 4 * 2^scale < 2^23: scale 19, of which 9 is the activation's.

// CHECK: module attributes {fixed.ring_bits = 24 : i64}
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: !fixed.tensor<1x1x2x2, scale = 10> {fixed.name = "image", fixed.range = array<f64: -2.000000e+00, 2.000000e+00>})
// CHECK-SAME: -> (!fixed.tensor<1x2, scale = 19> {fixed.name = "logits", fixed.post = "softmax"})
func.func @main(%x: tensor<1x1x2x2xf32> {nn.name = "image", fixed.range = array<f64: -2.0, 2.0>})
    -> (tensor<1x2xf32> {nn.name = "logits"}) {
  // CHECK: %[[W:.*]] = fixed.weight dense<{{\[\[\[\[}}256, -128], [64, 1]]]]> : tensor<1x1x2x2xi32> -> !fixed.tensor<1x1x2x2, scale = 9>
  // CHECK: %[[B:.*]] = fixed.weight dense<131072> : tensor<1xi32> -> !fixed.tensor<1, scale = 19>
  // CHECK: %[[Z:.*]] = fixed.conv2d %[[X]], %[[W]] bias %[[B]] {{.*}}-> !fixed.tensor<1x1x1x1, scale = 19>
  %w = nn.constant dense<[[[[0.5, -0.25], [0.125, 0.002]]]]> : tensor<1x1x2x2xf32>
  %b = nn.constant dense<0.25> : tensor<1xf32>
  %z = nn.conv2d %x, %w bias %b {fixed.range = array<f64: -3.0, 3.0>}
      : (tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>, tensor<1xf32>) -> tensor<1x1x1x1xf32>
  // CHECK: %[[Y:.*]] = fixed.relu %[[Z]] shift 10 window [15, 22) {{.*}}-> !fixed.tensor<1x1x1x1, scale = 9>
  %y = nn.relu %z {fixed.range = array<f64: 0.0, 3.0>} : tensor<1x1x1x1xf32>
  // CHECK: %[[F:.*]] = fixed.reshape %[[Y]] {{.*}}-> !fixed.tensor<1x1, scale = 9>
  %f = nn.reshape %y {fixed.range = array<f64: 0.0, 3.0>} : tensor<1x1x1x1xf32> -> tensor<1x1xf32>
  %v = nn.constant dense<[[1.0], [-1.0]]> : tensor<2x1xf32>
  // CHECK: %[[V:.*]] = fixed.weight dense<{{\[\[}}1024], [-1024]]> : tensor<2x1xi32> -> !fixed.tensor<2x1, scale = 10>
  // CHECK: %[[O:.*]] = fixed.linear %[[F]], %[[V]]
  %o = nn.linear %f, %v {fixed.range = array<f64: -4.0, 3.0>}
      : (tensor<1x1xf32>, tensor<2x1xf32>) -> tensor<1x2xf32>
  // CHECK: return %[[O]]
  %p = nn.softmax %o {axis = 1 : i64, fixed.range = array<f64: 0.0, 1.0>} : tensor<1x2xf32>
  return %p : tensor<1x2xf32>
}

// -----

// Tests a residual: the addition asks both operands for the scale at which the ReLU opens the sum; the activation comes
// there by a power of two.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: !fixed.tensor<1x1x1x1, scale = 10>
func.func @main(%x: tensor<1x1x1x1xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x1x1x1xf32> {
  %w = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
  // CHECK: %[[Z:.*]] = fixed.conv2d {{.*}}-> !fixed.tensor<1x1x1x1, scale = 19>
  %z = nn.conv2d %x, %w {fixed.range = array<f64: -1.0, 1.0>}
      : (tensor<1x1x1x1xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x1x1xf32>
  // CHECK: %[[R:.*]] = fixed.rescale %[[X]] by 512
  // CHECK: %[[S:.*]] = fixed.add %{{.*}}, %{{.*}} : !fixed.tensor<1x1x1x1, scale = 19>
  %s = nn.add %z, %x {fixed.range = array<f64: -3.0, 3.0>}
      : (tensor<1x1x1x1xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x1x1xf32>
  // CHECK: fixed.relu %[[S]] shift 10 window [15, 22)
  %y = nn.relu %s {fixed.range = array<f64: 0.0, 3.0>} : tensor<1x1x1x1xf32>
  return %y : tensor<1x1x1x1xf32>
}

// -----

// Tests averages: over 4 elements the sum has two more bits of scale, and the ReLU before it gives up one of its own; over
// 9 the sum counts as 8 elements, and 8/9 waits for the weights: 0.5 * 8/9 * 2^7 = 56.9.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x1x7x7xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x1x1x1xf32> {
  // CHECK: fixed.relu %{{.*}} shift 1 window [6, 13) {{.*}}-> !fixed.tensor<1x1x7x7, scale = 9>
  %y = nn.relu %x {fixed.range = array<f64: 0.0, 2.0>} : tensor<1x1x7x7xf32>
  // CHECK: fixed.sum_pool2d %{{.*}} -> !fixed.tensor<1x1x3x3, scale = 11>
  %a = nn.avg_pool2d %y {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, fixed.range = array<f64: 0.0, 2.0>}
      : tensor<1x1x7x7xf32> -> tensor<1x1x3x3xf32>
  // CHECK: fixed.sum_pool2d %{{.*}} {fixed.range = array<f64: 0.000000e+00, 1.125000e+00>, {{.*}} -> !fixed.tensor<1x1x1x1, scale = 14>
  %b = nn.avg_pool2d %a {kernel = array<i64: 3, 3>, fixed.range = array<f64: 0.0, 1.0>}
      : tensor<1x1x3x3xf32> -> tensor<1x1x1x1xf32>
  // CHECK: fixed.weight dense<57> : tensor<1x1x1x1xi32> -> !fixed.tensor<1x1x1x1, scale = 7>
  %w = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
  %z = nn.conv2d %b, %w {fixed.range = array<f64: -1.0, 1.0>}
      : (tensor<1x1x1x1xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x1x1xf32>
  return %z : tensor<1x1x1x1xf32>
}

// -----

// Tests that an average over a number of elements that is no power of two is settled at the return.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x1x3x3xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x1x1x1xf32> {
  // CHECK: %[[S:.*]] = fixed.sum_pool2d %{{.*}} -> !fixed.tensor<1x1x1x1, scale = 10>
  %b = nn.avg_pool2d %x {kernel = array<i64: 3, 3>, fixed.range = array<f64: -1.0, 1.0>}
      : tensor<1x1x3x3xf32> -> tensor<1x1x1x1xf32>
  // 8/9 * 2^11 = 1820.4
  // CHECK: fixed.rescale %{{.*}} by 1820 {{.*}}-> !fixed.tensor<1x1x1x1, scale = 21>
  return %b : tensor<1x1x1x1xf32>
}

// -----

// Tests that a layer whose operand leaves too few bits for its weights gets it truncated.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x2xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x2xf32> {
  %w = nn.constant dense<0.5> : tensor<2x2xf32>
  // CHECK: %[[A:.*]] = fixed.linear %{{.*}} -> !fixed.tensor<1x2, scale = 19>
  %a = nn.linear %x, %w {fixed.range = array<f64: -2.0, 2.0>} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  // CHECK: %[[T:.*]] = fixed.truncate %[[A]] shift 9 {{.*}}-> !fixed.tensor<1x2, scale = 10>
  // CHECK: fixed.linear %[[T]]
  %b = nn.linear %a, %w {fixed.range = array<f64: -2.0, 2.0>} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  return %b : tensor<1x2xf32>
}

// -----

// Tests max-pooling before a ReLU: its window holds differences, up to 3 - (-3) = 6, so it ends one bit above that of
// values, and the demand upwards is one bit less.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x1x2x2xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x1x1x1xf32> {
  %w = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
  // CHECK: %[[Z:.*]] = fixed.conv2d {{.*}}-> !fixed.tensor<1x1x2x2, scale = 18>
  %z = nn.conv2d %x, %w {fixed.range = array<f64: -3.0, 3.0>}
      : (tensor<1x1x2x2xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x2x2xf32>
  // CHECK: %[[M:.*]] = fixed.max_pool2d %[[Z]] window [15, 22)
  %m = nn.max_pool2d %z {kernel = array<i64: 2, 2>, fixed.range = array<f64: -3.0, 3.0>}
      : tensor<1x1x2x2xf32> -> tensor<1x1x1x1xf32>
  // CHECK: fixed.relu %[[M]] shift 9 window [14, 21)
  %y = nn.relu %m {fixed.range = array<f64: 0.0, 3.0>} : tensor<1x1x1x1xf32>
  return %y : tensor<1x1x1x1xf32>
}

// -----

// Tests constants: a sum takes them at the value's scale, a product with a scalar leaves its magnitude pending and its sign
// to a rescale, a product by channel becomes a depthwise convolution.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: !fixed.tensor<1x2x1x2, scale = 10>
func.func @main(%x: tensor<1x2x1x2xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x2x1x2xf32> {
  // CHECK: %[[C:.*]] = fixed.weight dense<{{\[\[\[\[}}256, 256]], {{\[\[}}-512, -512]]]]>
  // CHECK: %[[A:.*]] = fixed.add_weight %[[X]], %[[C]]
  %c = nn.constant dense<[[[0.25]], [[-0.5]]]> : tensor<2x1x1xf32>
  %a = nn.add %x, %c {fixed.range = array<f64: -3.0, 3.0>}
      : (tensor<1x2x1x2xf32>, tensor<2x1x1xf32>) -> tensor<1x2x1x2xf32>
  // CHECK: %[[N:.*]] = fixed.rescale %[[A]] by -1
  // CHECK-SAME: fixed.range = array<f64: -3.000000e+00, 3.000000e+00>
  %s = nn.constant dense<-3.0> : tensor<f32>
  %n = nn.mul %a, %s {fixed.range = array<f64: -9.0, 9.0>}
      : (tensor<1x2x1x2xf32>, tensor<f32>) -> tensor<1x2x1x2xf32>
  // CHECK: %[[W:.*]] = fixed.weight dense<{{\[\[\[\[384\]\]\], \[\[\[768\]\]\]\]}}>
  // CHECK: fixed.conv2d %{{.*}}, %[[W]] {groups = 2 : i64}
  %k = nn.constant dense<[[[0.25]], [[0.5]]]> : tensor<2x1x1xf32>
  %m = nn.mul %n, %k {fixed.range = array<f64: -4.5, 4.5>}
      : (tensor<1x2x1x2xf32>, tensor<2x1x1xf32>) -> tensor<1x2x1x2xf32>
  return %m : tensor<1x2x1x2xf32>
}

// -----

// Tests that scales of a product of matrices add, and that a factor whose product would not fit is truncated.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<2x3x4xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<2x3x3xf32> {
  // CHECK: %[[T:.*]] = fixed.transpose
  %t = nn.transpose %x {permutation = array<i64: 0, 2, 1>, fixed.range = array<f64: -2.0, 2.0>} : tensor<2x3x4xf32> -> tensor<2x4x3xf32>
  // CHECK: %[[Y:.*]] = fixed.mat_mul %{{.*}}, %[[T]] {{.*}}: (!fixed.tensor<2x3x4, scale = 10>, !fixed.tensor<2x4x3, scale = 10>) -> !fixed.tensor<2x3x3, scale = 20>
  %y = nn.mat_mul %x, %t {fixed.range = array<f64: -1.5, 1.5>} : (tensor<2x3x4xf32>, tensor<2x4x3xf32>) -> tensor<2x3x3xf32>
  // CHECK: %[[S:.*]] = fixed.truncate %[[Y]] shift
  // CHECK: fixed.mat_mul %[[S]], %[[S]]
  %z = nn.mat_mul %y, %y {fixed.range = array<f64: -1.5, 1.5>} : (tensor<2x3x3xf32>, tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
  return %z : tensor<2x3x3xf32>
}

// -----

// Tests that knots beyond the calibrated values, here at 3 for values up to 1.6, leave room for themselves in the window:
// 2 * 1.6 * 2^scale + 3 * 2^scale < 2^22 gives scale 19 where the values alone would have 20.
// CHECK-LABEL: func.func @main
// CHECK: fixed.conv2d {{.*}}-> !fixed.tensor<1x1x1x2, scale = 19>
// CHECK: fixed.spline
func.func @main(%x: tensor<1x1x1x2xf32> {fixed.range = array<f64: -0.01, 1.6>}) -> tensor<1x1x1x2xf32> {
  %w = nn.constant dense<1.0> : tensor<1x1x1x1xf32>
  %z = nn.conv2d %x, %w {fixed.range = array<f64: -0.01, 1.6>}
      : (tensor<1x1x1x2xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x1x2xf32>
  %y = nn.function hard_sigmoid %z {parameters = array<f64: 0.16666667, 0.5>, fixed.range = array<f64: 0.49, 0.77>} : tensor<1x1x1x2xf32>
  return %y : tensor<1x1x1x2xf32>
}
