// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --verify-diagnostics --secure-plan-memory
// Tests that memory is not planned without a schedule.

module attributes {secure.ring_bits = 32 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<4, scale = 8>) -> !secure.share<4, scale = 8> {
    // expected-error @below {{sends 1 messages, but has 0 exchanges; run secure-schedule-exchanges first}}
    %a = secure.open %x {mask = 0 : i64} : !secure.share<4, scale = 8> -> !secure.masked<4, scale = 8>
    %u = secure.unmask %a : !secure.masked<4, scale = 8> -> !secure.share<4, scale = 8>
    return %u : !secure.share<4, scale = 8>
  }
}
