// SPDX-License-Identifier: Apache-2.0
// What a user asks a tool to infer: tensor files in, tensor files and scores out, for one plan.
#pragma once

#include "runtime/exec/ClientShares.h"

#include <filesystem>
#include <optional>
#include <string>

namespace gfs::serve {

struct WorkloadOptions {
  std::vector<std::string> inputs = {}; ///< "FILE", "FILE.npz:NAME" or "PORT=FILE…".
  bool batch = false;                   ///< The leading axis holds many requests.
  uint64_t limit = 0;                   ///< At most so many requests; 0 = all.
  std::string labels = {};              ///< Class numbers, one per row of the first output.
  std::string expected = {};            ///< What the model itself gives for the first output.
  std::filesystem::path output = {};    ///< .npy to write; one per port if there are several.
  double minAccuracy = 0, minAgreement = 0;
};

/// Agreement with given labels and expected outputs.
struct Scores {
  uint64_t rows = 0;
  std::optional<double> accuracy;  ///< Rows whose largest output is the label.
  std::optional<double> agreement; ///< Rows whose largest output is that of the expected outputs.
  std::optional<double> maxDifference; ///< Largest absolute difference to the expected outputs.
};

/// The requests of some tensor files. Inferences go round them as often as a caller likes:
/// inference i is of request i mod requests().
class Workload {
public:
  /// Reads and checks all files against the plan, which must outlive it. Errors: those of
  /// readTensor and of requireWritable; InvalidInput (shapes), RangeCheck (values), Usage (port
  /// names).
  Workload(const plan::Plan &plan, WorkloadOptions options);

  uint64_t requests() const { return count; }
  /// The files it was read from.
  std::vector<std::filesystem::path> files() const;
  /// What to warn of before material is spent: values far beyond those that the compiler saw, for
  /// which formats were not made. Empty if there are none.
  std::string beyondCalibration() const;
  /// Ring words by port.
  std::vector<ClearWords> inputs(uint64_t inference) const;
  /// The inputs of `size` inferences in a row, as one pass takes them.
  std::vector<std::vector<ClearWords>> groupFrom(uint64_t first, uint64_t size) const;
  /// Decodes and post-processes the joined outputs of one inference; the latest of a request count.
  void setOutputs(uint64_t inference, std::span<const ClearWords> outputs);
  /// Inferences whose outputs were set, repeated ones too.
  uint64_t answered() const { return set; }

  /// Requests without an answer have NaN for outputs. Errors: OutputUnwritable.
  void writeOutputs() const;
  Scores scores() const;
  /// Throws VerifyMismatch if a score is below what the options demand.
  void checkScores(const Scores &scores) const;
  /// "logits[0]: class 7 (12.3), class 2 (4.5), …" per row of the first output; the value alone
  /// where a row has one.
  std::string topText(unsigned top) const;

private:
  struct Input {
    std::vector<float> values; ///< Of all requests.
    PortShape shape;
    std::string name;
    double seen; ///< See plan.proto.
  };
  struct Output {
    std::string name;
    PortShape shape;
    std::vector<float> values;
  };
  uint64_t rows() const;
  void requireRows(uint64_t values, uint64_t perRow, const std::string &file) const;
  void readLabels();
  void readExpected();
  void requireEncodable() const;
  uint64_t rowLength() const;
  std::filesystem::path outputFile(const Output &output) const;
  std::vector<uint64_t> outputShape(const Output &output) const;

  const plan::Plan &plan;
  WorkloadOptions options;
  uint64_t count = 0, set = 0;
  std::vector<Input> portInputs;
  std::vector<Output> portOutputs;
  std::vector<int64_t> labels;
  std::vector<float> expected;
};

} // namespace gfs::serve
