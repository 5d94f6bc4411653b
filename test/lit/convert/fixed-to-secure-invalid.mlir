// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --split-input-file --verify-diagnostics --convert-fixed-to-secure
// Tests that programs without a two-party form are refused with their place.

// expected-error @below {{expects fixed.ring_bits}}
module {
  func.func @main(%x: !fixed.tensor<1x4, scale = 16>) -> !fixed.tensor<1x4, scale = 16> {
    return %x : !fixed.tensor<1x4, scale = 16>
  }
}

// -----

// expected-error @below {{expects a function @main of one block}}
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @other(%x: !fixed.tensor<1x4, scale = 16>) -> !fixed.tensor<1x4, scale = 16> {
    return %x : !fixed.tensor<1x4, scale = 16>
  }
}

// -----

module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x4, scale = 16>) -> !fixed.tensor<1x4, scale = 16> {
    // expected-error @below {{has no two-party form}}
    %y = builtin.unrealized_conversion_cast %x : !fixed.tensor<1x4, scale = 16> to !fixed.tensor<1x4, scale = 16>
    return %y : !fixed.tensor<1x4, scale = 16>
  }
}
