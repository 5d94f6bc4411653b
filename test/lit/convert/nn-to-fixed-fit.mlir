// RUN: gfs-opt %s --convert-nn-to-fixed="ring-bits=24 window-bits=7 activation-bits=11" --fixed-verify-ranges=headroom=2 --split-input-file | FileCheck %s

// Tests that a ReLU's operand is fitted to its window. Head-room 2 and the window's lost step make 2 * 3 * (1 + 2^-6) of 3,
// 6.094, which fills 0.762 of 8. Held without that factor, 3 becomes 3.938, and the window [15, 22) is full:
// 2 * 3.938 * 2^19 = 0.985 * 2^22. The weight and the bias are divided by it, 0.5 / 0.762 * 2^9 = 336.1; the next layer's
// multiplied, 1.0 * 0.762 * 2^11 = 1560.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x1xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x1xf32> {
  %w = nn.constant dense<0.5> : tensor<1x1xf32>
  %b = nn.constant dense<0.25> : tensor<1xf32>
  %v = nn.constant dense<1.0> : tensor<1x1xf32>
  // CHECK: fixed.weight dense<336> : tensor<1x1xi32> -> !fixed.tensor<1x1, scale = 9>
  // CHECK: fixed.weight dense<172074> : tensor<1xi32> -> !fixed.tensor<1, scale = 19>
  // CHECK: fixed.linear {{.*}}fixed.range = array<f64: -3.938{{[0-9]*}}, 3.938{{[0-9]*}}>
  %z = nn.linear %x, %w bias %b {fixed.range = array<f64: -3.0, 3.0>}
      : (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  // CHECK: fixed.relu {{.*}} window [15, 22)
  %y = nn.relu %z {fixed.range = array<f64: 0.0, 3.0>} : tensor<1x1xf32>
  // CHECK: fixed.weight dense<1560> : tensor<1x1xi32> -> !fixed.tensor<1x1, scale = 11>
  %o = nn.linear %y, %v {fixed.range = array<f64: 0.0, 3.0>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  return %o : tensor<1x1xf32>
}

// -----

// Tests that addends share one factor: both layers before the sum divide by it.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x1xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x1xf32> {
  // CHECK-COUNT-2: fixed.weight dense<336>
  // CHECK-NOT: fixed.rescale
  // CHECK: fixed.add
  %w = nn.constant dense<0.5> : tensor<1x1xf32>
  %a = nn.linear %x, %w {fixed.range = array<f64: -3.0, 3.0>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %b = nn.linear %x, %w {fixed.range = array<f64: -3.0, 3.0>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %s = nn.add %a, %b {fixed.range = array<f64: -3.0, 3.0>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %y = nn.relu %s {fixed.range = array<f64: 0.0, 3.0>} : tensor<1x1xf32>
  %o = nn.linear %y, %w {fixed.range = array<f64: 0.0, 3.0>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  return %o : tensor<1x1xf32>
}

// -----

// Tests that what is returned, and what is summed with an input, has no factor: the client knows of none.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x1xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> (tensor<1x1xf32>, tensor<1x1xf32>) {
  // CHECK: fixed.weight dense<256>
  // CHECK: fixed.weight dense<256>
  %w = nn.constant dense<0.5> : tensor<1x1xf32>
  %a = nn.linear %x, %w {fixed.range = array<f64: -3.0, 3.0>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %y = nn.relu %a {fixed.range = array<f64: 0.0, 3.0>} : tensor<1x1xf32>
  %b = nn.linear %x, %w {fixed.range = array<f64: -3.0, 3.0>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %s = nn.add %b, %x {fixed.range = array<f64: -3.0, 3.0>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %u = nn.relu %s {fixed.range = array<f64: 0.0, 3.0>} : tensor<1x1xf32>
  %o = nn.linear %u, %w {fixed.range = array<f64: 0.0, 3.0>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  return %y, %o : tensor<1x1xf32>, tensor<1x1xf32>
}
