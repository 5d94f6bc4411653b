// RUN: gfs-opt %s --split-input-file --verify-diagnostics --nn-choose-activations
// Tests what is said of choices that fit nothing.

func.func @count(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  // expected-error @+1 {{nn.choices has 2 choices for 3 channels: give one for all, or one for each}}
  %y = nn.relu %x {nn.choices = ["zero", "zero"]} : tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}

// -----

func.func @word(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  // expected-error @+1 {{"cubic" is no choice: write relu, zero, identity, linear, quadratic or coefficients {a, b, c}}}
  %y = nn.relu %x {nn.choices = ["cubic"]} : tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}

// -----

func.func @list(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  // expected-error @+1 {{nn.choices has 0 choices for 3 channels}}
  %y = nn.relu %x {nn.choices = "zero"} : tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}

// -----

func.func @coefficient(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  // expected-error @+1 {{coefficient "d" = 1.000000e+00 : f64: expects finite a, b and c of a x^2 + b x + c}}
  %y = nn.relu %x {nn.choices = [{d = 1.0}]} : tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}

// -----

func.func @infinite(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  // expected-error @+1 {{expects finite a, b and c}}
  %y = nn.relu %x {nn.choices = [{a = 0x7FF0000000000000 : f64}]} : tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}

// -----

func.func @no_statistics(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  // expected-error @+1 {{no batch normalisation says what values it sees: give coefficients {a, b, c}, or let gfscc --replace fit them to data}}
  %y = nn.relu %x {nn.choices = ["quadratic"]} : tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}

// -----

func.func @no_channels(%x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @+1 {{has no channels, so none can be chosen for}}
  %y = nn.relu %x {nn.choices = ["zero"]} : tensor<3xf32>
  return %y : tensor<3xf32>
}
