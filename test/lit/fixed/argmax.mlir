// RUN: gfs-opt %s --fixed-argmax --split-input-file | FileCheck %s

// Tests that two rows of five elements become two indices. k = 4 bits number them; in a ring of 32 bits 25 are left for
// values, and 6.0 * 2 * 2^16 < 2^25 fits.
// CHECK-LABEL: func.func @main
// CHECK-SAME: -> (!fixed.tensor<2x1, scale = 28> {fixed.name = "scores", fixed.post = "index"})
// CHECK: %[[ROWS:.*]] = fixed.reshape %{{.*}} : !fixed.tensor<2x1x5, scale = 16> -> !fixed.tensor<2x1x1x5, scale = 16>
// CHECK: %[[ROOM:.*]] = fixed.rescale %[[ROWS]] by 16 {{.*}} -> !fixed.tensor<2x1x1x5, scale = 20>
// CHECK: %[[NUMBERS:.*]] = fixed.weight dense<{{\[\[\[\[}}0, -1, -2, -3, -4]]], {{\[\[\[}}0, -1, -2, -3, -4]]]]>
// CHECK: %[[FIVE:.*]] = fixed.add_weight %[[ROOM]], %[[NUMBERS]]
// CHECK: %[[THREE:.*]] = fixed.max_pool2d %[[FIVE]] window [0, 30) {{.*}}pads = array<i64: 0, 0, 0, 1>{{.*}} -> !fixed.tensor<2x1x1x3, scale = 20>
// CHECK: %[[TWO:.*]] = fixed.max_pool2d %[[THREE]] window [0, 30) {{.*}} -> !fixed.tensor<2x1x1x2, scale = 20>
// CHECK: %[[ONE:.*]] = fixed.max_pool2d %[[TWO]] window [0, 30) {{.*}} -> !fixed.tensor<2x1x1x1, scale = 20>
// CHECK: %[[INDEX:.*]] = fixed.rescale %[[ONE]] by -268435456 {fixed.range = array<f64: 0.000000e+00, 4.000000e+00>} {{.*}} -> !fixed.tensor<2x1x1x1, scale = 28>
// CHECK: %[[RESULT:.*]] = fixed.reshape %[[INDEX]] {{.*}} -> !fixed.tensor<2x1, scale = 28>
// CHECK: return %[[RESULT]]
module attributes {fixed.ring_bits = 32 : i64} {
func.func @main(%x: !fixed.tensor<2x1x5, scale = 16> {fixed.range = array<f64: -6.0, 3.0>})
    -> (!fixed.tensor<2x1x5, scale = 16> {fixed.name = "scores", fixed.post = "softmax"}) {
  return %x : !fixed.tensor<2x1x5, scale = 16>
}
}

// -----

// Tests that values without room are truncated, by as little as possible: 6.0 * 2 * 2^16 >> 2 < 2^18; and that one row
// leaves one element. Without a range, values may be as large as an open takes: 2^22 >> 5 < 2^18.
// CHECK-LABEL: func.func @main
// CHECK-SAME: -> (!fixed.tensor<1, scale = 21> {fixed.post = "index"}, !fixed.tensor<1, scale = 21> {fixed.post = "index"})
// CHECK: fixed.truncate %{{.*}} shift 2 {{.*}} -> !fixed.tensor<4, scale = 14>
// CHECK: fixed.truncate %{{.*}} shift 5 : {{.*}} -> !fixed.tensor<4, scale = 11>
module attributes {fixed.ring_bits = 24 : i64} {
func.func @main(%x: !fixed.tensor<4, scale = 16> {fixed.range = array<f64: -6.0, 3.0>}, %y: !fixed.tensor<4, scale = 16>)
    -> (!fixed.tensor<4, scale = 16>, !fixed.tensor<4, scale = 16>) {
  return %x, %y : !fixed.tensor<4, scale = 16>, !fixed.tensor<4, scale = 16>
}
}
