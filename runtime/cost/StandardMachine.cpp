// SPDX-License-Identifier: Apache-2.0
// The machine that docs/benchmarks.md describes, as gfs-bench --calibrate measured it.
#include "runtime/cost/MachineProfile.h"

namespace gfs {

MachineProfile MachineProfile::standard() {
  MachineProfile machine;
  machine.cpu = "built-in figures";
  machine.kernels = "avx512";
  machine.phaseNs = 210;
  machine.multiplicationNs = {{{0.035, 0.035, 0.058, 0.060, 0.070}, // dense
                               {0.014, 0.022, 0.024, 0.031, 0.044}, // filter
                               {0.067, 0.067, 0.13, 0.13, 0.15},    // thin
                               {0.24, 0.24, 0.50, 0.50, 0.50},      // depthwise
                               {0.35, 0.35, 0.55, 0.55, 0.55}}};    // matrix
  machine.unitNs = {
      {"input", {0.47, 0.78}},  {"output", {1.0, 1.5}},     {"open", {1.2, 2.2}},
      {"unmask", {0.60, 1.3}},  {"relu_table", {6.0, 9.0}}, {"relu_one_hot", {2.3, 3.4}},
      {"truncate", {1.6, 2.6}}, {"square", {3.0, 5.0}},     {"multiply", {1.1, 2.4}},
      {"spline", {3.7, 6.8}},   {"sum_pool", {0.15, 0.90}}, {"add_weight", {0.68, 1.3}},
      {"local", {0.43, 1.0}}};
  machine.aesBlockNs = 4.4;
  machine.exchanges = {{{3, 0.02}, {17, 0.3}, {26, 1.1}}}; // memory, plain, tls
  return machine;
}

} // namespace gfs
