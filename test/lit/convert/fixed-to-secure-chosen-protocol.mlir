// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --convert-fixed-to-secure | FileCheck %s
// RUN: gfs-opt %s --convert-fixed-to-secure=relu-protocol=one_hot | FileCheck %s --check-prefix=ALL
// Tests that each operation may have a protocol of its own, and that the option overrides it.

// CHECK-LABEL: func.func @main
// ALL-LABEL: func.func @main
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x1x2x2, scale = 16>) -> (!fixed.tensor<1x1x2x2, scale = 8>, !fixed.tensor<1x1x2x2, scale = 8>, !fixed.tensor<1x1x1x1, scale = 16>) {
    // CHECK: secure.relu %{{.*}} dcf
    // ALL: secure.relu %{{.*}} one_hot
    %y = fixed.relu %x shift 8 window [9, 17) {fixed.protocol = "dcf"} : !fixed.tensor<1x1x2x2, scale = 16> -> !fixed.tensor<1x1x2x2, scale = 8>
    // CHECK: secure.relu %{{.*}} table
    // ALL: secure.relu %{{.*}} one_hot
    %z = fixed.relu %x shift 8 window [9, 17) : !fixed.tensor<1x1x2x2, scale = 16> -> !fixed.tensor<1x1x2x2, scale = 8>
    // CHECK: secure.relu %{{.*}} one_hot
    // CHECK: secure.relu %{{.*}} one_hot
    // ALL: secure.relu %{{.*}} one_hot
    %m = fixed.max_pool2d %x window [9, 17) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, fixed.protocol = "one_hot"} : !fixed.tensor<1x1x2x2, scale = 16> -> !fixed.tensor<1x1x1x1, scale = 16>
    return %y, %z, %m : !fixed.tensor<1x1x2x2, scale = 8>, !fixed.tensor<1x1x2x2, scale = 8>, !fixed.tensor<1x1x1x1, scale = 16>
  }
}
