// SPDX-License-Identifier: Apache-2.0
// How long a plan runs online: the gates' statements of their work (Gate::cost()) times the figures
// of a machine, plus exchanges over a network.
#pragma once

#include "runtime/cost/MachineProfile.h"
#include "runtime/exec/Program.h"
#include "runtime/net/NetworkProfile.h"

#include <vector>

namespace gfs {

/// Both servers' surroundings: they run on machines like this one.
struct Environment {
  MachineProfile machine = MachineProfile::standard();
  NetworkProfile network = parseNetworkProfile("lan", "network");
  Transport transport = Transport::Tls;

  /// "lan: 0.2 ms round trip, 1000 Mbit/s; machine: NAME (avx512)"
  std::string text() const;
};

/// One step's part of the time. What a step sends shares exchanges with other steps: its part of an
/// exchange's delay is one over the number of steps that send in it.
struct StepTime {
  double computeSeconds = 0;
  double delaySeconds = 0;    ///< Round trips and what an exchange costs by itself.
  double transferSeconds = 0; ///< Its bytes.
  double seconds() const { return computeSeconds + delaySeconds + transferSeconds; }
};

struct TimePrediction {
  Environment environment; ///< That it holds for.
  std::vector<StepTime> steps;
  StepTime total;
  uint64_t exchanges = 0;
  double seconds() const { return total.seconds(); }
};

/// Predicts the online time of one inference, from the arrival of the input's shares to the leaving
/// of the output's:
///
///     sum over steps   phases * phase + multiplications * per multiplication + units * per unit
///                      + AES blocks * per block
///   + sum over exchanges   round trip / 2 + fixed + bytes * (1 / rate + per byte)
///
/// The servers compute at the same time, each as long as the slower one.
TimePrediction predictTime(const Program &program, const Environment &environment);

} // namespace gfs
