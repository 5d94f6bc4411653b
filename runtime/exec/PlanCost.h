// SPDX-License-Identifier: Apache-2.0
// What a plan costs, from the gates' own statements; the compiler and the tools use the same
// numbers.
#pragma once

#include "runtime/exec/Program.h"

namespace gfs {

struct PlanCost {
  std::vector<Cost> steps;                     ///< By step.
  uint64_t exchanges = 0;                      ///< Of the schedule; independent messages share one.
  uint64_t messageBytes = 0;                   ///< Each server sends so many.
  std::array<uint64_t, 2> dealtBytes = {0, 0}; ///< Record length by party.
  uint64_t inputBytes = 0, outputBytes = 0;    ///< Client to each server, each server to client.
  uint64_t multiplications = 0, elements = 0, prgBytes = 0, aesBlocks = 0; ///< Sums; see Cost.
  uint64_t arenaBytes = 0;
};

PlanCost planCost(const Program &program);

} // namespace gfs
