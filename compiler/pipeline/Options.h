// SPDX-License-Identifier: Apache-2.0
// What a compilation can be asked for. gfscc's defaults are written here; those of formats that are
// not given are the pass's (NnToFixed.td) or searched for (FormatSearch.cpp).
#pragma once

#include "compiler/cost/Budget.h"
#include "compiler/pipeline/Phases.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gfs {

/// What is printed on standard output.
enum class Emit { None, Onnx, Nn, Fixed, Secure, Plan };

/// Fixed-point choices; what is not given is searched for or takes the pass's default.
struct FormatOptions {
  std::optional<unsigned> ringBits;
  std::optional<unsigned> activationBits, windowBits;
  std::optional<double> headroom;
  std::optional<double> activationError; ///< Of fitted functions, relative to their spread.
  bool exact = false;
};

/// Which ReLUs become cheaper functions, as it is written on the command line.
struct ReplaceOptions {
  /// "none", "auto", "all", "ratio:R". A budget and maxAccuracyDrop together make "auto" of "none".
  std::string replace = "none";
  std::optional<double> maxAccuracyDrop;
  std::string degrees = "0,1,2";
  std::filesystem::path pin;      ///< Choices by layer name, JSON; empty: none.
  std::filesystem::path frontier; ///< Where all points judged go, JSON; empty: nowhere.
  std::filesystem::path judge;    ///< Samples, with labels perhaps, that measure each step.
  double step = 5;                ///< Percent of the ReLUs that go between two rankings and fits.
  std::vector<std::string> leaveOut; ///< Ingredients, see docs/choosing-activations.md.
};

struct CompileOptions {
  std::filesystem::path model;
  std::filesystem::path output; ///< plan.bin; empty: nothing is written.
  /// .npy or .npz; empty: ranges come from test sets (`verify`) or made-up inputs, with a warning.
  std::filesystem::path calibration;
  std::map<std::string, std::vector<int64_t>> shapes; ///< By input name, for symbolic dimensions.
  /// Where the private part ends, by the model's names; empty: at the model's outputs.
  std::vector<std::string> outputs;
  std::string weightMode = "shared"; ///< "shared", "server", "public".
  std::string reluProtocol = "auto"; ///< "auto", "table", "one_hot", "dcf".
  std::string network = "lan";       ///< What times are predicted for; see parseNetworkProfile.
  std::filesystem::path machine;     ///< Of gfs-bench --calibrate; empty: built-in figures.
  std::string prefer = "time";       ///< What choices save: "time" or "material".
  Budget budget;                     ///< What an inference may cost.
  bool explain = false;              ///< Print costs and alternatives, layer by layer.
  /// "model" keeps what the model ends with; "argmax": the servers choose, and the client gets
  /// indices only; else "logits", "softmax", "log_softmax", "client-argmax", computed by the
  /// client.
  std::string outputForm = "model";
  FormatOptions formats;
  bool wholeOpenings = false; ///< Open all bits, also those that nothing keeps; exact formats do.
  ReplaceOptions replace;
  /// Largest root mean square error of the outputs, relative to their spread, that the search for
  /// formats allows. Not given: 0.005, or up to eight times that where it cannot be reached, with a
  /// warning.
  std::optional<double> tolerance;
  /// Test sets to run privately and compare, see compiler/verify; empty: none. They are also the
  /// calibration data if there are no other.
  std::filesystem::path verify;
  /// Largest error of their outputs, relative to the largest expected magnitude.
  double verifyTolerance = 0.02;
  Emit emit = Emit::None;
  Phase last = Phase::Write;    ///< --compile-to.
  bool fullWeights = false;     ///< Print weights in full.
  bool ranges = false;          ///< Print head-room, layer by layer.
  std::filesystem::path report; ///< .html or .json; empty: none.
  bool timing = false;
  bool stripNames = false; ///< Keep names of nodes, weights and model out of the plan.
  bool force = false;      ///< Replace existing keys.
  int verbosity = 1;       ///< 0: errors only; 1: progress and summary; 2: also what passes remark.
};

} // namespace gfs
