// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s | gfs-opt | FileCheck %s
// RUN: gfs-opt %s --mlir-print-op-generic | gfs-opt | FileCheck %s
// Tests that every operation prints and parses.

// CHECK: module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"}
module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  // CHECK-LABEL: func.func @main
  func.func @main(%x: !secure.share<1x2x4x4, scale = 8> {secure.name = "in"}) -> !secure.share<1x6, scale = 8> {
    // CHECK: secure.weight dense<1> : tensor<2x2x3x3xi64> -> !secure.weight<2x2x3x3, scale = 8>
    %w = secure.weight dense<1> : tensor<2x2x3x3xi64> -> !secure.weight<2x2x3x3, scale = 8>
    // CHECK: secure.weight dense<[3, -4]> : tensor<2xi32> -> !secure.weight<2, scale = 16>
    %b = secure.weight dense<[3, -4]> : tensor<2xi32> -> !secure.weight<2, scale = 16>
    // CHECK: secure.open %{{.*}} {mask = 0 : i64}
    %m = secure.open %x {mask = 0 : i64} : !secure.share<1x2x4x4, scale = 8> -> !secure.masked<1x2x4x4, scale = 8>
    // CHECK: secure.conv2d %{{.*}}, %{{.*}}, %{{.*}} {key = 0 : i64, pads = array<i64: 1, 1, 1, 1>}
    %z = secure.conv2d %m, %w, %b {key = 0 : i64, pads = array<i64: 1, 1, 1, 1>} : (!secure.masked<1x2x4x4, scale = 8>, !secure.weight<2x2x3x3, scale = 8>, !secure.weight<2, scale = 16>) -> !secure.share<1x2x4x4, scale = 16>
    // CHECK: secure.open %{{.*}} {exchange = array<i64: 1>, mask = 1 : i64}
    %zm = secure.open %z {exchange = array<i64: 1>, mask = 1 : i64} : !secure.share<1x2x4x4, scale = 16> -> !secure.masked<1x2x4x4, scale = 16>
    // CHECK: secure.relu %{{.*}} table {high = 13 : i64, key = 1 : i64, low = 6 : i64, shift = 8 : i64}
    %y = secure.relu %zm table {high = 13 : i64, key = 1 : i64, low = 6 : i64, shift = 8 : i64} : !secure.masked<1x2x4x4, scale = 16> -> !secure.share<1x2x4x4, scale = 8>
    // CHECK: secure.relu %{{.*}} one_hot {exchange = array<i64: 2, 3, 4>
    %y1 = secure.relu %zm one_hot {exchange = array<i64: 2, 3, 4>, high = 18 : i64, key = 2 : i64, low = 6 : i64, shift = 8 : i64} : !secure.masked<1x2x4x4, scale = 16> -> !secure.share<1x2x4x4, scale = 8>
    // CHECK: secure.relu %{{.*}} dcf
    %y2 = secure.relu %zm dcf {high = 18 : i64, key = 3 : i64, low = 6 : i64, shift = 8 : i64} : !secure.masked<1x2x4x4, scale = 16> -> !secure.share<1x2x4x4, scale = 8>
    // CHECK: secure.truncate %{{.*}} {key = 4 : i64, shift = 8 : i64}
    %t = secure.truncate %zm {key = 4 : i64, shift = 8 : i64} : !secure.masked<1x2x4x4, scale = 16> -> !secure.share<1x2x4x4, scale = 8>
    // CHECK: secure.square %{{.*}} {key = 5 : i64, shift = 12 : i64}
    %q = secure.square %zm {key = 5 : i64, shift = 12 : i64} : !secure.masked<1x2x4x4, scale = 16> -> !secure.share<1x2x4x4, scale = 8>
    // CHECK: secure.multiply %{{.*}}, %{{.*}} {key = 6 : i64}
    %p = secure.multiply %m, %zm {key = 6 : i64} : (!secure.masked<1x2x4x4, scale = 8>, !secure.masked<1x2x4x4, scale = 16>) -> !secure.share<1x2x4x4, scale = 24>
    // CHECK: secure.mat_mul %{{.*}}, %{{.*}} {key = 7 : i64}
    %m3 = secure.reshape %m : !secure.masked<1x2x4x4, scale = 8> -> !secure.masked<2x4x4, scale = 8>
    %mm = secure.mat_mul %m3, %m3 {key = 7 : i64} : (!secure.masked<2x4x4, scale = 8>, !secure.masked<2x4x4, scale = 8>) -> !secure.share<2x4x4, scale = 16>
    // CHECK: secure.unmask
    %u = secure.unmask %m : !secure.masked<1x2x4x4, scale = 8> -> !secure.share<1x2x4x4, scale = 8>
    // CHECK: secure.add %{{.*}}, %{{.*}} : !secure.share<1x2x4x4, scale = 8>
    %a = secure.add %y, %u : !secure.share<1x2x4x4, scale = 8>
    // CHECK: secure.sub %{{.*}}, %{{.*}} : !secure.masked<1x2x4x4, scale = 8>
    %d = secure.sub %m, %m : !secure.masked<1x2x4x4, scale = 8>
    // CHECK: secure.add_weight
    %w1 = secure.weight dense<1> : tensor<32xi64> -> !secure.weight<32, scale = 8>
    %aw = secure.add_weight %a, %w1 : (!secure.share<1x2x4x4, scale = 8>, !secure.weight<32, scale = 8>) -> !secure.share<1x2x4x4, scale = 8>
    // CHECK: secure.scale %{{.*}} {factor = 16 : i64}
    %s = secure.scale %aw {factor = 16 : i64} : !secure.share<1x2x4x4, scale = 8> -> !secure.share<1x2x4x4, scale = 12>
    // CHECK: secure.take %{{.*}} {axis = 1 : i64, indices = array<i64: 1, -1, 0>}
    %k = secure.take %a {axis = 1 : i64, indices = array<i64: 1, -1, 0>} : !secure.share<1x2x4x4, scale = 8> -> !secure.share<1x3x4x4, scale = 8>
    // CHECK: secure.transpose %{{.*}} {permutation = array<i64: 0, 2, 3, 1>}
    %tr = secure.transpose %k {permutation = array<i64: 0, 2, 3, 1>} : !secure.share<1x3x4x4, scale = 8> -> !secure.share<1x4x4x3, scale = 8>
    // CHECK: secure.concat %{{.*}}, %{{.*}} {axis = 3 : i64}
    %c = secure.concat %tr, %tr {axis = 3 : i64} : (!secure.share<1x4x4x3, scale = 8>, !secure.share<1x4x4x3, scale = 8>) -> !secure.share<1x4x4x6, scale = 8>
    // CHECK: secure.transpose
    %cn = secure.transpose %c {permutation = array<i64: 0, 3, 1, 2>} : !secure.share<1x4x4x6, scale = 8> -> !secure.share<1x6x4x4, scale = 8>
    // CHECK: secure.sum_pool %{{.*}} {kernel = array<i64: 4, 4>}
    %sp = secure.sum_pool %cn {kernel = array<i64: 4, 4>} : !secure.share<1x6x4x4, scale = 8> -> !secure.share<1x6x1x1, scale = 12>
    // CHECK: secure.reshape %{{.*}} : !secure.share<1x6x1x1, scale = 12> -> !secure.share<1x6, scale = 12>
    %r = secure.reshape %sp : !secure.share<1x6x1x1, scale = 12> -> !secure.share<1x6, scale = 12>
    // CHECK: secure.open
    %rm = secure.open %r {mask = 2 : i64} : !secure.share<1x6, scale = 12> -> !secure.masked<1x6, scale = 12>
    %w2 = secure.weight dense<1> : tensor<6x6xi64> -> !secure.weight<6x6, scale = 4>
    // CHECK: secure.linear %{{.*}}, %{{.*}} {key = 7 : i64}
    %l = secure.linear %rm, %w2 {key = 7 : i64} : (!secure.masked<1x6, scale = 12>, !secure.weight<6x6, scale = 4>) -> !secure.share<1x6, scale = 16>
    %lm = secure.open %l {mask = 3 : i64} : !secure.share<1x6, scale = 16> -> !secure.masked<1x6, scale = 16>
    %o = secure.truncate %lm {key = 8 : i64, shift = 8 : i64} : !secure.masked<1x6, scale = 16> -> !secure.share<1x6, scale = 8>
    return %o : !secure.share<1x6, scale = 8>
  }
}
