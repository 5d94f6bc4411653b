// RUN: gfs-opt %s --convert-nn-to-fixed --split-input-file | FileCheck %s

// Tests that a scalar that may have been trained is a weight, in a layer of its own, sign included.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x2x2x2xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x2x2x2xf32> {
  // CHECK-NOT: fixed.rescale %arg0, -1
  // CHECK: fixed.conv2d {{.*}}groups = 2 : i64}
  %c = nn.constant dense<-0.2371> : tensor<f32>
  %y = nn.mul %x, %c {fixed.range = array<f64: -0.5, 0.5>} : (tensor<1x2x2x2xf32>, tensor<f32>) -> tensor<1x2x2x2xf32>
  return %y : tensor<1x2x2x2xf32>
}

// -----

// Tests that round numbers, and what is marked as an operator's own, are scalings that servers do alone.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x2x2x2xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x2x2x2xf32> {
  // CHECK-NOT: fixed.conv2d
  // CHECK: return
  %c = nn.constant dense<-0.25> : tensor<f32>
  %d = nn.constant dense<0.00392156886> : tensor<f32>
  %e = nn.constant dense<0.2371> : tensor<f32>
  %y = nn.mul %x, %c {fixed.range = array<f64: -0.5, 0.5>} : (tensor<1x2x2x2xf32>, tensor<f32>) -> tensor<1x2x2x2xf32>
  %z = nn.mul %y, %d {fixed.range = array<f64: -0.002, 0.002>} : (tensor<1x2x2x2xf32>, tensor<f32>) -> tensor<1x2x2x2xf32>
  %u = nn.mul %z, %e {nn.public_factor, fixed.range = array<f64: -0.0005, 0.0005>} : (tensor<1x2x2x2xf32>, tensor<f32>) -> tensor<1x2x2x2xf32>
  return %u : tensor<1x2x2x2xf32>
}
