// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --split-input-file --convert-fixed-to-secure | FileCheck %s --check-prefixes=ANY,SHARED
// RUN: gfs-opt %s --split-input-file --convert-fixed-to-secure=weights=public | FileCheck %s --check-prefixes=ANY,PUBLIC

// Tests that a layer with hidden weights opens its operand and its product, and that public weights save the second.
// SHARED: module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"}
// PUBLIC: module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "public"}
module attributes {fixed.ring_bits = 32 : i64} {
  // ANY-LABEL: func.func @main(
  // ANY-SAME: %[[X:.*]]: !secure.share<1x4, scale = 8> {secure.name = "in"})
  // ANY-SAME: -> (!secure.share<1x2, scale = 8> {secure.name = "out", secure.post = "softmax"})
  func.func @main(%x: !fixed.tensor<1x4, scale = 8> {fixed.name = "in"}) -> (!fixed.tensor<1x2, scale = 8> {fixed.name = "out", fixed.post = "softmax"}) {
    // ANY: %[[M:.*]] = secure.open %[[X]] {mask = 0 : i64}
    %w = fixed.weight dense<1> : tensor<2x4xi32> -> !fixed.tensor<2x4, scale = 8>
    %b = fixed.weight dense<[3, -4]> : tensor<2xi32> -> !fixed.tensor<2, scale = 16>
    // SHARED: %[[Z:.*]] = secure.linear %[[M]], %{{.*}}, %{{.*}} {key = 0 : i64} {{.*}} -> !secure.share<1x2, scale = 16>
    // SHARED: %[[ZM:.*]] = secure.open %[[Z]] {mask = 1 : i64}
    // PUBLIC: %[[ZM:.*]] = secure.linear %[[M]], %{{.*}}, %{{.*}} : {{.*}} -> !secure.masked<1x2, scale = 16>
    %z = fixed.linear %x, %w bias %b : (!fixed.tensor<1x4, scale = 8>, !fixed.tensor<2x4, scale = 8>, !fixed.tensor<2, scale = 16>) -> !fixed.tensor<1x2, scale = 16>
    // ANY: secure.relu %[[ZM]] table {high = 13 : i64, key = {{.*}}, low = 6 : i64, shift = 8 : i64}
    %y = fixed.relu %z shift 8 window [6, 13) : !fixed.tensor<1x2, scale = 16> -> !fixed.tensor<1x2, scale = 8>
    return %y : !fixed.tensor<1x2, scale = 8>
  }
}

// -----

// Tests that one open serves all users of a value, and that a residual sum of two opened values needs no open.
// ANY-LABEL: func.func @main
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x4, scale = 8>) -> !fixed.tensor<1x4, scale = 8> {
    %w = fixed.weight dense<1> : tensor<4x4xi32> -> !fixed.tensor<4x4, scale = 8>
    // ANY-COUNT-1: secure.open
    // PUBLIC: %[[A:.*]] = secure.linear
    %a = fixed.linear %x, %w : (!fixed.tensor<1x4, scale = 8>, !fixed.tensor<4x4, scale = 8>) -> !fixed.tensor<1x4, scale = 16>
    // PUBLIC: %[[B:.*]] = secure.linear
    %b = fixed.linear %x, %w : (!fixed.tensor<1x4, scale = 8>, !fixed.tensor<4x4, scale = 8>) -> !fixed.tensor<1x4, scale = 16>
    // SHARED: %[[S:.*]] = secure.add {{.*}} : !secure.share<1x4, scale = 16>
    // SHARED: secure.open %[[S]] {mask = 1 : i64}
    // PUBLIC: %[[S:.*]] = secure.add %[[A]], %[[B]] : !secure.masked<1x4, scale = 16>
    // PUBLIC-NEXT: secure.truncate %[[S]]
    // ANY-NOT: secure.open
    %s = fixed.add %a, %b : !fixed.tensor<1x4, scale = 16>
    %t = fixed.truncate %s shift 8 : !fixed.tensor<1x4, scale = 16> -> !fixed.tensor<1x4, scale = 8>
    return %t : !fixed.tensor<1x4, scale = 8>
  }
}

// -----

// Tests that a local operation runs on the masked form where its operand is opened anyway, and is shared at the output.
// ANY-LABEL: func.func @main
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x4, scale = 8>) -> (!fixed.tensor<1x4, scale = 16>, !fixed.tensor<1x4, scale = 8>) {
    // ANY: %[[M:.*]] = secure.open
    // ANY: secure.square %[[M]] {key = 0 : i64, shift = 0 : i64}
    %q = fixed.square %x shift 0 : !fixed.tensor<1x4, scale = 8> -> !fixed.tensor<1x4, scale = 16>
    // ANY: %[[T:.*]] = secure.scale %[[M]] {factor = 3 : i64}
    // ANY-NEXT: secure.multiply %[[T]], %[[M]] {key = 1 : i64}
    // ANY-NOT: secure.open
    %d = fixed.rescale %x by 3 : !fixed.tensor<1x4, scale = 8> -> !fixed.tensor<1x4, scale = 8>
    %p = fixed.mul %d, %x : (!fixed.tensor<1x4, scale = 8>, !fixed.tensor<1x4, scale = 8>) -> !fixed.tensor<1x4, scale = 16>
    %s = fixed.add %q, %p : !fixed.tensor<1x4, scale = 16>
    // ANY: secure.scale %arg0 {factor = 3 : i64} : !secure.share
    return %s, %d : !fixed.tensor<1x4, scale = 16>, !fixed.tensor<1x4, scale = 8>
  }
}

// -----

// Tests that both operands of a product of matrices are opened, before they are repeated.
// ANY-LABEL: func.func @main
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<2x3x4, scale = 8>, %y: !fixed.tensor<1x4x5, scale = 8>) -> !fixed.tensor<2x3x5, scale = 16> {
    // ANY-DAG: %[[X:.*]] = secure.open %arg0
    // ANY-DAG: %[[Y:.*]] = secure.open %arg1 {{.*}} : !secure.share<1x4x5, scale = 8>
    // ANY: %[[R:.*]] = secure.take %[[Y]]
    // ANY: secure.mat_mul %[[X]], %[[R]] {key = 0 : i64} : (!secure.masked<2x3x4, scale = 8>, !secure.masked<2x4x5, scale = 8>) -> !secure.share<2x3x5, scale = 16>
    %r = fixed.take %y {axis = 0 : i64, indices = array<i64: 0, 0>} : !fixed.tensor<1x4x5, scale = 8> -> !fixed.tensor<2x4x5, scale = 8>
    %z = fixed.mat_mul %x, %r : (!fixed.tensor<2x3x4, scale = 8>, !fixed.tensor<2x4x5, scale = 8>) -> !fixed.tensor<2x3x5, scale = 16>
    return %z : !fixed.tensor<2x3x5, scale = 16>
  }
}

// -----

// Tests that weights are added to shares, so that a masked product is unmasked first; and that a factor of one becomes a reshape.
// ANY-LABEL: func.func @main
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x4, scale = 8>) -> !fixed.tensor<1x4, scale = 18> {
    %w = fixed.weight dense<1> : tensor<4x4xi32> -> !fixed.tensor<4x4, scale = 8>
    %c = fixed.weight dense<1> : tensor<1x4xi32> -> !fixed.tensor<1x4, scale = 16>
    %a = fixed.linear %x, %w : (!fixed.tensor<1x4, scale = 8>, !fixed.tensor<4x4, scale = 8>) -> !fixed.tensor<1x4, scale = 16>
    // PUBLIC: %[[U:.*]] = secure.unmask
    // PUBLIC: secure.add_weight %[[U]]
    // SHARED-NOT: secure.unmask
    %b = fixed.add_weight %a, %c : !fixed.tensor<1x4, scale = 16>
    // ANY: secure.reshape %{{.*}} : !secure.share<1x4, scale = 16> -> !secure.share<1x4, scale = 18>
    %d = fixed.rescale %b by 1 : !fixed.tensor<1x4, scale = 16> -> !fixed.tensor<1x4, scale = 18>
    return %d : !fixed.tensor<1x4, scale = 18>
  }
}

// -----

// Tests that the other local operations keep their attributes, and that inputs say how large they were in the calibration samples.
// ANY-LABEL: func.func @main
// ANY-SAME: {secure.seen = 3.000000e+00 : f64}
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x2x4x4, scale = 8> {fixed.range = array<f64: -3.0, 2.0>}) -> !fixed.tensor<4x1, scale = 10> {
    // ANY: secure.sum_pool %{{.*}} {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>}
    %p = fixed.sum_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>} : !fixed.tensor<1x2x4x4, scale = 8> -> !fixed.tensor<1x2x2x2, scale = 10>
    // ANY: secure.take %{{.*}} {axis = 1 : i64, indices = array<i64: 1, -1>}
    %k = fixed.take %p {axis = 1 : i64, indices = array<i64: 1, -1>} : !fixed.tensor<1x2x2x2, scale = 10> -> !fixed.tensor<1x2x2x2, scale = 10>
    // ANY: secure.concat %{{.*}}, %{{.*}} {axis = 1 : i64}
    %c = fixed.concat %k, %p {axis = 1 : i64} : (!fixed.tensor<1x2x2x2, scale = 10>, !fixed.tensor<1x2x2x2, scale = 10>) -> !fixed.tensor<1x4x2x2, scale = 10>
    // ANY: secure.sub
    %d = fixed.sub %c, %c : !fixed.tensor<1x4x2x2, scale = 10>
    %q = fixed.sum_pool2d %d {kernel = array<i64: 2, 2>} : !fixed.tensor<1x4x2x2, scale = 10> -> !fixed.tensor<1x4x1x1, scale = 10>
    // ANY: secure.reshape
    %r = fixed.reshape %q : !fixed.tensor<1x4x1x1, scale = 10> -> !fixed.tensor<1x4, scale = 10>
    // ANY: secure.transpose %{{.*}} {permutation = array<i64: 1, 0>}
    %t = fixed.transpose %r {permutation = array<i64: 1, 0>} : !fixed.tensor<1x4, scale = 10> -> !fixed.tensor<4x1, scale = 10>
    return %t : !fixed.tensor<4x1, scale = 10>
  }
}

// -----

// Tests that what is repeated is opened before, through reshapes and transposes, and what is cut is opened behind.
// ANY-LABEL: func.func @main
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x2x2, scale = 8>, %y: !fixed.tensor<1x4, scale = 8>) -> (!fixed.tensor<1x2x4, scale = 16>, !fixed.tensor<1x2, scale = 16>) {
    // ANY: %[[X:.*]] = secure.open %{{.*}} {{.*}} : !secure.share<1x2x2, scale = 8>
    // ANY: %[[T:.*]] = secure.take %[[X]] {axis = 2 : i64, indices = array<i64: 0, 0, 1, 1>}
    // ANY: %[[P:.*]] = secure.transpose %[[T]]
    // ANY-NOT: secure.open
    // ANY: secure.square
    %t = fixed.take %x {axis = 2 : i64, indices = array<i64: 0, 0, 1, 1>} : !fixed.tensor<1x2x2, scale = 8> -> !fixed.tensor<1x2x4, scale = 8>
    %p = fixed.transpose %t {permutation = array<i64: 0, 2, 1>} : !fixed.tensor<1x2x4, scale = 8> -> !fixed.tensor<1x4x2, scale = 8>
    %r = fixed.reshape %p : !fixed.tensor<1x4x2, scale = 8> -> !fixed.tensor<1x2x4, scale = 8>
    %s = fixed.square %r shift 0 : !fixed.tensor<1x2x4, scale = 8> -> !fixed.tensor<1x2x4, scale = 16>
    // ANY: %[[C:.*]] = secure.take %{{.*}} {axis = 1 : i64, indices = array<i64: 0, 3>} : !secure.share<1x4, scale = 8> -> !secure.share<1x2, scale = 8>
    // ANY: secure.open %[[C]]
    %c = fixed.take %y {axis = 1 : i64, indices = array<i64: 0, 3>} : !fixed.tensor<1x4, scale = 8> -> !fixed.tensor<1x2, scale = 8>
    %q = fixed.square %c shift 0 : !fixed.tensor<1x2, scale = 8> -> !fixed.tensor<1x2, scale = 16>
    return %s, %q : !fixed.tensor<1x2x4, scale = 16>, !fixed.tensor<1x2, scale = 16>
  }
}

// -----

// Tests that several cuts of one value open it once if they are more together.
// ANY-LABEL: func.func @main
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x4, scale = 8>) -> (!fixed.tensor<1x3, scale = 16>, !fixed.tensor<1x3, scale = 16>) {
    // ANY: secure.open %{{.*}} {{.*}} : !secure.share<1x4, scale = 8>
    // ANY-NOT: secure.open
    %a = fixed.take %x {axis = 1 : i64, indices = array<i64: 0, 1, 2>} : !fixed.tensor<1x4, scale = 8> -> !fixed.tensor<1x3, scale = 8>
    %b = fixed.take %x {axis = 1 : i64, indices = array<i64: 1, 2, 3>} : !fixed.tensor<1x4, scale = 8> -> !fixed.tensor<1x3, scale = 8>
    %p = fixed.square %a shift 0 : !fixed.tensor<1x3, scale = 8> -> !fixed.tensor<1x3, scale = 16>
    %q = fixed.square %b shift 0 : !fixed.tensor<1x3, scale = 8> -> !fixed.tensor<1x3, scale = 16>
    return %p, %q : !fixed.tensor<1x3, scale = 16>, !fixed.tensor<1x3, scale = 16>
  }
}
