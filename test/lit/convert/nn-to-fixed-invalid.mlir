// RUN: gfs-opt %s --convert-nn-to-fixed="activation-bits=11 ring-bits=16" --split-input-file --verify-diagnostics

// expected-error @below {{argument 0 has no 'fixed.range': calibrate before converting}}
func.func @main(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // expected-error @below {{has no 'fixed.range': calibrate before converting}}
  %y = nn.relu %x : tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

// expected-error @below {{expects a function @main with one block}}
module {
  func.func @other(%x: tensor<1x2xf32> {fixed.range = array<f64: -1.0, 1.0>}) -> tensor<1x2xf32> {
    return %x : tensor<1x2xf32>
  }
}

// -----

// |x| <= 2 takes scale 10; logits up to 1000 have 2 * 1000 * 2^scale < 2^15, scale 4: a weight of 50 * 2^-6 is rounded away.
func.func @main(%x: tensor<1x1xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x1xf32> {
  %w = nn.constant dense<50.0> : tensor<1x1xf32>
  // expected-error @below {{has 1 bits left for its weights in a ring of 16 bits}}
  %y = nn.linear %x, %w {fixed.range = array<f64: -1000.0, 1000.0>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}

// -----

func.func @main(%x: tensor<1x2xf32> {fixed.range = array<f64: -1.0, 1.0>}) -> tensor<1x2xf32> {
  // expected-error @below {{can only be the last operation: the client applies it to the result}}
  %y = nn.softmax %x {axis = 1 : i64, fixed.range = array<f64: 0.0, 1.0>} : tensor<1x2xf32>
  %z = nn.relu %y {fixed.range = array<f64: 0.0, 1.0>} : tensor<1x2xf32>
  return %z : tensor<1x2xf32>
}

// -----

func.func @main(%x: tensor<1x2xf32> {fixed.range = array<f64: -1.0, 1.0>}) -> tensor<1x2xf32> {
  %y = nn.constant dense<[[0.5, 1.5]]> : tensor<1x2xf32>
  // expected-error @below {{returns a constant, which needs no private computation}}
  return %y : tensor<1x2xf32>
}

// -----

func.func @main(%x: tensor<1x1xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x1xf32> {
  // expected-error @below {{is not defined everywhere from -2.000000e+00 to 2.000000e+00, the range of its operand in calibration: reciprocal needs other calibration data}}
  %y = nn.function reciprocal %x {fixed.range = array<f64: -0.5, 0.5>} : tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}

// -----

// A sum of up to 1000 leaves the sigmoid a scale of 4 in 16 bits, and its operand less.
func.func @main(%x: tensor<1x1xf32> {fixed.range = array<f64: -8.0, 8.0>}, %v: tensor<1x1xf32> {fixed.range = array<f64: -1000.0, 1000.0>})
    -> tensor<1x1xf32> {
  // expected-error @below {{has fewer than 3 bits left for its operand in a ring of 16 bits: choose a wider ring (--ring)}}
  %y = nn.function sigmoid %x {fixed.range = array<f64: 0.0, 1.0>} : tensor<1x1xf32>
  %z = nn.add %y, %v {fixed.range = array<f64: -1000.0, 1001.0>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  return %z : tensor<1x1xf32>
}
