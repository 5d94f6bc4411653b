// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --split-input-file --secure-summarize-cost | FileCheck %s

// Tests that costs are the gates' own: 4 opened elements of 4 bytes, 4 hidden carries in one byte; a table of 2^7 bits for each
// ReLU for one server, most words for the other.
// CHECK: secure.cost = {dealt_bytes_0 = 64 : i64, dealt_bytes_1 = 56 : i64, message_bytes = 17 : i64, messages = 2 : i64, relus = 4 : i64}
module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 16>) -> !secure.share<4, scale = 8> {
    %m = secure.open %x {mask = 0 : i64} : !secure.share<4, scale = 16> -> !secure.masked<4, scale = 16>
    %y = secure.relu %m table {shift = 8 : i64, low = 6 : i64, high = 13 : i64, key = 0 : i64} : !secure.masked<4, scale = 16> -> !secure.share<4, scale = 8>
    return %y : !secure.share<4, scale = 8>
  }
}

// -----

// Tests that a layer with hidden weights has l bits dealt for each output, and one with public weights nothing.
// CHECK: secure.cost = {dealt_bytes_0 = 8 : i64, dealt_bytes_1 = 0 : i64, message_bytes = 8 : i64, messages = 1 : i64, relus = 0 : i64}
module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<1x2, scale = 8>) -> !secure.share<1x2, scale = 16> {
    %w = secure.weight dense<1> : tensor<2x2xi64> -> !secure.weight<2x2, scale = 8>
    %m = secure.open %x {mask = 0 : i64} : !secure.share<1x2, scale = 8> -> !secure.masked<1x2, scale = 8>
    %y = secure.linear %m, %w {key = 0 : i64} : (!secure.masked<1x2, scale = 8>, !secure.weight<2x2, scale = 8>) -> !secure.share<1x2, scale = 16>
    return %y : !secure.share<1x2, scale = 16>
  }
}

// -----

// CHECK: secure.cost = {dealt_bytes_0 = 0 : i64, dealt_bytes_1 = 0 : i64, message_bytes = 8 : i64, messages = 1 : i64, relus = 0 : i64}
module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "public"} {
  func.func @main(%x: !secure.share<1x2, scale = 8>) -> !secure.share<1x2, scale = 16> {
    %w = secure.weight dense<1> : tensor<2x2xi64> -> !secure.weight<2x2, scale = 8>
    %m = secure.open %x {mask = 0 : i64} : !secure.share<1x2, scale = 8> -> !secure.masked<1x2, scale = 8>
    %y = secure.linear %m, %w : (!secure.masked<1x2, scale = 8>, !secure.weight<2x2, scale = 8>) -> !secure.masked<1x2, scale = 16>
    %z = secure.unmask %y : !secure.masked<1x2, scale = 16> -> !secure.share<1x2, scale = 16>
    return %z : !secure.share<1x2, scale = 16>
  }
}
