// RUN: gfs-opt %s --convert-nn-to-fixed="ring-bits=24 activation-bits=12 fit=false favour-weights=2" | FileCheck %s
// RUN: gfs-opt %s --convert-nn-to-fixed="ring-bits=24 activation-bits=12 fit=false equal-bits" | FileCheck %s --check-prefix=EQUAL
// RUN: not gfs-opt %s --convert-nn-to-fixed="ring-bits=24 favour-weights=17" 2>&1 | FileCheck %s --check-prefix=FAR

// Tests that half of what weights get beyond what is said is the operand's loss, and that equal bits are 12 for all: scale 11 for a
// magnitude of 2, which leaves the weights 9 of the 20 that fit.
// CHECK-LABEL: @main
// EQUAL-LABEL: @main
// FAR: option favour-weights expects -16 to 16, got 1.7
func.func @main(%x: tensor<1x2xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x2xf32> {
  %w = nn.constant dense<[[1.0, 0.5], [0.5, 1.0]]> : tensor<2x2xf32>
  %z = nn.linear %x, %w {fixed.range = array<f64: -2.0, 2.0>} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  // CHECK: fixed.relu {{.*}} -> !fixed.tensor<1x2, scale = 8>
  // EQUAL: fixed.relu {{.*}} -> !fixed.tensor<1x2, scale = 11>
  %y = nn.relu %z {fixed.range = array<f64: 0.0, 2.0>, fixed.extra_bits = 0.0 : f64} : tensor<1x2xf32>
  // CHECK: (!fixed.tensor<1x2, scale = 8>, !fixed.tensor<2x2, scale = 12>)
  // EQUAL: (!fixed.tensor<1x2, scale = 11>, !fixed.tensor<2x2, scale = 9>)
  %r = nn.linear %y, %w {fixed.range = array<f64: -2.0, 2.0>, fixed.extra_weight_scale = 2.0 : f64} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  return %r : tensor<1x2xf32>
}
