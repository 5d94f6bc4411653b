// SPDX-License-Identifier: Apache-2.0
// What became of each activation, channel by channel.
#pragma once

#include "dialects/nn/NnDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <nlohmann/json.hpp>

namespace gfs {

/// The section "activations" of a report, from an nn program whose activations are chosen but not
/// yet fused: [{layer, channels, elements, kinds {KIND: channels}, per_channel [KIND]}] in program
/// order. A kind is relu, quadratic, linear, identity, constant, zero, or a function's name.
nlohmann::ordered_json activationsJson(mlir::func::FuncOp function);

} // namespace gfs
