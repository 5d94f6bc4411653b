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

// Tests that padding keeps an offset out of the layer's bias but not out of its operand: f = 2, o = 3 - 2 * 1 = 1, o / f = 0.5.
// CHECK-LABEL: @padded
// CHECK-SAME: (%[[X:.*]]: tensor<1x1x2x2xf32>)
func.func @padded(%x: tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32> {
  // CHECK-DAG: %[[O:.*]] = nn.constant dense<5.000000e-01> : tensor<1x1x1xf32>
  // CHECK-DAG: %[[W:.*]] = nn.constant dense<1.000000e+01> : tensor<1x1x3x3xf32>
  // CHECK: %[[S:.*]] = nn.add %[[X]], %[[O]]
  // CHECK: nn.conv2d %[[S]], %[[W]]
  %s = nn.constant dense<2.0> : tensor<1xf32>
  %b = nn.constant dense<3.0> : tensor<1xf32>
  %m = nn.constant dense<1.0> : tensor<1xf32>
  %v = nn.constant dense<1.0> : tensor<1xf32>
  %n = nn.batch_norm %x, %s, %b, %m, %v {epsilon = 0.0 : f64} : tensor<1x1x2x2xf32>, tensor<1xf32>
  %w = nn.constant dense<5.0> : tensor<1x1x3x3xf32>
  %z = nn.conv2d %n, %w {pads = array<i64: 1, 1, 1, 1>} : (tensor<1x1x2x2xf32>, tensor<1x1x3x3xf32>) -> tensor<1x1x2x2xf32>
  return %z : tensor<1x1x2x2xf32>
}

// Tests that positive factors pass a ReLU and a pooling.
// CHECK-LABEL: @chain
// CHECK-SAME: (%[[X:.*]]: tensor<1x2x2x2xf32>)
func.func @chain(%x: tensor<1x2x2x2xf32>) -> tensor<1x1x1x1xf32> {
  // CHECK-DAG: %[[O:.*]] = nn.constant dense<{{.*}}1.000000e+00{{.*}}-1.000000e+00{{.*}}> : tensor<2x1x1xf32>
  // CHECK-DAG: %[[W:.*]] = nn.constant dense<{{.*}}1.500000e+00{{.*}}4.000000e+00{{.*}}> : tensor<1x2x1x1xf32>
  // CHECK: %[[S:.*]] = nn.add %[[X]], %[[O]]
  // CHECK-NEXT: %[[R:.*]] = nn.relu %[[S]]
  // CHECK-NEXT: %[[P:.*]] = nn.avg_pool2d %[[R]]
  // CHECK-NEXT: nn.conv2d %[[P]], %[[W]]
  %s = nn.constant dense<[0.5, 4.0]> : tensor<2xf32>
  %b = nn.constant dense<[0.5, -4.0]> : tensor<2xf32>
  %m = nn.constant dense<0.0> : tensor<2xf32>
  %v = nn.constant dense<1.0> : tensor<2xf32>
  %n = nn.batch_norm %x, %s, %b, %m, %v {epsilon = 0.0 : f64} : tensor<1x2x2x2xf32>, tensor<2xf32>
  %r = nn.relu %n : tensor<1x2x2x2xf32>
  %p = nn.avg_pool2d %r {kernel = array<i64: 2, 2>} : tensor<1x2x2x2xf32> -> tensor<1x2x1x1xf32>
  %w = nn.constant dense<[[[[3.0]], [[1.0]]]]> : tensor<1x2x1x1xf32>
  %z = nn.conv2d %p, %w : (tensor<1x2x1x1xf32>, tensor<1x2x1x1xf32>) -> tensor<1x1x1x1xf32>
  return %z : tensor<1x1x1x1xf32>
}

// Tests what keeps a normalisation before a ReLU: a negative factor; a shift far beyond the values; another use.
// CHECK-LABEL: @unpassable
func.func @unpassable(%x: tensor<1x1x2x2xf32>) -> (tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>) {
  // CHECK-COUNT-3: nn.batch_norm
  %0 = nn.constant dense<0.0> : tensor<1xf32>
  %1 = nn.constant dense<1.0> : tensor<1xf32>
  %neg = nn.constant dense<-1.0> : tensor<1xf32>
  %far = nn.constant dense<100.0> : tensor<1xf32>
  %w = nn.constant dense<1.0> : tensor<1x1x1x1xf32>
  %a = nn.batch_norm %x, %neg, %0, %0, %1 {epsilon = 0.0 : f64} : tensor<1x1x2x2xf32>, tensor<1xf32>
  %ar = nn.relu %a : tensor<1x1x2x2xf32>
  %az = nn.conv2d %ar, %w : (tensor<1x1x2x2xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x2x2xf32>
  %b = nn.batch_norm %x, %1, %far, %0, %1 {epsilon = 0.0 : f64} : tensor<1x1x2x2xf32>, tensor<1xf32>
  %br = nn.relu %b : tensor<1x1x2x2xf32>
  %bz = nn.conv2d %br, %w : (tensor<1x1x2x2xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x2x2xf32>
  %c = nn.batch_norm %x, %1, %1, %0, %1 {epsilon = 0.0 : f64} : tensor<1x1x2x2xf32>, tensor<1xf32>
  %cr = nn.relu %c : tensor<1x1x2x2xf32>
  %cz = nn.conv2d %cr, %w : (tensor<1x1x2x2xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x2x2xf32>
  return %az, %bz, %cz, %c : tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>
}

// Tests that a factor and an offset written behind a normalisation go into it: 3 (2 x + 1) - 3 = 6 x + 0.
// CHECK-LABEL: @written_behind
func.func @written_behind(%x: tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32> {
  // CHECK-DAG: %[[S:.*]] = nn.constant dense<6.000000e+00> : tensor<1xf32>
  // CHECK-DAG: %[[B:.*]] = nn.constant dense<0.000000e+00> : tensor<1xf32>
  // CHECK: %[[N:.*]] = nn.batch_norm %{{.*}}, %[[S]], %[[B]]
  // CHECK-NEXT: return %[[N]]
  %s = nn.constant dense<2.0> : tensor<1xf32>
  %b = nn.constant dense<1.0> : tensor<1xf32>
  %m = nn.constant dense<0.5> : tensor<1xf32>
  %n = nn.batch_norm %x, %s, %b, %m, %b {epsilon = 0.0 : f64} : tensor<1x1x2x2xf32>, tensor<1xf32>
  %f = nn.constant dense<3.0> : tensor<1x1x1xf32>
  %y = nn.mul %n, %f : (tensor<1x1x2x2xf32>, tensor<1x1x1xf32>) -> tensor<1x1x2x2xf32>
  %z = nn.sub %y, %f : (tensor<1x1x2x2xf32>, tensor<1x1x1xf32>) -> tensor<1x1x2x2xf32>
  return %z : tensor<1x1x2x2xf32>
}
