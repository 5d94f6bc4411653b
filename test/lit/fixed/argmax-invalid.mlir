// RUN: gfs-opt %s --fixed-argmax --split-input-file --verify-diagnostics
// RUN: not gfs-opt --fixed-argmax=headroom=0.5 %s --split-input-file 2>&1 | FileCheck %s
// CHECK: option headroom expects 1 to 1024, got

// Rule 1.
module attributes {fixed.ring_bits = 32 : i64} {
func.func @main(%x: !fixed.tensor<3x1, scale = 9>, %y: !fixed.tensor<1x1, scale = 9>)
    -> (!fixed.tensor<3x1, scale = 9>, !fixed.tensor<1x1, scale = 9> {fixed.name = "depth"}) {
  // expected-error @below {{output 'depth' has rows of one element: there is nothing to choose from}}
  return %x, %y : !fixed.tensor<3x1, scale = 9>, !fixed.tensor<1x1, scale = 9>
}
}

// -----

// Rule 2: k = 11 bits number a thousand classes.
module attributes {fixed.ring_bits = 22 : i64} {
func.func @main(%x: !fixed.tensor<1x1000, scale = 9>) -> !fixed.tensor<1x1000, scale = 9> {
  // expected-error @below {{the largest of 1000 elements of output 'result' needs a ring of 23 bits, got 22}}
  return %x : !fixed.tensor<1x1000, scale = 9>
}
}

// -----

// expected-error @below {{expects a function @main with one block and 'fixed.ring_bits'}}
module {
func.func @main(%x: !fixed.tensor<1x4, scale = 9>) -> !fixed.tensor<1x4, scale = 9> {
  return %x : !fixed.tensor<1x4, scale = 9>
}
}

// -----

// The client's work along another axis is not what the servers would choose.
module attributes {fixed.ring_bits = 32 : i64} {
// expected-error @below {{result 0 is processed along another axis than the last longer one, or selects several elements}}
func.func @main(%x: !fixed.tensor<3x2, scale = 9>) -> (!fixed.tensor<3x2, scale = 9> {fixed.post = "softmax", fixed.post_axis = 0 : i64}) {
  return %x : !fixed.tensor<3x2, scale = 9>
}
}
