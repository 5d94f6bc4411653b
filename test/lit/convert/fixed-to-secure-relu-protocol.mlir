// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --convert-fixed-to-secure | FileCheck %s --check-prefix=AUTO
// RUN: gfs-opt %s --convert-fixed-to-secure=relu-protocol=dcf | FileCheck %s --check-prefix=DCF
// RUN: gfs-opt %s --convert-fixed-to-secure=relu-protocol=one_hot | FileCheck %s --check-prefix=ONE-HOT
// RUN: not gfs-opt %s --convert-fixed-to-secure=relu-protocol=table --secure-verify-masks 2>&1 | FileCheck %s --check-prefix=TABLE
// Tests that tables serve windows of up to 8 bits, and that a protocol can be asked for.

// AUTO-LABEL: func.func @main
// DCF-LABEL: func.func @main
// ONE-HOT-LABEL: func.func @main
// TABLE: error: 'secure.relu' op has a table over 10 bits, expects at most 9
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x4, scale = 16>) -> (!fixed.tensor<1x4, scale = 8>, !fixed.tensor<1x4, scale = 8>) {
    // AUTO: secure.relu %{{.*}} table
    // DCF: secure.relu %{{.*}} dcf
    // ONE-HOT: secure.relu %{{.*}} one_hot
    %y = fixed.relu %x shift 8 window [9, 17) : !fixed.tensor<1x4, scale = 16> -> !fixed.tensor<1x4, scale = 8>
    // AUTO: secure.relu %{{.*}} one_hot
    // DCF: secure.relu %{{.*}} dcf
    // ONE-HOT: secure.relu %{{.*}} one_hot
    %z = fixed.relu %x shift 8 window [7, 17) : !fixed.tensor<1x4, scale = 16> -> !fixed.tensor<1x4, scale = 8>
    return %y, %z : !fixed.tensor<1x4, scale = 8>, !fixed.tensor<1x4, scale = 8>
  }
}
