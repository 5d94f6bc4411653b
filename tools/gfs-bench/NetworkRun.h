// SPDX-License-Identifier: Apache-2.0
// Whole networks, measured: one plan over several transports, each inference with fresh material.
#pragma once

#include "runtime/inspect/PlanSummary.h"
#include "runtime/net/Spin.h"
#include "runtime/serve/Dealing.h"
#include "runtime/serve/Local.h"
#include "tools/gfs-bench/Plaintext.h"

namespace gfs {

struct NetworkOptions {
  std::vector<Transport> transports = {Transport::Memory, Transport::Plain, Transport::Tls};
  unsigned inferences = 10; ///< At least so many are measured: every input equally often.
  unsigned warmUp = 2;      ///< Passes before, that are not counted.
  unsigned together = 1;    ///< Inferences in one pass.
  /// Between two requests: servers prepare the next inference in it, not under the present one.
  unsigned pauseMs = 0;
  unsigned spinUs = Spin::usual.count(); ///< The servers' --spin-us.
  std::string device = "cpu";            ///< Of servers and dealer, as gfsrun takes it.
  bool timeSteps = false; ///< On a GPU: by its clock, launch by launch and so a little slower.
  std::string throttle;   ///< A network to imitate, as gfsrun takes it; empty: none.
  MachineProfile machine = MachineProfile::standard(); ///< What predictions are made from.
  std::string python; ///< For plaintext; empty: it is not measured.
};

struct NetworkFiles {
  std::filesystem::path plan;  ///< Weights and keys lie beside it.
  std::filesystem::path input; ///< Inputs; empty: values in [-1, 1] are made up.
  std::filesystem::path model; ///< .onnx, for plaintext; may be empty.
};

/// One transport. Memory: two threads of this process. Else: two gfsrun processes and a client.
struct TransportResult {
  Transport transport;
  std::vector<serve::RequestCost> costs;   ///< By inference; times are of its pass.
  serve::Scores scores;                    ///< Against plaintext, if that was run.
  std::optional<double> predictedMs;       ///< Online, of one inference; none for several.
  double perSecond = 0;                    ///< Inferences, pass after pass.
  std::array<double, 2> loadMs{};          ///< Of each server; both together in one process.
  std::array<uint64_t, 2> peakBytes{};     ///< Of each server process; 0 in one process.
  std::optional<serve::DealSummary> dealt; ///< To files, on one thread; none in one process.

  serve::Percentiles online() const; ///< Milliseconds of a pass, of the slower server.
};

struct NetworkResult {
  std::string name;
  ProgramRef program;
  uint64_t relus = 0;                   ///< Elements decided by ReLU gates, maxima included.
  std::optional<double> compileSeconds; ///< Set by whoever compiled.
  std::vector<TransportResult> runs;
  std::vector<serve::StepProfile> profile; ///< Of the run in one process; else empty.
  std::string device;                      ///< Of that run.
  unsigned together = 1;                   ///< Inferences in a pass.
  std::optional<PlaintextResult> plaintext;
};

/// Errors: those of the readers of plan, weights, keys and inputs; Failure (a server or the
/// interpreter failed), Network.
NetworkResult measureNetwork(const NetworkFiles &files, const NetworkOptions &options);

} // namespace gfs
