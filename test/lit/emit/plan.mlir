// SPDX-License-Identifier: Apache-2.0
// RUN: gfscc %s -q --emit=plan | FileCheck %s
// Tests that a plan says what the program says: ports, values, steps, weights, and the schedule interval by interval.

// CHECK: format: 2
// CHECK: compiler: "gfscc
// CHECK: model: "plan"
// CHECK: ring_bits: 24
// The argument, then one value for each operation; the reshape is a view and has none.
// CHECK: values {
// CHECK-NEXT: shape: 1
// CHECK-NEXT: shape: 1
// CHECK-NEXT: shape: 2
// CHECK-NEXT: shape: 2
// CHECK-NEXT: scale: 8
// CHECK-NEXT: }
// CHECK-NEXT: values {
// CHECK: kind: MASKED
// CHECK: weights {
// CHECK-NEXT: elements: 12
// CHECK-NEXT: scale: 8
// CHECK-NEXT: name: "fc.weight"
// CHECK-NEXT: }
// CHECK: steps {
// CHECK-NEXT: name: "in"
// CHECK-NEXT: input {
// CHECK: steps {
// CHECK-NEXT: name: "fc"
// CHECK-NEXT: operands: 0
// CHECK-NEXT: result: 1
// CHECK-NEXT: open {
// CHECK: steps {
// CHECK-NEXT: name: "fc"
// CHECK-NEXT: operands: 1
// CHECK-NEXT: result: 2
// CHECK-NEXT: linear {
// CHECK-NEXT: conv {
// CHECK-NEXT: batch: 1
// CHECK-NEXT: in_channels: 4
// CHECK-NEXT: in_h: 1
// CHECK-NEXT: in_w: 1
// CHECK-NEXT: out_channels: 3
// CHECK: relu {
// CHECK-NEXT: shift: 8
// CHECK-NEXT: window {
// CHECK-NEXT: low: 6
// CHECK-NEXT: high: 13
// CHECK: steps {
// CHECK-NEXT: name: "out"
// CHECK-NEXT: operands: 4
// CHECK-NEXT: output {
// Interval 0: input, first phase of the open.
// CHECK: schedule {
// CHECK-NEXT: run {
// CHECK-NEXT: }
// CHECK-NEXT: }
// CHECK-NEXT: schedule {
// CHECK-NEXT: run {
// CHECK-NEXT: step: 1
// CHECK-NEXT: }
// CHECK-NEXT: }
// CHECK-NEXT: schedule {
// CHECK-NEXT: exchange {
// Interval 1: second phase of the open, the product, first phase of the next open.
// CHECK: step: 1
// CHECK-NEXT: phase: 1
// CHECK: step: 2
// CHECK: step: 3
// CHECK: exchange {
// CHECK: step: 3
// CHECK-NEXT: phase: 1
// CHECK: step: 4
// CHECK: exchange {
// CHECK: step: 4
// CHECK-NEXT: phase: 1
// CHECK: step: 5
// CHECK: inputs {
// CHECK-NEXT: name: "in"
// CHECK: outputs {
// CHECK-NEXT: name: "out"
// CHECK-NEXT: value: 4
// CHECK-NEXT: post_process: ARGMAX
// CHECK: arena_words:
module attributes {secure.ring_bits = 24 : i64, secure.weight_mode = "shared"} {
  func.func @main(%x: !secure.share<1x1x2x2, scale = 8> {secure.name = "in"}) -> (!secure.share<1x3, scale = 8> {secure.name = "out", secure.post = "argmax"}) {
    %f = secure.reshape %x : !secure.share<1x1x2x2, scale = 8> -> !secure.share<1x4, scale = 8> loc("flatten")
    %m = secure.open %f {mask = 0 : i64} : !secure.share<1x4, scale = 8> -> !secure.masked<1x4, scale = 8> loc("fc")
    %w = secure.weight dense<1> : tensor<3x4xi64> -> !secure.weight<3x4, scale = 8> loc("fc.weight")
    %z = secure.linear %m, %w {key = 0 : i64} : (!secure.masked<1x4, scale = 8>, !secure.weight<3x4, scale = 8>) -> !secure.share<1x3, scale = 16> loc("fc")
    %zm = secure.open %z {mask = 1 : i64} : !secure.share<1x3, scale = 16> -> !secure.masked<1x3, scale = 16> loc("relu")
    %y = secure.relu %zm table {shift = 8 : i64, low = 6 : i64, high = 13 : i64, key = 1 : i64} : !secure.masked<1x3, scale = 16> -> !secure.share<1x3, scale = 8> loc("relu")
    return %y : !secure.share<1x3, scale = 8>
  }
}
