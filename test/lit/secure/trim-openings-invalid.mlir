// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --verify-diagnostics --secure-trim-openings
// Tests that openings are not trimmed in a ring that nobody has named.

// expected-error @below {{expects secure.ring_bits}}
module {
  func.func @main(%x: !secure.share<4, scale = 16>) -> !secure.share<4, scale = 8> {
    %m = secure.open %x {mask = 0 : i64} : !secure.share<4, scale = 16> -> !secure.masked<4, scale = 16>
    %y = secure.truncate %m {shift = 8 : i64, key = 0 : i64} : !secure.masked<4, scale = 16> -> !secure.share<4, scale = 8>
    return %y : !secure.share<4, scale = 8>
  }
}
