// RUN: gfs-opt %s | gfs-opt | FileCheck %s
// RUN: gfs-opt %s --mlir-print-op-generic | gfs-opt | FileCheck %s

// Tests that every operation prints and parses, pretty and generic.

// CHECK: module attributes {fixed.ring_bits = 32 : i64}
module attributes {fixed.ring_bits = 32 : i64} {

// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: !fixed.tensor<1x3x8x8, scale = 11> {fixed.name = "image"}
// CHECK-SAME: -> (!fixed.tensor<1x10, scale = 20> {fixed.name = "logits", fixed.post = "softmax"})
func.func @main(%x: !fixed.tensor<1x3x8x8, scale = 11> {fixed.name = "image"})
    -> (!fixed.tensor<1x10, scale = 20> {fixed.name = "logits", fixed.post = "softmax"}) {
  // CHECK: %[[W:.*]] = fixed.weight dense<1> : tensor<4x3x3x3xi32> -> !fixed.tensor<4x3x3x3, scale = 12>
  %w = fixed.weight dense<1> : tensor<4x3x3x3xi32> -> !fixed.tensor<4x3x3x3, scale = 12>
  // CHECK: %[[B:.*]] = fixed.weight dense<[1, -2, 3, -4]> : tensor<4xi64> -> !fixed.tensor<4, scale = 23>
  %b = fixed.weight dense<[1, -2, 3, -4]> : tensor<4xi64> -> !fixed.tensor<4, scale = 23>
  // CHECK: %[[Z:.*]] = fixed.conv2d %[[X]], %[[W]] bias %[[B]] {pads = array<i64: 1, 1, 1, 1>}
  %z = fixed.conv2d %x, %w bias %b {pads = array<i64: 1, 1, 1, 1>}
      : (!fixed.tensor<1x3x8x8, scale = 11>, !fixed.tensor<4x3x3x3, scale = 12>, !fixed.tensor<4, scale = 23>)
      -> !fixed.tensor<1x4x8x8, scale = 23>
  // CHECK: %[[Y:.*]] = fixed.relu %[[Z]] shift 12 window [19, 26)
  // CHECK-SAME: : !fixed.tensor<1x4x8x8, scale = 23> -> !fixed.tensor<1x4x8x8, scale = 11>
  %y = fixed.relu %z shift 12 window [19, 26)
      : !fixed.tensor<1x4x8x8, scale = 23> -> !fixed.tensor<1x4x8x8, scale = 11>
  // CHECK: %[[M:.*]] = fixed.max_pool2d %[[Y]] window [2, 14) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>}
  %m = fixed.max_pool2d %y window [2, 14) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>}
      : !fixed.tensor<1x4x8x8, scale = 11> -> !fixed.tensor<1x4x4x4, scale = 11>
  // CHECK: %[[S:.*]] = fixed.sum_pool2d %[[M]] {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>}
  // CHECK-SAME: -> !fixed.tensor<1x4x2x2, scale = 13>
  %s = fixed.sum_pool2d %m {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>}
      : !fixed.tensor<1x4x4x4, scale = 11> -> !fixed.tensor<1x4x2x2, scale = 13>
  // CHECK: fixed.transpose %[[S]] {permutation = array<i64: 0, 2, 3, 1>}
  %t = fixed.transpose %s {permutation = array<i64: 0, 2, 3, 1>}
      : !fixed.tensor<1x4x2x2, scale = 13> -> !fixed.tensor<1x2x2x4, scale = 13>
  // CHECK: %[[R:.*]] = fixed.reshape
  %r = fixed.reshape %t : !fixed.tensor<1x2x2x4, scale = 13> -> !fixed.tensor<1x16, scale = 13>
  // CHECK: %[[H:.*]] = fixed.take %[[R]] {axis = 1 : i64, indices = array<i64: -1, 0, 15>}
  %h = fixed.take %r {axis = 1 : i64, indices = array<i64: -1, 0, 15>}
      : !fixed.tensor<1x16, scale = 13> -> !fixed.tensor<1x3, scale = 13>
  // CHECK: %[[C:.*]] = fixed.concat %[[R]], %[[H]] {axis = 1 : i64}
  %c = fixed.concat %r, %h {axis = 1 : i64}
      : (!fixed.tensor<1x16, scale = 13>, !fixed.tensor<1x3, scale = 13>) -> !fixed.tensor<1x19, scale = 13>
  // CHECK: %[[Q:.*]] = fixed.square %[[C]] shift 6
  %q = fixed.square %c shift 6 : !fixed.tensor<1x19, scale = 13> -> !fixed.tensor<1x19, scale = 14>
  // CHECK: %[[P:.*]] = fixed.mul %[[C]], %[[Q]]
  %p = fixed.mul %c, %q : (!fixed.tensor<1x19, scale = 13>, !fixed.tensor<1x19, scale = 14>)
      -> !fixed.tensor<1x19, scale = 27>
  // CHECK: fixed.mat_mul %{{.*}}, %{{.*}} : (!fixed.tensor<1x1x19, scale = 13>, !fixed.tensor<1x19x1, scale = 14>) -> !fixed.tensor<1x1x1, scale = 27>
  %c3 = fixed.reshape %c : !fixed.tensor<1x19, scale = 13> -> !fixed.tensor<1x1x19, scale = 13>
  %q3 = fixed.reshape %q : !fixed.tensor<1x19, scale = 14> -> !fixed.tensor<1x19x1, scale = 14>
  %m3 = fixed.mat_mul %c3, %q3 : (!fixed.tensor<1x1x19, scale = 13>, !fixed.tensor<1x19x1, scale = 14>)
      -> !fixed.tensor<1x1x1, scale = 27>
  // CHECK: %[[U:.*]] = fixed.truncate %[[P]] shift 14
  %u = fixed.truncate %p shift 14 : !fixed.tensor<1x19, scale = 27> -> !fixed.tensor<1x19, scale = 13>
  // CHECK: %[[A:.*]] = fixed.add %[[U]], %[[C]] : !fixed.tensor<1x19, scale = 13>
  %a = fixed.add %u, %c : !fixed.tensor<1x19, scale = 13>
  // CHECK: %[[D:.*]] = fixed.sub %[[A]], %[[C]] : !fixed.tensor<1x19, scale = 13>
  %d = fixed.sub %a, %c : !fixed.tensor<1x19, scale = 13>
  %k = fixed.weight dense<7> : tensor<1x19xi32> -> !fixed.tensor<1x19, scale = 13>
  // CHECK: %[[E:.*]] = fixed.add_weight %[[D]], %{{.*}} : !fixed.tensor<1x19, scale = 13>
  %e = fixed.add_weight %d, %k : !fixed.tensor<1x19, scale = 13>
  // CHECK: %[[F:.*]] = fixed.rescale %[[E]] by -2
  %f = fixed.rescale %e by -2 : !fixed.tensor<1x19, scale = 13> -> !fixed.tensor<1x19, scale = 14>
  %v = fixed.weight dense<5> : tensor<10x19xi32> -> !fixed.tensor<10x19, scale = 6>
  // CHECK: fixed.linear %[[F]], %{{.*}} : (!fixed.tensor<1x19, scale = 14>, !fixed.tensor<10x19, scale = 6>)
  %o = fixed.linear %f, %v : (!fixed.tensor<1x19, scale = 14>, !fixed.tensor<10x19, scale = 6>)
      -> !fixed.tensor<1x10, scale = 20>
  return %o : !fixed.tensor<1x10, scale = 20>
}
}
