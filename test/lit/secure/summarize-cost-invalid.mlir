// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --verify-diagnostics --secure-summarize-cost
// Tests that a cost without a ring is refused.

// expected-error @below {{expects secure.ring_bits and secure.weight_mode}}
module {
  func.func @main(%x: !secure.share<4, scale = 16>) -> !secure.share<4, scale = 16> {
    return %x : !secure.share<4, scale = 16>
  }
}
