// Tests choices by layer name: a list by channels with coefficients, one word for all, and files that say nothing sensible.
// RUN: echo '{"layers": {"act": ["relu", {"a": 0.25, "b": 0.5}], "other": "zero"}}' > %t.json
// RUN: gfs-opt %s --nn-choose-activations=pins=%t.json | FileCheck %s
// RUN: bash -c 'gfs-opt %s --nn-choose-activations=pins=%t.absent; test $? = 1' 2>&1 | FileCheck %s --check-prefix=ABSENT
// ABSENT: error: {{.*}}.absent: cannot be read
// RUN: echo '{"layers": ' > %t.broken
// RUN: bash -c 'gfs-opt %s --nn-choose-activations=pins=%t.broken; test $? = 1' 2>&1 | FileCheck %s --check-prefix=BROKEN
// BROKEN: error: {{.*}}.broken: is not JSON
// RUN: echo '["act"]' > %t.list
// RUN: bash -c 'gfs-opt %s --nn-choose-activations=pins=%t.list; test $? = 1' 2>&1 | FileCheck %s --check-prefix=LIST
// LIST: error: {{.*}}.list: has no object "layers"
// RUN: echo '{"layers": {"act": "zero", "missing": "zero"}}' > %t.missing
// RUN: bash -c 'gfs-opt %s --nn-choose-activations=pins=%t.missing; test $? = 1' 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: error: {{.*}}.missing: names a layer that is no ReLU of this function
// RUN: echo '{"layers": {"act": 3}}' > %t.number
// RUN: bash -c 'gfs-opt %s --nn-choose-activations=pins=%t.number; test $? = 1' 2>&1 | FileCheck %s --check-prefix=NUMBER
// NUMBER: error: {{.*}}"3" is no choice: write relu, zero, identity, linear, quadratic or coefficients {a, b, c}

// CHECK-LABEL: @main
func.func @main(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // CHECK-DAG: nn.constant dense<[0.000000e+00, 2.500000e-01]>
  // CHECK-DAG: nn.constant dense<[0.000000e+00, 5.000000e-01]>
  // CHECK: %[[Y:.*]] = nn.mixed_activation %{{.*}} {relu = array<i1: true, false>}
  %y = nn.relu %x : tensor<1x2xf32> loc("act")
  // CHECK: nn.mixed_activation %[[Y]], %{{.*}} {relu = array<i1: false, false>}
  %z = nn.relu %y : tensor<1x2xf32> loc("other")
  return %z : tensor<1x2xf32>
}
