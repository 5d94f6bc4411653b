// SPDX-License-Identifier: Apache-2.0
// Decides how each layer finds signs, by predicted time and dealt bytes, and says what the
// alternatives would have cost.
#pragma once

#include "compiler/cost/Budget.h"
#include "runtime/cost/TimeModel.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace gfs {

/// What a choice is to save in the first place.
enum class Preference { Time, Material };

/// What plans are compared by.
struct CostGoal {
  Environment environment;
  Preference prefer = Preference::Time;
  std::string weightMode = "shared";
  std::string protocol = "auto"; ///< Another name: no choice, this one for all.
  Budget budget;                 ///< Comes before the preference.

  /// Seconds of online time that a dealt byte is worth. A byte must be dealt, moved, stored, read
  /// and authenticated, if not while the client waits: 1 ns is a tenth of what that costs over a
  /// gigabit link. With Preference::Material it is 1000 times as much.
  double secondsPerDealtByte() const { return prefer == Preference::Time ? 1e-9 : 1e-6; }
  double value(double seconds, uint64_t dealtBytes) const {
    return seconds + secondsPerDealtByte() * static_cast<double>(dealtBytes);
  }
  /// The same of a whole plan: any that meets the budget is worth less than any that does not, and
  /// of those the one that is nearest to it is worth least.
  double planValue(double seconds, uint64_t dealtBytes) const {
    constexpr double beyondBudget = 1e9; // seconds: longer than any plan takes
    double load = budget.load(seconds, dealtBytes);
    return value(seconds, dealtBytes) + (load > 1 ? beyondBudget * load : 0);
  }
};

/// What one layer, or all of them, costs online.
struct LayerCost {
  StepTime time;
  uint64_t exchanges = 0;    ///< Of a layer: messages it sends; those of independent layers travel
                             ///< together.
  uint64_t messageBytes = 0; ///< Each way.
  uint64_t dealtBytes = 0;   ///< To both servers.
};

struct ProtocolCost {
  std::string protocol;
  LayerCost cost;
};

struct LayerChoice {
  std::string layer;    ///< The model's name.
  std::string gates;    ///< "open, linear", in program order, each once.
  std::string protocol; ///< Empty: finds no signs.
  LayerCost cost;
  std::vector<ProtocolCost> alternatives; ///< The chosen protocol included; empty: no choice.
};

struct CostExplanation {
  std::vector<LayerChoice> layers; ///< In program order.
  LayerCost total;                 ///< Exchanges are the schedule's.
};

/// Writes `fixed.protocol` on the operations of a fixed program that find signs. Every protocol is
/// tried on the whole network; each layer (operations of one name) takes what is cheapest for it,
/// and the mixture is kept if it is cheaper than the best of the pure networks. With a budget,
/// mixtures are also made at other prices of a dealt byte, from time alone to bytes alone, and
/// compared by CostGoal::planValue. Errors: Internal, if the program has no plan.
CostExplanation chooseProtocols(mlir::ModuleOp program, const CostGoal &goal);

/// Whether every layer that finds signs may use the protocol: tables hold short windows only.
bool protocolFits(mlir::ModuleOp program, const std::string &protocol);

/// The costs of a program that was lowered already, without alternatives.
CostExplanation explain(const Program &program, const CostGoal &goal);

} // namespace gfs
