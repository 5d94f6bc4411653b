// RUN: gfs-opt %s --pass-pipeline='builtin.module(func.func(fixed-fold))' | FileCheck %s

// Tests that rescales become one, and one by 1 goes away.
// CHECK-LABEL: @rescale
func.func @rescale(%x: !fixed.tensor<4, scale = 9>) -> (!fixed.tensor<4, scale = 12>, !fixed.tensor<4, scale = 9>) {
  // CHECK-NEXT: %[[R:.*]] = fixed.rescale %[[X:.*]] by 8 {fixed.range = array<f64: -1.000000e+00, 2.000000e+00>}
  // CHECK-NEXT: return %[[R]], %[[X]]
  %a = fixed.rescale %x by 4 : !fixed.tensor<4, scale = 9> -> !fixed.tensor<4, scale = 11>
  %b = fixed.rescale %a by 2 {fixed.range = array<f64: -1.0, 2.0>}
      : !fixed.tensor<4, scale = 11> -> !fixed.tensor<4, scale = 12>
  %c = fixed.rescale %x by 1 : !fixed.tensor<4, scale = 9> -> !fixed.tensor<4, scale = 9>
  return %b, %c : !fixed.tensor<4, scale = 12>, !fixed.tensor<4, scale = 9>
}

// Tests that a rescale by 1 that changes the meaning stays, and that an overflowing product is left alone.
// CHECK-LABEL: @rescale_kept
func.func @rescale_kept(%x: !fixed.tensor<4, scale = 9>)
    -> (!fixed.tensor<4, scale = 10>, !fixed.tensor<4, scale = 9>) {
  // CHECK: by 1 :
  // CHECK: by 4294967296
  // CHECK: by 4294967296
  %a = fixed.rescale %x by 1 : !fixed.tensor<4, scale = 9> -> !fixed.tensor<4, scale = 10>
  %b = fixed.rescale %x by 4294967296 : !fixed.tensor<4, scale = 9> -> !fixed.tensor<4, scale = 9>
  %c = fixed.rescale %b by 4294967296 : !fixed.tensor<4, scale = 9> -> !fixed.tensor<4, scale = 9>
  return %a, %c : !fixed.tensor<4, scale = 10>, !fixed.tensor<4, scale = 9>
}

// Tests that shape operations join, to nothing where they cancel.
// CHECK-LABEL: @shapes
func.func @shapes(%x: !fixed.tensor<2x3, scale = 9>)
    -> (!fixed.tensor<2x3, scale = 9>, !fixed.tensor<2x3, scale = 9>, !fixed.tensor<3x2, scale = 9>) {
  // CHECK-NEXT: %[[R:.*]] = fixed.reshape %[[X:.*]] : !fixed.tensor<2x3, scale = 9> -> !fixed.tensor<3x2, scale = 9>
  // CHECK-NEXT: return %[[X]], %[[X]], %[[R]]
  %a = fixed.reshape %x : !fixed.tensor<2x3, scale = 9> -> !fixed.tensor<6, scale = 9>
  %b = fixed.reshape %a : !fixed.tensor<6, scale = 9> -> !fixed.tensor<2x3, scale = 9>
  %c = fixed.transpose %x {permutation = array<i64: 1, 0>}
      : !fixed.tensor<2x3, scale = 9> -> !fixed.tensor<3x2, scale = 9>
  %d = fixed.transpose %c {permutation = array<i64: 1, 0>}
      : !fixed.tensor<3x2, scale = 9> -> !fixed.tensor<2x3, scale = 9>
  %e = fixed.reshape %a : !fixed.tensor<6, scale = 9> -> !fixed.tensor<3x2, scale = 9>
  return %b, %d, %e : !fixed.tensor<2x3, scale = 9>, !fixed.tensor<2x3, scale = 9>, !fixed.tensor<3x2, scale = 9>
}

// Tests that takes along one axis join, zeros staying zeros; along two axes they stay.
// CHECK-LABEL: @takes
func.func @takes(%x: !fixed.tensor<2x3, scale = 9>)
    -> (!fixed.tensor<2x4, scale = 9>, !fixed.tensor<1x4, scale = 9>, !fixed.tensor<2x3, scale = 9>) {
  // CHECK-NEXT: %[[J:.*]] = fixed.take %[[X:.*]] {axis = 1 : i64, indices = array<i64: -1, 2, -1, 0>}
  // CHECK-NEXT: %[[K:.*]] = fixed.take %[[J]] {axis = 0 : i64, indices = array<i64: 1>}
  // CHECK-NEXT: return %[[J]], %[[K]], %[[X]]
  %a = fixed.take %x {axis = 1 : i64, indices = array<i64: 0, -1, 2>}
      : !fixed.tensor<2x3, scale = 9> -> !fixed.tensor<2x3, scale = 9>
  %b = fixed.take %a {axis = 1 : i64, indices = array<i64: 1, 2, -1, 0>}
      : !fixed.tensor<2x3, scale = 9> -> !fixed.tensor<2x4, scale = 9>
  %c = fixed.take %b {axis = 0 : i64, indices = array<i64: 1>}
      : !fixed.tensor<2x4, scale = 9> -> !fixed.tensor<1x4, scale = 9>
  %d = fixed.concat %x {axis = 0 : i64} : (!fixed.tensor<2x3, scale = 9>) -> !fixed.tensor<2x3, scale = 9>
  return %b, %c, %d : !fixed.tensor<2x4, scale = 9>, !fixed.tensor<1x4, scale = 9>, !fixed.tensor<2x3, scale = 9>
}

// Tests that two added weights become their sum.
// CHECK-LABEL: @add_weights
func.func @add_weights(%x: !fixed.tensor<2, scale = 9>) -> !fixed.tensor<2, scale = 9> {
  // CHECK: %[[W:.*]] = fixed.weight dense<[11, -18]> : tensor<2xi32>
  // CHECK-NEXT: %[[Y:.*]] = fixed.add_weight %{{.*}}, %[[W]]
  // CHECK-NEXT: return %[[Y]]
  %v = fixed.weight dense<[1, 2]> : tensor<2xi32> -> !fixed.tensor<2, scale = 9>
  %w = fixed.weight dense<[10, -20]> : tensor<2xi32> -> !fixed.tensor<2, scale = 9>
  %a = fixed.add_weight %x, %v : !fixed.tensor<2, scale = 9>
  %b = fixed.add_weight %a, %w : !fixed.tensor<2, scale = 9>
  return %b : !fixed.tensor<2, scale = 9>
}

// Tests that truncations stay two: rounding twice is not rounding once.
// CHECK-LABEL: @truncate_kept
func.func @truncate_kept(%x: !fixed.tensor<4, scale = 9>) -> !fixed.tensor<4, scale = 6> {
  // CHECK-COUNT-2: fixed.truncate
  %a = fixed.truncate %x shift 1 : !fixed.tensor<4, scale = 9> -> !fixed.tensor<4, scale = 8>
  %b = fixed.truncate %a shift 2 : !fixed.tensor<4, scale = 8> -> !fixed.tensor<4, scale = 6>
  return %b : !fixed.tensor<4, scale = 6>
}
