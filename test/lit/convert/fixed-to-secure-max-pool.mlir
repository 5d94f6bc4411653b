// SPDX-License-Identifier: Apache-2.0
// RUN: gfs-opt %s --split-input-file --convert-fixed-to-secure | FileCheck %s
// RUN: gfs-opt %s --split-input-file --convert-fixed-to-secure --secure-schedule-exchanges | FileCheck %s --check-prefix=DEPTH
// RUN: gfs-opt %s --split-input-file --convert-fixed-to-secure=weights=public | FileCheck %s --check-prefix=PUBLIC

// Tests that a 2x2 maximum is two comparisons, one axis after the other.
// CHECK-LABEL: func.func @main
// PUBLIC-LABEL: func.func @main
// DEPTH: secure.exchanges = 4 : i64
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x1x4x4, scale = 8>) -> !fixed.tensor<1x1x2x2, scale = 8> {
    // CHECK: %[[A:.*]] = secure.take %{{.*}} {axis = 2 : i64, indices = array<i64: 0, 2>}
    // CHECK: %[[B:.*]] = secure.take %{{.*}} {axis = 2 : i64, indices = array<i64: 1, 3>}
    // CHECK: %[[D:.*]] = secure.sub %[[A]], %[[B]]
    // CHECK: %[[M:.*]] = secure.open %[[D]]
    // CHECK: %[[R:.*]] = secure.relu %[[M]] table {high = 13 : i64, key = 0 : i64, low = 5 : i64, shift = 0 : i64}
    // CHECK: %[[C:.*]] = secure.add %[[B]], %[[R]]
    // CHECK: secure.take %[[C]] {axis = 3 : i64, indices = array<i64: 0, 2>}
    // CHECK: secure.take %[[C]] {axis = 3 : i64, indices = array<i64: 1, 3>}
    // CHECK: secure.relu
    // CHECK-NOT: secure.relu
    %y = fixed.max_pool2d %x window [5, 13) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>} : !fixed.tensor<1x1x4x4, scale = 8> -> !fixed.tensor<1x1x2x2, scale = 8>
    return %y : !fixed.tensor<1x1x2x2, scale = 8>
  }
}

// -----

// Tests that windows that reach into the padding repeat their nearest element inside, on the lattice of the dilation, and
// that a tree over k elements is ceil(log2(k)) deep: 3 is 2 levels of 2 exchanges on each axis.
// CHECK-LABEL: func.func @main
// PUBLIC-LABEL: func.func @main
// DEPTH: secure.exchanges = 8 : i64
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x1x6x6, scale = 8>) -> !fixed.tensor<1x1x3x3, scale = 8> {
    // Windows of rows {-2, 0, 2}, {0, 2, 4}, {2, 4, 6}.
    // CHECK: secure.take %{{.*}} {axis = 2 : i64, indices = array<i64: 0, 0, 2>}
    // CHECK: secure.take %{{.*}} {axis = 2 : i64, indices = array<i64: 0, 2, 4>}
    // CHECK: secure.take %{{.*}} {axis = 2 : i64, indices = array<i64: 2, 4, 4>}
    // CHECK-COUNT-4: secure.relu
    // CHECK-NOT: secure.relu
    %y = fixed.max_pool2d %x window [5, 13) {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, dilations = array<i64: 2, 2>, pads = array<i64: 2, 2, 2, 2>} : !fixed.tensor<1x1x6x6, scale = 8> -> !fixed.tensor<1x1x3x3, scale = 8>
    return %y : !fixed.tensor<1x1x3x3, scale = 8>
  }
}

// -----

// Tests that differences of masked values are compared without an open.
// CHECK-LABEL: func.func @main
// PUBLIC-LABEL: func.func @main
// PUBLIC: %[[X:.*]] = secure.open
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x1x1x2, scale = 8>) -> !fixed.tensor<1x1x1x1, scale = 16> {
    %w = fixed.weight dense<1> : tensor<1x1x1x1xi32> -> !fixed.tensor<1x1x1x1, scale = 8>
    // PUBLIC: %[[Z:.*]] = secure.conv2d %[[X]]
    %z = fixed.conv2d %x, %w : (!fixed.tensor<1x1x1x2, scale = 8>, !fixed.tensor<1x1x1x1, scale = 8>) -> !fixed.tensor<1x1x1x2, scale = 16>
    // PUBLIC: %[[D:.*]] = secure.sub %{{.*}}, %[[B:.*]] : !secure.masked
    // PUBLIC: %[[R:.*]] = secure.relu %[[D]]
    // PUBLIC: %[[U:.*]] = secure.unmask %[[B]]
    // PUBLIC: secure.add %[[U]], %[[R]]
    // PUBLIC-NOT: secure.open
    %y = fixed.max_pool2d %z window [5, 13) {kernel = array<i64: 1, 2>} : !fixed.tensor<1x1x1x2, scale = 16> -> !fixed.tensor<1x1x1x1, scale = 16>
    return %y : !fixed.tensor<1x1x1x1, scale = 16>
  }
}

// -----

// Tests that a long window is halved as a whole, what an odd number leaves over joins the rest, and eight elements are paired
// singly: 19 elements are 9, then 5, then 2, 1 and 1 comparisons, 5 levels of 2 exchanges.
// CHECK-LABEL: func.func @main
// PUBLIC-LABEL: func.func @main
// DEPTH: secure.exchanges = 10 : i64
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x1x1x19, scale = 8>) -> !fixed.tensor<1x1x1x1, scale = 8> {
    // CHECK: %[[A:.*]] = secure.take %{{.*}} {axis = 3 : i64, indices = array<i64: 0, 1, 2, 3, 4, 5, 6, 7, 8>}
    // CHECK: %[[B:.*]] = secure.take %{{.*}} {axis = 3 : i64, indices = array<i64: 9, 10, 11, 12, 13, 14, 15, 16, 17>}
    // CHECK: secure.sub %[[A]], %[[B]]
    // CHECK: %[[M:.*]] = secure.add %[[B]], %{{.*}}
    // CHECK: %[[L:.*]] = secure.take %{{.*}} {axis = 3 : i64, indices = array<i64: 18>}
    // CHECK: %[[C:.*]] = secure.concat %[[M]], %[[L]] {axis = 3 : i64}
    // CHECK: secure.take %[[C]] {axis = 3 : i64, indices = array<i64: 0, 1, 2, 3, 4>}
    // CHECK: secure.take %[[C]] {axis = 3 : i64, indices = array<i64: 5, 6, 7, 8, 9>}
    // CHECK-COUNT-5: secure.relu
    // CHECK-NOT: secure.relu
    %y = fixed.max_pool2d %x window [5, 13) {kernel = array<i64: 1, 19>, strides = array<i64: 1, 1>} : !fixed.tensor<1x1x1x19, scale = 8> -> !fixed.tensor<1x1x1x1, scale = 8>
    return %y : !fixed.tensor<1x1x1x1, scale = 8>
  }
}
