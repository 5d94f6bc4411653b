// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --convert-fixed-to-secure | FileCheck %s --check-prefixes=CHECK,AUTO
// RUN: gfs-opt %s --convert-fixed-to-secure=relu-protocol=dcf | FileCheck %s --check-prefixes=CHECK,DCF
// RUN: gfs-opt %s --convert-fixed-to-secure --secure-schedule-exchanges --secure-plan-memory --secure-summarize-cost | FileCheck %s --check-prefix=COST

// Tests that a spline opens its operand once, for all thresholds, and that windows choose its protocol as a ReLU's.

// The open and the table's bits; the one-hot chunks of the second spline, three messages behind its open.
// COST: module attributes {{.*}}messages = 6 : i64{{.*}}secure.exchanges = 6 : i64
module attributes {fixed.ring_bits = 32 : i64} {
  // CHECK-LABEL: func.func @main
  func.func @main(%x: !fixed.tensor<4, scale = 9>) -> !fixed.tensor<4, scale = 13> {
    // CHECK: %[[M:.*]] = secure.open %{{.*}} {mask = 0 : i64}
    // AUTO: %[[S:.*]] = secure.spline %[[M]] table {high = 12 : i64, key = 0 : i64, low = 4 : i64, pieces = array<i64: -1, 0, 0, 0, 2, 1, 7, 0, 0>, shift = 3 : i64, thresholds = array<i64: -4, 4>} : !secure.masked<4, scale = 9> -> !secure.share<4, scale = 13>
    // DCF: %[[S:.*]] = secure.spline %[[M]] dcf
    %y = fixed.spline %x shift 3 window [4, 12) {thresholds = array<i64: -4, 4>, pieces = array<i64: -1, 0, 0, 0, 2, 1, 7, 0, 0>}
        : !fixed.tensor<4, scale = 9> -> !fixed.tensor<4, scale = 13>
    // CHECK: secure.open %[[S]] {mask = 1 : i64}
    // AUTO: secure.spline %{{.*}} one_hot {high = 14 : i64, key = 1 : i64
    // DCF: secure.spline %{{.*}} dcf
    %z = fixed.spline %y shift 0 window [4, 14) {thresholds = array<i64: 0>, pieces = array<i64: 0, 0, 0, 0, 1, 0>}
        : !fixed.tensor<4, scale = 13> -> !fixed.tensor<4, scale = 13>
    return %z : !fixed.tensor<4, scale = 13>
  }
}
