// SPDX-License-Identifier: Apache-2.0
// RUN: rm -rf %t && mkdir -p %t
// RUN: gfscc %s -q --weights=server -o %t/server.bin && gfs-inspect %t/server.bin --leakage | FileCheck %s --check-prefix=SERVER
// RUN: gfscc %s -q --weights=public -o %t/public.bin && gfs-inspect %t/public.bin --leakage | FileCheck %s --check-prefix=PUBLIC
// Tests that the leakage table says who knows the weights.

// SERVER: Server 0
// SERVER-NEXT: weights knows the weights
// SERVER: Server 1
// SERVER-NEXT: weights plan.weights is W - A
// PUBLIC: Server 0
// PUBLIC-NEXT: weights knows the weights
// PUBLIC: Server 1
// PUBLIC-NEXT: weights knows the weights
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x4, scale = 8>) -> !fixed.tensor<1x2, scale = 16> {
    %w = fixed.weight dense<1> : tensor<2x4xi32> -> !fixed.tensor<2x4, scale = 8>
    %z = fixed.linear %x, %w : (!fixed.tensor<1x4, scale = 8>, !fixed.tensor<2x4, scale = 8>) -> !fixed.tensor<1x2, scale = 16>
    return %z : !fixed.tensor<1x2, scale = 16>
  }
}
