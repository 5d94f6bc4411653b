// RUN: gfs-opt %s --nn-fold-constants | FileCheck %s

// Tests the value of every function; the numbers are from another implementation of the formulas.

// CHECK-LABEL: @clip
func.func @clip() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[-5.000000e-01, 5.000000e-01, 1.000000e+00]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function clip %x {parameters = array<f64: -0.5, 1.0>} : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @hard_sigmoid
func.func @hard_sigmoid() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[{{0[.]3000000.*|3[.]0000.*e-01}}, {{0[.]6000000.*|6[.]0000.*e-01}}, {{0[.]8999999.*|9[.]0000.*e-01}}]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function hard_sigmoid %x {parameters = array<f64: 0.2, 0.5>} : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @hard_swish
func.func @hard_swish() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[{{-0[.]3333333.*|-3[.]3333.*e-01}}, {{0[.]2916666.*|2[.]9166.*e-01}}, {{1[.]666666.*|1[.]6666.*e+00}}]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function hard_swish %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @thresholded_relu
func.func @thresholded_relu() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[0.000000e+00, 0.000000e+00, 2.000000e+00]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function thresholded_relu %x {parameters = array<f64: 1.0>} : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @sigmoid
func.func @sigmoid() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[{{0[.]2689414.*|2[.]6894.*e-01}}, {{0[.]6224593.*|6[.]2245.*e-01}}, {{0[.]8807970.*|8[.]8079.*e-01}}]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function sigmoid %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @tanh
func.func @tanh() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[{{-0[.]7615941.*|-7[.]6159.*e-01}}, {{0[.]4621171.*|4[.]6211.*e-01}}, {{0[.]9640275.*|9[.]6402.*e-01}}]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function tanh %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @silu
func.func @silu() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[{{-0[.]2689414.*|-2[.]6894.*e-01}}, {{0[.]3112296.*|3[.]1122.*e-01}}, {{1[.]761594.*|1[.]7615.*e+00}}]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function silu %x {parameters = array<f64: 1.0>} : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @gelu
func.func @gelu() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[{{-0[.]1586552.*|-1[.]5865.*e-01}}, {{0[.]3457312.*|3[.]4573.*e-01}}, {{1[.]954499.*|1[.]9545.*e+00}}]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function gelu %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @gelu_tanh
func.func @gelu_tanh() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[{{-0[.]1588080.*|-1[.]5880.*e-01}}, {{0[.]3457140.*|3[.]4571.*e-01}}, {{1[.]954597.*|1[.]9545.*e+00}}]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function gelu_tanh %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @erf
func.func @erf() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[{{-0[.]8427007.*|-8[.]4270.*e-01}}, {{0[.]5204998.*|5[.]2049.*e-01}}, {{0[.]9953222.*|9[.]9532.*e-01}}]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function erf %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @elu
func.func @elu() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[{{-0[.]3160602.*|-3[.]1606.*e-01}}, 5.000000e-01, 2.000000e+00]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function elu %x {parameters = array<f64: 0.5>} : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @selu
func.func @selu() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[{{-1[.]896361.*|-1[.]8963.*e+00}}, 1.000000e+00, 4.000000e+00]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function selu %x {parameters = array<f64: 1.5, 2.0>} : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @celu
func.func @celu() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[{{-0[.]7869386.*|-7[.]8693.*e-01}}, 5.000000e-01, 2.000000e+00]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function celu %x {parameters = array<f64: 2.0>} : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @softplus
func.func @softplus() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[{{0[.]3132616.*|3[.]1326.*e-01}}, {{0[.]9740769.*|9[.]7407.*e-01}}, {{2[.]126928.*|2[.]1269.*e+00}}]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function softplus %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @softsign
func.func @softsign() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[-5.000000e-01, {{0[.]3333333.*|3[.]3333.*e-01}}, {{0[.]6666666.*|6[.]6666.*e-01}}]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function softsign %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @mish
func.func @mish() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[{{-0[.]30340.*|-3[.]0340.*e-01}}, {{0[.]3752452.*|3[.]7524.*e-01}}, {{1[.]94395.*}}]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function mish %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @exp
func.func @exp() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[{{0[.]367879.*|3[.]6787.*e-01}}, {{1[.]648721.*|1[.]6487.*e+00}}, {{7[.]389056.*|7[.]3890.*e+00}}]>
  %x = nn.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf32>
  %y = nn.function exp %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @log
func.func @log() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[{{-1[.]386294.*|-1[.]3862.*e+00}}, 0.000000e+00, {{1[.]386294.*|1[.]3862.*e+00}}]>
  %x = nn.constant dense<[0.25, 1.0, 4.0]> : tensor<3xf32>
  %y = nn.function log %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @sqrt
func.func @sqrt() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[5.000000e-01, 1.000000e+00, 2.000000e+00]>
  %x = nn.constant dense<[0.25, 1.0, 4.0]> : tensor<3xf32>
  %y = nn.function sqrt %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @rsqrt
func.func @rsqrt() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[2.000000e+00, 1.000000e+00, 5.000000e-01]>
  %x = nn.constant dense<[0.25, 1.0, 4.0]> : tensor<3xf32>
  %y = nn.function rsqrt %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @reciprocal
func.func @reciprocal() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[4.000000e+00, 1.000000e+00, 2.500000e-01]>
  %x = nn.constant dense<[0.25, 1.0, 4.0]> : tensor<3xf32>
  %y = nn.function reciprocal %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @power
func.func @power() -> tensor<3xf32> {
  // CHECK: nn.constant dense<[1.250000e-01, 1.000000e+00, 8.000000e+00]>
  %x = nn.constant dense<[0.25, 1.0, 4.0]> : tensor<3xf32>
  %y = nn.function power %x {parameters = array<f64: 1.5>} : tensor<3xf32>
  return %y : tensor<3xf32>
}
