// SPDX-License-Identifier: Apache-2.0
// RUN: rm -rf %t && mkdir -p %t/a %t/b
// RUN: gfscc %s -q -o %t/a/plan.bin
// RUN: gfscc %s -q -o %t/b/plan.bin
// RUN: cmp %t/a/plan.bin %t/b/plan.bin
// RUN: not cmp %t/a/plan.s0.key %t/b/plan.s0.key
// RUN: not cmp %t/a/plan.weights %t/b/plan.weights
// RUN: stat -c %%a %t/a/plan.s0.key %t/a/plan.s1.key %t/a/plan.dealer.key | FileCheck %s --check-prefix=MODE
// Tests that plans are byte for byte the same, keys never are, and only their owner can read them.

// MODE-COUNT-3: 600
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x4, scale = 8> {fixed.name = "in"}) -> (!fixed.tensor<1x2, scale = 8> {fixed.name = "out", fixed.post = "softmax"}) {
    %w = fixed.weight dense<1> : tensor<2x4xi32> -> !fixed.tensor<2x4, scale = 8>
    %z = fixed.linear %x, %w : (!fixed.tensor<1x4, scale = 8>, !fixed.tensor<2x4, scale = 8>) -> !fixed.tensor<1x2, scale = 16>
    %y = fixed.relu %z shift 8 window [6, 13) : !fixed.tensor<1x2, scale = 16> -> !fixed.tensor<1x2, scale = 8>
    return %y : !fixed.tensor<1x2, scale = 8>
  }
}
