// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --split-input-file --secure-schedule-exchanges | FileCheck %s

// Tests that independent opens share an exchange, and that a chain takes one exchange after the other.
// CHECK: secure.exchanges = 3 : i64
// CHECK-LABEL: func.func @main
module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>, %y: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 16> {
    // CHECK: secure.open %{{.*}} {exchange = array<i64: 0>, mask = 0 : i64}
    %a = secure.open %x {mask = 0 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    // CHECK: secure.relu %{{.*}} table {exchange = array<i64: 1>
    %r = secure.relu %a table {shift = 0 : i64, low = 0 : i64, high = 9 : i64, key = 0 : i64} : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    // Ready at the start, so it travels in the first exchange although it stands third.
    // CHECK: secure.open %{{.*}} {exchange = array<i64: 0>, mask = 1 : i64}
    %b = secure.open %y {mask = 1 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    // CHECK: secure.open %{{.*}} {exchange = array<i64: 2>, mask = 2 : i64}
    %c = secure.open %r {mask = 2 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    %p = secure.multiply %b, %c {key = 1 : i64} : (!secure.masked<4, scale = 8>, !secure.masked<4, scale = 8>) -> !secure.share<4, scale = 16>
    return %p : !secure.share<4, scale = 16>
  }
}

// -----

// Tests that a one-hot comparison takes 1 + ceil(log2(chunks)) exchanges and a comparison key none.
// CHECK: secure.exchanges = 4 : i64
module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> (!secure.share<4, scale = 8>, !secure.share<4, scale = 8>) {
    %a = secure.open %x {mask = 0 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    // CHECK: secure.relu %{{.*}} one_hot {exchange = array<i64: 1, 2, 3>
    %r = secure.relu %a one_hot {shift = 0 : i64, low = 0 : i64, high = 13 : i64, key = 0 : i64} : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    // CHECK: secure.relu %{{.*}} dcf {high
    %s = secure.relu %a dcf {shift = 0 : i64, low = 0 : i64, high = 13 : i64, key = 1 : i64} : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    return %r, %s : !secure.share<4, scale = 8>, !secure.share<4, scale = 8>
  }
}

// -----

// Tests that a program without messages has no exchange, and that an old schedule is replaced.
// CHECK: secure.exchanges = 0 : i64
module attributes {secure.exchanges = 7 : i64, secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8> {
    %y = secure.add %x, %x : !secure.share<4, scale = 8>
    return %y : !secure.share<4, scale = 8>
  }
}
