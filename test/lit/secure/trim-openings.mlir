// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --split-input-file --secure-trim-openings | FileCheck %s
// RUN: gfs-opt %s --split-input-file --secure-trim-openings --secure-trim-openings | FileCheck %s
// RUN: gfs-opt %s --split-input-file --secure-trim-openings --secure-summarize-cost | FileCheck %s --check-prefix=COST

// One bit below what is truncated, or where the window begins, is kept: for the rounding.
// CHECK-LABEL: func.func @main
// COST: message_bytes = 44 : i64
module attributes {secure.ring_bits = 30 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<8, scale = 16>, %y: !secure.share<8, scale = 16>) -> (!secure.share<8, scale = 4>, !secure.share<8, scale = 4>) {
    // CHECK: secure.open {{.*}}dropped = 11 : i64
    %m = secure.open %x {mask = 0 : i64} : !secure.share<8, scale = 16> -> !secure.masked<8, scale = 16>
    %a = secure.relu %m dcf {shift = 12 : i64, low = 18 : i64, high = 28 : i64, key = 0 : i64} : !secure.masked<8, scale = 16> -> !secure.share<8, scale = 4>
    // CHECK: secure.open {{.*}}dropped = 5 : i64
    %n = secure.open %y {mask = 1 : i64, dropped = 9 : i64} : !secure.share<8, scale = 16> -> !secure.masked<8, scale = 16>
    %b = secure.relu %n dcf {shift = 12 : i64, low = 6 : i64, high = 28 : i64, key = 1 : i64} : !secure.masked<8, scale = 16> -> !secure.share<8, scale = 4>
    return %a, %b : !secure.share<8, scale = 4>, !secure.share<8, scale = 4>
  }
}

// -----

// What a product, an output or an exact maximum uses is opened in full; two users keep what either
// does.
// CHECK-LABEL: func.func @main
module attributes {secure.ring_bits = 30 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<8, scale = 8>, %y: !secure.share<8, scale = 8>, %z: !secure.share<8, scale = 8>) -> (!secure.share<8, scale = 16>, !secure.share<8, scale = 8>, !secure.share<8, scale = 8>, !secure.share<8, scale = 4>) {
    // CHECK: secure.open %{{.*}} {mask = 0 : i64}
    %m = secure.open %x {mask = 0 : i64} : !secure.share<8, scale = 8> -> !secure.masked<8, scale = 8>
    %p = secure.multiply %m, %m {key = 0 : i64} : (!secure.masked<8, scale = 8>, !secure.masked<8, scale = 8>) -> !secure.share<8, scale = 16>
    // CHECK: secure.open %{{.*}} {mask = 1 : i64}
    %n = secure.open %y {mask = 1 : i64} : !secure.share<8, scale = 8> -> !secure.masked<8, scale = 8>
    %q = secure.relu %n dcf {shift = 0 : i64, low = 18 : i64, high = 28 : i64, key = 1 : i64} : !secure.masked<8, scale = 8> -> !secure.share<8, scale = 8>
    // CHECK: secure.open %{{.*}} {mask = 2 : i64}
    %o = secure.open %z {mask = 2 : i64} : !secure.share<8, scale = 8> -> !secure.masked<8, scale = 8>
    %r = secure.unmask %o : !secure.masked<8, scale = 8> -> !secure.share<8, scale = 8>
    %s = secure.truncate %o {shift = 4 : i64, key = 2 : i64} : !secure.masked<8, scale = 8> -> !secure.share<8, scale = 4>
    return %p, %q, %r, %s : !secure.share<8, scale = 16>, !secure.share<8, scale = 8>, !secure.share<8, scale = 8>, !secure.share<8, scale = 4>
  }
}

// -----

// A maximum of two in front of a truncation: its own opening leaves room for the one behind.
// Squares, splines, sums, scalings and moves hand the demand on.
// CHECK-LABEL: func.func @main
module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<1x1x2x2, scale = 16>, %y: !secure.share<1x1x2x2, scale = 16>) -> (!secure.share<1x1x2x2, scale = 4>, !secure.share<1x1x1x1, scale = 12>) {
    %d = secure.sub %x, %y : !secure.share<1x1x2x2, scale = 16>
    // CHECK: secure.open %{{.*}} {dropped = 10 : i64, mask = 0 : i64}
    %m = secure.open %d {mask = 0 : i64} : !secure.share<1x1x2x2, scale = 16> -> !secure.masked<1x1x2x2, scale = 16>
    %r = secure.relu %m dcf {shift = 0 : i64, low = 20 : i64, high = 30 : i64, key = 0 : i64} : !secure.masked<1x1x2x2, scale = 16> -> !secure.share<1x1x2x2, scale = 16>
    %s = secure.add %r, %y : !secure.share<1x1x2x2, scale = 16>
    // CHECK: secure.open %{{.*}} {dropped = 11 : i64, mask = 1 : i64}
    %n = secure.open %s {mask = 1 : i64} : !secure.share<1x1x2x2, scale = 16> -> !secure.masked<1x1x2x2, scale = 16>
    %a = secure.spline %n dcf {shift = 12 : i64, low = 20 : i64, high = 30 : i64, key = 1 : i64,
                               thresholds = array<i64: 0>, pieces = array<i64: 0, 0, 0, 0, 1, 0>}
      : !secure.masked<1x1x2x2, scale = 16> -> !secure.share<1x1x2x2, scale = 4>
    // CHECK: secure.open %{{.*}} {dropped = 3 : i64, mask = 2 : i64}
    %o = secure.open %y {mask = 2 : i64} : !secure.share<1x1x2x2, scale = 16> -> !secure.masked<1x1x2x2, scale = 16>
    %u = secure.unmask %o : !secure.masked<1x1x2x2, scale = 16> -> !secure.share<1x1x2x2, scale = 16>
    %f = secure.scale %u {factor = -8 : i64} : !secure.share<1x1x2x2, scale = 16> -> !secure.share<1x1x2x2, scale = 16>
    %p = secure.sum_pool %f {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>} : !secure.share<1x1x2x2, scale = 16> -> !secure.share<1x1x1x1, scale = 16>
    // CHECK: secure.open %{{.*}} {dropped = 9 : i64, mask = 3 : i64}
    %q = secure.open %p {mask = 3 : i64} : !secure.share<1x1x1x1, scale = 16> -> !secure.masked<1x1x1x1, scale = 16>
    %t = secure.square %q {shift = 10 : i64, key = 2 : i64} : !secure.masked<1x1x1x1, scale = 16> -> !secure.share<1x1x1x1, scale = 12>
    return %a, %t : !secure.share<1x1x2x2, scale = 4>, !secure.share<1x1x1x1, scale = 12>
  }
}

// -----

// Asked for, all is opened; what is present goes.
// CHECK-LABEL: func.func @main
module attributes {secure.ring_bits = 30 : i64, secure.weight_mode = "shared", secure.whole_openings} {
  func.func @main(%x: !secure.share<8, scale = 16>) -> !secure.share<8, scale = 4> {
    // CHECK: secure.open %{{.*}} {mask = 0 : i64}
    %m = secure.open %x {dropped = 9 : i64, mask = 0 : i64} : !secure.share<8, scale = 16> -> !secure.masked<8, scale = 16>
    %a = secure.truncate %m {shift = 12 : i64, key = 0 : i64} : !secure.masked<8, scale = 16> -> !secure.share<8, scale = 4>
    return %a : !secure.share<8, scale = 4>
  }
}

// -----

// However much is truncated, eight bits are sent.
// CHECK-LABEL: func.func @main
module attributes {secure.ring_bits = 30 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<8, scale = 26>) -> !secure.share<8, scale = 0> {
    // CHECK: secure.open {{.*}}dropped = 22 : i64
    %m = secure.open %x {mask = 0 : i64} : !secure.share<8, scale = 26> -> !secure.masked<8, scale = 26>
    %a = secure.truncate %m {shift = 26 : i64, key = 0 : i64} : !secure.masked<8, scale = 26> -> !secure.share<8, scale = 0>
    return %a : !secure.share<8, scale = 0>
  }
}
