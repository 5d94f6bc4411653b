// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --split-input-file --secure-schedule-exchanges --secure-plan-memory | FileCheck %s
// RUN: gfs-opt %s --split-input-file --secure-schedule-exchanges --secure-plan-memory > %t.1
// RUN: gfs-opt %s --split-input-file --secure-schedule-exchanges --secure-plan-memory > %t.2
// RUN: cmp %t.1 %t.2

// Tests that memory is used again once the exchange after the last use is over: an open reads its operand in both of
// its phases, so four values live in interval 1, and the last value takes the place of the first.
// CHECK: secure.arena_words = 128 : i64
module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  // CHECK: secure.offset = 0 : i64
  func.func @main(%x: !secure.share<20, scale = 8>) -> !secure.share<20, scale = 8> {
    // CHECK: secure.open {{.*}} secure.offset = 32 : i64
    %a = secure.open %x {mask = 0 : i64} : !secure.share<20, scale = 8> -> !secure.masked<20, scale = 8>
    // CHECK: secure.truncate {{.*}} secure.offset = 64 : i64
    %r = secure.truncate %a {shift = 0 : i64, key = 0 : i64} : !secure.masked<20, scale = 8> -> !secure.share<20, scale = 8>
    // CHECK: secure.open {{.*}} secure.offset = 96 : i64
    %b = secure.open %r {mask = 1 : i64} : !secure.share<20, scale = 8> -> !secure.masked<20, scale = 8>
    // CHECK: secure.truncate {{.*}} secure.offset = 0 : i64
    %s = secure.truncate %b {shift = 0 : i64, key = 1 : i64} : !secure.masked<20, scale = 8> -> !secure.share<20, scale = 8>
    return %s : !secure.share<20, scale = 8>
  }
}

// -----

// Tests that values of one interval never overlap, though each is last used by the next.
// CHECK: secure.arena_words = 48 : i64
module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  // CHECK: secure.offset = 0 : i64
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8> {
    // CHECK: secure.add {{.*}} {secure.offset = 16 : i64}
    %a = secure.add %x, %x : !secure.share<4, scale = 8>
    // CHECK: secure.add {{.*}} {secure.offset = 32 : i64}
    %b = secure.add %a, %a : !secure.share<4, scale = 8>
    return %b : !secure.share<4, scale = 8>
  }
}

// -----

// Tests that a reshape read by element count shares its operand's memory and keeps it alive, and that one whose shape
// matters has memory of its own.
// CHECK: secure.arena_words = 80 : i64
module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<1x4, scale = 8>) -> !secure.share<2x2, scale = 8> {
    // CHECK: secure.reshape %{{.*}} : !secure.share<1x4, scale = 8> -> !secure.share<4, scale = 8>
    %v = secure.reshape %x : !secure.share<1x4, scale = 8> -> !secure.share<4, scale = 8>
    %a = secure.open %v {mask = 0 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    %u = secure.truncate %a {shift = 0 : i64, key = 0 : i64} : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    // CHECK: secure.reshape %{{.*}} {secure.offset = {{[0-9]+}} : i64}
    %c = secure.reshape %u : !secure.share<4, scale = 8> -> !secure.share<2x2, scale = 8>
    %t = secure.transpose %c {permutation = array<i64: 1, 0>} : !secure.share<2x2, scale = 8> -> !secure.share<2x2, scale = 8>
    return %t : !secure.share<2x2, scale = 8>
  }
}
