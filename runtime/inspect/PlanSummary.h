// SPDX-License-Identifier: Apache-2.0
// What a plan is made of and what it costs, read off the plan and the gates' own cost statements.
#pragma once

#include "runtime/cost/TimeModel.h"
#include "runtime/exec/PlanCost.h"

#include <string>
#include <vector>

namespace gfs::inspect {

/// One step. Bytes are per inference and exact.
struct Row {
  uint32_t step;
  std::string name, gate;
  const plan::Value *value; ///< The result; of an output, the operand.
  std::string detail;       ///< "table 7 bits [13, 20), >> 12", "16x3x3x3, stride 2", …
  Cost cost;
  uint64_t messageBytes = 0; ///< Sum over the step's messages, each way.
};

/// What travels together.
struct ExchangeRow {
  std::vector<uint32_t> steps; ///< Steps that send, in the order of their messages.
  uint64_t bytes = 0;          ///< Each way.
};

struct Summary {
  PlanCost cost;
  TimePrediction predicted; ///< By step, as `rows`.
  std::vector<Row> rows;
  std::vector<ExchangeRow> exchanges;
  std::array<uint64_t, 2> reluDealtBytes = {0, 0}; ///< The part that ReLUs take.
  uint64_t linearLayers = 0;
  uint64_t relus = 0; ///< Elements decided by ReLU gates, maxima included.
  uint64_t opens = 0, openedElements = 0, maskedElements = 0, comparisonBytes = 0;
  uint64_t weights = 0;
};

/// `program` must outlive the summary.
Summary summarize(const Program &program, const Environment &environment);

/// "1x16x32x32".
std::string shapeText(const plan::Value &value);
/// 12345678 as "12,345,678".
std::string grouped(uint64_t number);

} // namespace gfs::inspect
