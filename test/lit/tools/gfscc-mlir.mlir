// SPDX-License-Identifier: Apache-2.0
// RUN: gfscc %s --emit=secure 2>%t.log | FileCheck %s
// RUN: FileCheck %s --check-prefix=LOG < %t.log
// RUN: gfscc %s --emit=secure --full-weights -q | FileCheck %s --check-prefix=FULL
// RUN: gfscc %s --emit=secure --weights=public --relu-protocol=dcf -q | FileCheck %s --check-prefix=OPTIONS
// RUN: gfscc %s --emit=secure --compile-to=secure -q -o %t.absent.bin && test ! -e %t.absent.bin
// Tests that compilation continues from a program in the middle, says what it does, and hides large weights unless asked.

// CHECK: secure.weight dense_resource<__elided__> : tensor<2x20xi32>
// CHECK: secure.relu %{{.*}} dcf
// LOG: [1/6] import
// LOG: [4/6] secure 2 exchanges
// LOG: [5/6] plan 6 steps
// LOG: ring 32 bits
// LOG: exchanges 2
// LOG: dealt bytes 388 to server 0, 384 to server 1
// FULL: secure.weight dense<{{.*}}1, 2, 3, 4
// OPTIONS: secure.weight_mode = "public"
// OPTIONS: secure.relu %{{.*}} dcf
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x20, scale = 8> {fixed.name = "in"}) -> (!fixed.tensor<1x2, scale = 8> {fixed.name = "out", fixed.post = "none"}) {
    %w = fixed.weight dense<[[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]]> : tensor<2x20xi32> -> !fixed.tensor<2x20, scale = 8>
    %z = fixed.linear %x, %w : (!fixed.tensor<1x20, scale = 8>, !fixed.tensor<2x20, scale = 8>) -> !fixed.tensor<1x2, scale = 16>
    %y = fixed.relu %z shift 8 window [6, 13) : !fixed.tensor<1x2, scale = 16> -> !fixed.tensor<1x2, scale = 8>
    return %y : !fixed.tensor<1x2, scale = 8>
  }
}
