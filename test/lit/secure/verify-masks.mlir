// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --split-input-file --verify-diagnostics --secure-verify-masks
// Tests that hand-broken programs do not pass the security border.

// A sound program.
module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 16>) -> !secure.share<4, scale = 8> {
    %m = secure.open %x {mask = 0 : i64} : !secure.share<4, scale = 16> -> !secure.masked<4, scale = 16>
    %y = secure.relu %m table {shift = 8 : i64, low = 21 : i64, high = 30 : i64, key = 0 : i64} : !secure.masked<4, scale = 16> -> !secure.share<4, scale = 8>
    return %y : !secure.share<4, scale = 8>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>, %y: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 16> {
    // expected-note @below {{first used here}}
    %a = secure.open %x {mask = 3 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    // expected-error @below {{uses mask 3 a second time}}
    %b = secure.open %y {mask = 3 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    %p = secure.multiply %a, %b {key = 0 : i64} : (!secure.masked<4, scale = 8>, !secure.masked<4, scale = 8>) -> !secure.share<4, scale = 16>
    return %p : !secure.share<4, scale = 16>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> (!secure.share<4, scale = 8>, !secure.share<4, scale = 8>) {
    %a = secure.open %x {mask = 0 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    // expected-note @below {{first used here}}
    %p = secure.truncate %a {shift = 0 : i64, key = 1 : i64} : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    // expected-error @below {{uses key 1 a second time}}
    %q = secure.relu %a table {shift = 0 : i64, low = 0 : i64, high = 8 : i64, key = 1 : i64} : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    return %p, %q : !secure.share<4, scale = 8>, !secure.share<4, scale = 8>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8> {
    // expected-error @below {{sends a value without an open}}
    %y = secure.add %x, %x {exchange = array<i64: 0>} : !secure.share<4, scale = 8>
    return %y : !secure.share<4, scale = 8>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8> {
    // expected-error @below {{is not a step of a secure program: a value could leave the server through it}}
    %m = builtin.unrealized_conversion_cast %x : !secure.share<4, scale = 8> to !secure.masked<4, scale = 8>
    %y = secure.unmask %m : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    return %y : !secure.share<4, scale = 8>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  // expected-error @below {{expects shared outputs: '!secure.masked<4, scale = 8>' would leave the server with a mask that the client cannot remove}}
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.masked<4, scale = 8> {
    %m = secure.open %x {mask = 0 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    return %m : !secure.masked<4, scale = 8>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  // expected-error @below {{expects shared inputs, got '!secure.masked<4, scale = 8>'}}
  func.func @main(%m: !secure.masked<4, scale = 8>) -> !secure.share<4, scale = 8> {
    %y = secure.unmask %m : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    return %y : !secure.share<4, scale = 8>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8> {
    %m = secure.open %x {mask = 0 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    // expected-error @below {{has the window [24, 31), expects 0 <= low < high <= 30 in a ring of 32 bits}}
    %y = secure.relu %m table {shift = 0 : i64, low = 24 : i64, high = 31 : i64, key = 0 : i64} : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    return %y : !secure.share<4, scale = 8>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8> {
    %m = secure.open %x {mask = 0 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    // expected-error @below {{has the window [9, 9)}}
    %y = secure.relu %m dcf {shift = 0 : i64, low = 9 : i64, high = 9 : i64, key = 0 : i64} : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    return %y : !secure.share<4, scale = 8>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8> {
    %m = secure.open %x {mask = 0 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    // expected-error @below {{has a table over 10 bits, expects at most 9}}
    %y = secure.relu %m table {shift = 0 : i64, low = 0 : i64, high = 10 : i64, key = 0 : i64} : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    return %y : !secure.share<4, scale = 8>
  }
}

// -----

module attributes {secure.ring_bits = 16 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 16>) -> !secure.share<4, scale = 2> {
    %m = secure.open %x {mask = 0 : i64} : !secure.share<4, scale = 16> -> !secure.masked<4, scale = 16>
    // expected-error @below {{expects a shift of at most 13 in a ring of 16 bits, got 14}}
    %y = secure.truncate %m {shift = 14 : i64, key = 0 : i64} : !secure.masked<4, scale = 16> -> !secure.share<4, scale = 2>
    return %y : !secure.share<4, scale = 2>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "public"} {
  func.func @main(%x: !secure.share<1x2, scale = 8>) -> !secure.share<1x2, scale = 16> {
    %w = secure.weight dense<1> : tensor<2x2xi64> -> !secure.weight<2x2, scale = 8>
    %m = secure.open %x {mask = 0 : i64} : !secure.share<1x2, scale = 8> -> !secure.masked<1x2, scale = 8>
    // expected-error @below {{expects a masked result: weights are public}}
    %y = secure.linear %m, %w {key = 0 : i64} : (!secure.masked<1x2, scale = 8>, !secure.weight<2x2, scale = 8>) -> !secure.share<1x2, scale = 16>
    return %y : !secure.share<1x2, scale = 16>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "server"} {
  func.func @main(%x: !secure.share<1x2, scale = 8>) -> !secure.share<1x2, scale = 16> {
    %w = secure.weight dense<1> : tensor<2x2xi64> -> !secure.weight<2x2, scale = 8>
    %m = secure.open %x {mask = 0 : i64} : !secure.share<1x2, scale = 8> -> !secure.masked<1x2, scale = 8>
    // expected-error @below {{expects a shared result: weights are hidden}}
    %y = secure.linear %m, %w {key = 0 : i64} : (!secure.masked<1x2, scale = 8>, !secure.weight<2x2, scale = 8>) -> !secure.masked<1x2, scale = 16>
    %u = secure.unmask %y : !secure.masked<1x2, scale = 16> -> !secure.share<1x2, scale = 16>
    return %u : !secure.share<1x2, scale = 16>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<1x2, scale = 8>) -> !secure.share<1x2, scale = 16> {
    %w = secure.weight dense<1> : tensor<2x2xi64> -> !secure.weight<2x2, scale = 8>
    %m = secure.open %x {mask = 0 : i64} : !secure.share<1x2, scale = 8> -> !secure.masked<1x2, scale = 8>
    // expected-error @below {{expects a key: a product with hidden weights has dealt material}}
    %y = secure.linear %m, %w : (!secure.masked<1x2, scale = 8>, !secure.weight<2x2, scale = 8>) -> !secure.share<1x2, scale = 16>
    return %y : !secure.share<1x2, scale = 16>
  }
}

// -----

// A schedule that sends before its data is ready.
module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared", secure.exchanges = 1 : i64} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8> {
    %m = secure.open %x {mask = 0 : i64, exchange = array<i64: 0>} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    // expected-error @below {{sends in exchange 0, but its data is ready for exchange 1 only}}
    %y = secure.relu %m table {shift = 0 : i64, low = 0 : i64, high = 9 : i64, key = 0 : i64, exchange = array<i64: 0>} : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    return %y : !secure.share<4, scale = 8>
  }
}

// -----

// expected-error @below {{expects secure.ring_bits in [16, 64]}}
module attributes {secure.ring_bits = 65 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8> {
    return %x : !secure.share<4, scale = 8>
  }
}

// -----

// expected-error @below {{expects secure.weight_mode "shared", "server" or "public"}}
module attributes {secure.ring_bits = 32 : i64} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8> {
    return %x : !secure.share<4, scale = 8>
  }
}

// -----

// expected-error @below {{expects a function @main of one block}}
module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8> {
    return %x : !secure.share<4, scale = 8>
  }
  // expected-error @below {{expects nothing but @main in the module}}
  func.func private @send(!secure.share<4, scale = 8>)
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8> {
    %m = secure.open %x {mask = 0 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    // expected-error @below {{has the threshold 1073741824, expects magnitudes below 2^30 in a ring of 32 bits}}
    %y = secure.spline %m table {shift = 0 : i64, low = 20 : i64, high = 28 : i64, key = 0 : i64, thresholds = array<i64: 1073741824>,
                                 pieces = array<i64: 0, 0, 0, 1, 0, 0>} : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    return %y : !secure.share<4, scale = 8>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8> {
    %m = secure.open %x {mask = 0 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    // expected-error @below {{has a table over 10 bits, expects at most 9}}
    %y = secure.spline %m table {shift = 0 : i64, low = 18 : i64, high = 28 : i64, key = 0 : i64, thresholds = array<i64: 0>,
                                 pieces = array<i64: 0, 0, 0, 1, 0, 0>} : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    return %y : !secure.share<4, scale = 8>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> (!secure.share<4, scale = 8>, !secure.share<4, scale = 8>) {
    %m = secure.open %x {mask = 0 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    // expected-note @below {{first used here}}
    %p = secure.truncate %m {shift = 0 : i64, key = 1 : i64} : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    // expected-error @below {{uses key 1 a second time}}
    %y = secure.spline %m table {shift = 0 : i64, low = 20 : i64, high = 28 : i64, key = 1 : i64, thresholds = array<i64: 0>,
                                 pieces = array<i64: 0, 0, 0, 1, 0, 0>} : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    return %p, %y : !secure.share<4, scale = 8>, !secure.share<4, scale = 8>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8> {
    // expected-error @below {{expects to drop at most 29 bits in a ring of 32, got 30}}
    %m = secure.open %x {mask = 0 : i64, dropped = 30 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    %y = secure.unmask %m : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    return %y : !secure.share<4, scale = 8>
  }
}

// -----

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<1x2x2, scale = 8>) -> (!secure.share<1x2x2, scale = 8>, !secure.share<1x2x2, scale = 16>) {
    %m = secure.open %x {mask = 0 : i64} : !secure.share<1x2x2, scale = 8> -> !secure.masked<1x2x2, scale = 8>
    // expected-note @below {{first used here}}
    %p = secure.truncate %m {shift = 0 : i64, key = 1 : i64} : !secure.masked<1x2x2, scale = 8> -> !secure.share<1x2x2, scale = 8>
    // expected-error @below {{uses key 1 a second time}}
    %y = secure.mat_mul %m, %m {key = 1 : i64} : (!secure.masked<1x2x2, scale = 8>, !secure.masked<1x2x2, scale = 8>) -> !secure.share<1x2x2, scale = 16>
    return %p, %y : !secure.share<1x2x2, scale = 8>, !secure.share<1x2x2, scale = 16>
  }
}
