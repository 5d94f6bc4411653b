// SPDX-License-Identifier: Apache-2.0
// What the fixed-point choices of a program leave as head-room, layer by layer.
#include "passes/fixed/RangeReport.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"

#include <fmt/format.h>

#include <cmath>

using namespace mlir;

namespace gfs::fixed {

static int32_t scaleOf(Value value) { return cast<TensorType>(value.getType()).getScale(); }

static double windowLimit(uint64_t low, uint64_t high) {
  return std::ldexp(1.0, static_cast<int>(high)) - std::ldexp(1.0, static_cast<int>(low));
}

std::vector<RangeDemand> rangeDemands(Operation *op, unsigned ringBits) {
  std::vector<RangeDemand> demands;
  double opened = std::ldexp(1.0, static_cast<int>(ringBits) - 2), whole = 2 * opened;
  auto demand = [&](Value operand, double limit, const char *what, bool differences = false) {
    if (auto range = calibratedRange(operand))
      demands.push_back(
          {operand,
           std::ldexp(differences ? range->spread() : range->magnitude(), scaleOf(operand)), limit,
           what});
  };
  llvm::TypeSwitch<Operation *>(op)
      .Case<ReluOp>([&](ReluOp relu) {
        demand(relu.getInput(), windowLimit(relu.getLow(), relu.getHigh()), "sign window");
      })
      .Case<SplineOp>([&](SplineOp spline) {
        // Window and thresholds bound the distance to the farthest threshold.
        int64_t farthest = std::max(-spline.getThresholds().front(), spline.getThresholds().back());
        demand(spline.getInput(),
               windowLimit(spline.getLow(), spline.getHigh()) -
                   static_cast<double>(std::max<int64_t>(farthest, 0)),
               "sign window less the farthest threshold");
      })
      .Case<MaxPool2dOp>([&](MaxPool2dOp pool) {
        demand(pool.getInput(), windowLimit(pool.getLow(), pool.getHigh()),
               "sign window for differences", true);
      })
      .Case<TruncateOp, SquareOp>(
          [&](auto unary) { demand(unary.getInput(), opened, "ring when opened"); })
      .Case<MulOp, MatMulOp>([&](auto mul) {
        demand(mul.getLhs(), opened, "ring when opened");
        demand(mul.getRhs(), opened, "ring when opened");
      })
      .Case<Conv2dOp, LinearOp>([&](auto linear) { demand(linear.getInput(), whole, "ring"); })
      .Case<func::ReturnOp>([&](func::ReturnOp exit) {
        for (Value result : exit.getOperands())
          demand(result, whole, "ring");
      });
  return demands;
}

/// Bits of the largest weight in two's complement.
static unsigned signedBits(Value weight) {
  auto constant = weight.getDefiningOp<WeightOp>();
  if (!constant)
    return 0;
  uint64_t largest = 0;
  for (int64_t value : weightValues(constant.getValue()))
    largest |= static_cast<uint64_t>(value < 0 ? ~value : value);
  return 65 - static_cast<unsigned>(llvm::countl_zero(largest));
}

static std::optional<RangeRow> makeRow(Operation *op, unsigned ringBits) {
  RangeRow row;
  bool listed = llvm::TypeSwitch<Operation *, bool>(op)
                    .Case<Conv2dOp, LinearOp>([&](auto linear) {
                      row.weightBits = signedBits(linear.getWeight());
                      return true;
                    })
                    .Case<ReluOp, SplineOp>([&](auto gate) {
                      row.shift = static_cast<unsigned>(gate.getShift());
                      row.low = static_cast<unsigned>(gate.getLow());
                      row.high = static_cast<unsigned>(gate.getHigh());
                      return true;
                    })
                    .Case<MaxPool2dOp>([&](MaxPool2dOp pool) {
                      row.low = static_cast<unsigned>(pool.getLow());
                      row.high = static_cast<unsigned>(pool.getHigh());
                      return true;
                    })
                    .Case<TruncateOp, SquareOp>([&](auto unary) {
                      row.shift = static_cast<unsigned>(unary.getShift());
                      return true;
                    })
                    .Case<MulOp, MatMulOp>([](Operation *) { return true; })
                    .Default([](Operation *) { return false; });
  if (!listed)
    return std::nullopt;
  row.layer = layerName(op);
  row.operation = op->getName().stripDialect().str();
  row.operandScale = scaleOf(op->getOperand(0));
  row.resultScale = scaleOf(op->getResult(0));
  if (auto range = calibratedRange(row.weightBits ? op->getResult(0) : op->getOperand(0)))
    row.magnitude = range->magnitude();
  for (const RangeDemand &demand : rangeDemands(op, ringBits)) {
    double headroom = demand.magnitude > 0 ? demand.limit / demand.magnitude : 0;
    if (headroom > 0 && (row.headroom == 0 || headroom < row.headroom))
      row.headroom = headroom;
  }
  return row;
}

std::vector<RangeRow> rangeReport(ModuleOp module) {
  std::vector<RangeRow> rows;
  unsigned bits = ringBits(module).value_or(64);
  module.walk([&](Operation *op) {
    if (auto row = makeRow(op, bits))
      rows.push_back(std::move(*row));
  });
  return rows;
}

std::string formatRangeReport(const std::vector<RangeRow> &rows) {
  size_t width = 5;
  for (const RangeRow &row : rows)
    width = std::max(width, row.layer.size());
  std::string table =
      fmt::format("{:<{}}  {:<10} {:>10} {:>9} {:>7} {:>5} {:>9} {:>9}\n", "layer", width,
                  "operation", "|value|", "scale", "weights", "shift", "window", "headroom");
  for (const RangeRow &row : rows) {
    auto known = [](double value) {
      return value > 0 ? fmt::format("{:.4g}", value) : std::string("-");
    };
    auto bits = [](unsigned value) { return value ? std::to_string(value) : std::string("-"); };
    std::string window = row.high ? fmt::format("[{}, {})", row.low, row.high) : "-";
    std::string scales = fmt::format("{} > {}", row.operandScale, row.resultScale);
    table += fmt::format("{:<{}}  {:<10} {:>10} {:>9} {:>7} {:>5} {:>9} {:>9}\n", row.layer, width,
                         row.operation, known(row.magnitude), scales, bits(row.weightBits),
                         bits(row.shift), window, known(row.headroom));
  }
  return table;
}

} // namespace gfs::fixed
