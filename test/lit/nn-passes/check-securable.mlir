// RUN: gfs-opt %s --nn-check-securable --split-input-file --verify-diagnostics

func.func @weights(%x: tensor<1x2xf32>, %w: tensor<3x2xf32>) -> tensor<1x3xf32> {
  // expected-error @below {{has weights or statistics that the network computes}}
  %z = nn.linear %x, %w : (tensor<1x2xf32>, tensor<3x2xf32>) -> tensor<1x3xf32>
  return %z : tensor<1x3xf32>
}

// -----

func.func @argmax_inside(%x: tensor<1x2xf32>) -> tensor<1xf32> {
  // expected-error @below {{is followed by more operations; the client can only apply it to an output}}
  %s = nn.argmax %x {axis = 1 : i64} : tensor<1x2xf32> -> tensor<1xf32>
  %r = nn.relu %s : tensor<1xf32>
  return %r : tensor<1xf32>
}

// -----

func.func @constant_result(%x: tensor<1xf32>) -> (tensor<1xf32> {nn.name = "c"}) {
  %c = nn.constant dense<1.0> : tensor<1xf32>
  // expected-error @below {{output 'c' does not depend on the input; remove it from the model}}
  return %c : tensor<1xf32>
}

// -----

// Tests that what fits passes.
func.func @good(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w = nn.constant dense<1.0> : tensor<2x2xf32>
  %z = nn.linear %x, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %s = nn.softmax %z {axis = 1 : i64} : tensor<1x2xf32>
  return %s : tensor<1x2xf32>
}

// -----

// Tests that the client's work may be along any axis.
func.func @softmax_anywhere(%x: tensor<1x10x2x1xf32>) -> (tensor<1x10x2x1xf32>, tensor<1x3x2x1xf32>) {
  %s = nn.softmax %x {axis = 1 : i64} : tensor<1x10x2x1xf32>
  %t = nn.top_values %x {axis = 1 : i64} : tensor<1x10x2x1xf32> -> tensor<1x3x2x1xf32>
  return %s, %t : tensor<1x10x2x1xf32>, tensor<1x3x2x1xf32>
}

// -----

func.func @top_inside(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  // expected-error @below {{is followed by more operations; the client can only apply it to an output}}
  %t = nn.top_indices %x {axis = 1 : i64} : tensor<1x4xf32> -> tensor<1x2xf32>
  %r = nn.relu %t : tensor<1x2xf32>
  return %r : tensor<1x2xf32>
}

// -----

func.func @infinite(%x: tensor<1x2xf32>) -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  // expected-error @below {{holds a NaN or an infinity; train or export the model again}}
  %c = nn.constant dense<[1.0, 0x7F800000]> : tensor<2xf32>
  // expected-error @below {{holds a NaN or an infinity}}
  %d = nn.constant dense<0x7FC00000> : tensor<2xf32>
  %y = nn.add %x, %c : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %z = nn.add %x, %d : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  return %y, %z : tensor<1x2xf32>, tensor<1x2xf32>
}

// -----

func.func @constants_alone(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %c = nn.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %w = nn.constant dense<1.0> : tensor<2x2xf32>
  // expected-error @below {{does not depend on the input; store its result in the model, or remove the output that it belongs to}}
  %z = nn.linear %c, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %s = nn.add %x, %z : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  return %s : tensor<1x2xf32>
}

// -----

func.func @constant_index(%x: tensor<1x2xf32>) -> tensor<1xf32> {
  %c = nn.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  // expected-error @below {{does not depend on the input}}
  %i = nn.argmax %c {axis = 1 : i64} : tensor<1x2xf32> -> tensor<1xf32>
  return %i : tensor<1xf32>
}
