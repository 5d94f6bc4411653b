// RUN: gfs-opt %s --convert-nn-to-fixed="fit=false activation-bits=11 ring-bits=24 window-bits=7" | FileCheck %s
// RUN: gfs-opt %s --convert-nn-to-fixed="fit=false activation-bits=11 ring-bits=24 window-bits=9" | FileCheck %s --check-prefix=LONG
// RUN: gfs-opt %s --convert-nn-to-fixed="fit=false activation-bits=11 ring-bits=24 exact=true" | FileCheck %s --check-prefix=EXACT
// RUN: gfs-opt %s --convert-nn-to-fixed="fit=false activation-bits=11 ring-bits=24 headroom=4.5" | FileCheck %s --check-prefix=HEADROOM
// RUN: gfs-opt %s --convert-nn-to-fixed="fit=false ring-bits=24 activation-bits=9" | FileCheck %s --check-prefix=COARSE
// RUN: not gfs-opt %s --convert-nn-to-fixed="fit=false activation-bits=11 ring-bits=12" 2>&1 | FileCheck %s --check-prefix=RING
// RUN: not gfs-opt %s --convert-nn-to-fixed="fit=false square-bits=6" 2>&1 | FileCheck %s --check-prefix=SQUARE
// RUN: not gfs-opt %s --convert-nn-to-fixed="fit=false headroom=0.5" 2>&1 | FileCheck %s --check-prefix=LESS

// Tests what each option changes in one ReLU, and the bounds of options.

// RING: option ring-bits expects 16 to 64, got 12
// SQUARE: option square-bits expects 8 to 40, got 6
// LESS: option headroom expects 1 to 1024, got 5.000000e-01
func.func @main(%x: tensor<1x1xf32> {fixed.range = array<f64: -2.0, 2.0>}) -> tensor<1x1xf32> {
  %w = nn.constant dense<0.5> : tensor<1x1xf32>
  // CHECK: fixed.linear {{.*}} -> !fixed.tensor<1x1, scale = 19>
  // CHECK: fixed.relu {{.*}} shift 10 window [15, 22)
  // LONG: fixed.relu {{.*}} shift 10 window [13, 22)
  // The window begins where the shift ends: a wrong sign changes nothing above the last place.
  // EXACT: fixed.relu {{.*}} shift 10 window [10, 22)
  // Head-room costs scale.
  // HEADROOM: fixed.linear {{.*}} -> !fixed.tensor<1x1, scale = 18>
  // HEADROOM: fixed.relu {{.*}} shift 9 window [14, 22)
  // COARSE: fixed.relu {{.*}} shift 12 window [14, 22)
  %z = nn.linear %x, %w {fixed.range = array<f64: -3.0, 3.0>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %y = nn.relu %z {fixed.range = array<f64: 0.0, 3.0>} : tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}
