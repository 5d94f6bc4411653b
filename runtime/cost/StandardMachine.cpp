// SPDX-License-Identifier: Apache-2.0
// The machine that docs/benchmarks.md describes, as gfs-bench --calibrate measured it.
#include "runtime/cost/MachineProfile.h"

namespace gfs {

MachineProfile MachineProfile::standard() {
  MachineProfile machine;
  machine.cpu = "built-in figures";
  machine.kernels = "avx512";
  machine.phaseNs = 150;
  machine.multiplicationNs = {{{0.035, 0.052, 0.066}, // dense
                               {0.061, 0.099, 0.116}, // thin
                               {0.21, 0.36, 0.37},    // depthwise
                               {0.29, 0.55, 0.56}}};  // matrix
  machine.unitNs = {
      {"input", {0.22, 0.56}},   {"output", {0.85, 3.2}},    {"open", {0.86, 2.1}},
      {"unmask", {0.37, 1.0}},   {"relu_table", {2.2, 3.5}}, {"relu_one_hot", {1.3, 2.2}},
      {"truncate", {0.53, 1.3}}, {"square", {0.73, 1.8}},    {"multiply", {0.79, 2.0}},
      {"spline", {3.0, 6.0}},    {"sum_pool", {0.12, 0.79}}, {"add_weight", {0.47, 1.0}},
      {"local", {0.23, 0.81}}};
  machine.aesBlockNs = 4.4;
  machine.exchanges = {{{13, 0.05}, {20, 0.62}, {25, 1.1}}}; // memory, plain, tls
  return machine;
}

} // namespace gfs
