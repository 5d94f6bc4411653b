// SPDX-License-Identifier: Apache-2.0
#include "passes/secure/PlanSteps.h"

#include "dialects/common/NodeNames.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace gfs::secure {

plan::Value planValue(Type type) {
  plan::Value value;
  for (int64_t extent : shapeOf(type))
    value.add_shape(static_cast<uint64_t>(extent));
  value.set_kind(isa<MaskedType>(type) ? plan::Value::MASKED : plan::Value::SHARED);
  value.set_scale(scaleOf(type));
  return value;
}

plan::WeightMode planWeightMode(ModuleOp module) {
  auto mode = module->getAttrOfType<StringAttr>(weightModeAttr).getValue();
  return mode == "public"   ? plan::WEIGHTS_PUBLIC
         : mode == "server" ? plan::WEIGHTS_SERVER
                            : plan::WEIGHTS_SHARED;
}

std::string nodeName(Location location) { return llvm::join(nodeNames(location), " + "); }

static uint32_t u32(int64_t value) { return static_cast<uint32_t>(value); }

static void fillConv(plan::Conv &conv, Conv2dOp op) {
  auto in = shapeOf(op.getOperand().getType()), out = shapeOf(op.getType()),
       weight = shapeOf(op.getWeight().getType());
  conv.set_batch(u32(in[0]));
  conv.set_in_channels(u32(in[1]));
  conv.set_in_h(u32(in[2]));
  conv.set_in_w(u32(in[3]));
  conv.set_out_channels(u32(out[1]));
  conv.set_out_h(u32(out[2]));
  conv.set_out_w(u32(out[3]));
  conv.set_kernel_h(u32(weight[2]));
  conv.set_kernel_w(u32(weight[3]));
  conv.set_stride_h(u32(op.getStrides()[0]));
  conv.set_stride_w(u32(op.getStrides()[1]));
  conv.set_dilation_h(u32(op.getDilations()[0]));
  conv.set_dilation_w(u32(op.getDilations()[1]));
  conv.set_pad_top(u32(op.getPads()[0]));
  conv.set_pad_left(u32(op.getPads()[1]));
  conv.set_groups(static_cast<uint32_t>(op.getGroups()));
}

/// [M][K] times [N][K]: M images of K channels and one pixel.
static void fillConv(plan::Conv &conv, LinearMapOp op) {
  auto in = shapeOf(op.getOperand().getType());
  conv.set_batch(u32(in[0]));
  conv.set_in_channels(u32(in[1]));
  conv.set_out_channels(u32(shapeOf(op.getType())[1]));
  for (auto set :
       {&plan::Conv::set_in_h, &plan::Conv::set_in_w, &plan::Conv::set_out_h,
        &plan::Conv::set_out_w, &plan::Conv::set_kernel_h, &plan::Conv::set_kernel_w,
        &plan::Conv::set_stride_h, &plan::Conv::set_stride_w, &plan::Conv::set_dilation_h,
        &plan::Conv::set_dilation_w, &plan::Conv::set_groups})
    (conv.*set)(1);
}

template <class ProductOp>
static void fillLinear(plan::Linear &linear, ProductOp op,
                       const std::function<uint32_t(Value)> &weightId) {
  fillConv(*linear.mutable_conv(), op);
  linear.set_weight(weightId(op.getWeight()));
  if (Value bias = op.getBias()) {
    linear.set_has_bias(true);
    linear.set_bias(weightId(bias));
  }
}

static plan::SignWindow::Protocol planProtocol(Protocol protocol) {
  switch (protocol) {
  case Protocol::Table:
    return plan::SignWindow::TABLE;
  case Protocol::OneHot:
    return plan::SignWindow::ONE_HOT;
  case Protocol::Dcf:
    return plan::SignWindow::DCF;
  }
  return plan::SignWindow::TABLE;
}

/// What ReLU and spline have in common.
template <class Gate, class Op> static void fillComparison(Gate &gate, Op op) {
  gate.set_shift(static_cast<uint32_t>(op.getShift()));
  gate.mutable_window()->set_low(static_cast<uint32_t>(op.getLow()));
  gate.mutable_window()->set_high(static_cast<uint32_t>(op.getHigh()));
  gate.mutable_window()->set_protocol(planProtocol(op.getProtocol()));
}

static void fillSpline(plan::Spline &spline, SplineOp op) {
  fillComparison(spline, op);
  for (int64_t threshold : op.getThresholds())
    spline.add_thresholds(threshold);
  for (size_t i = 0; i < op.getPieces().size(); i += 3) {
    plan::Polynomial &piece = *spline.add_pieces();
    piece.set_c0(op.getPieces()[i]);
    piece.set_c1(op.getPieces()[i + 1]);
    piece.set_c2(op.getPieces()[i + 2]);
  }
}

static void fillTake(plan::Take &take, TakeOp op) {
  take.set_axis(static_cast<uint32_t>(op.getAxis()));
  for (int64_t index : op.getIndices())
    take.add_indices(static_cast<int32_t>(index));
}

static void fillMatMul(plan::MatMul &product, MatMulOp op) {
  ArrayRef<int64_t> left = shapeOf(op.getLhs().getType()), right = shapeOf(op.getRhs().getType());
  product.set_count(u32(left[0]));
  product.set_rows(u32(left[1]));
  product.set_inner(u32(left[2]));
  product.set_columns(u32(right[2]));
}

static void fillSumPool(plan::SumPool &pool, SumPoolOp op) {
  pool.set_kernel_h(u32(op.getKernel()[0]));
  pool.set_kernel_w(u32(op.getKernel()[1]));
  pool.set_stride_h(u32(op.getStrides()[0]));
  pool.set_stride_w(u32(op.getStrides()[1]));
  pool.set_dilation_h(u32(op.getDilations()[0]));
  pool.set_dilation_w(u32(op.getDilations()[1]));
  pool.set_pad_top(u32(op.getPads()[0]));
  pool.set_pad_left(u32(op.getPads()[1]));
}

plan::Step planStep(Operation *op, const std::function<uint32_t(Value)> &weightId) {
  plan::Step step;
  step.set_name(nodeName(op->getLoc()));
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](OpenOp open) {
        step.mutable_open()->set_dropped(static_cast<uint32_t>(open.getDropped()));
      })
      .Case([&](Conv2dOp conv) { fillLinear(*step.mutable_linear(), conv, weightId); })
      .Case([&](LinearMapOp linear) { fillLinear(*step.mutable_linear(), linear, weightId); })
      .Case([&](ReluOp relu) { fillComparison(*step.mutable_relu(), relu); })
      .Case([&](SplineOp spline) { fillSpline(*step.mutable_spline(), spline); })
      .Case([&](TruncateOp truncate) {
        step.mutable_truncate()->set_shift(static_cast<uint32_t>(truncate.getShift()));
      })
      .Case([&](SquareOp square) {
        step.mutable_square()->set_shift(static_cast<uint32_t>(square.getShift()));
      })
      .Case([&](MultiplyOp) { step.mutable_multiply(); })
      .Case([&](MatMulOp product) { fillMatMul(*step.mutable_mat_mul(), product); })
      .Case([&](UnmaskOp) { step.mutable_unmask(); })
      .Case([&](AddWeightOp add) {
        step.mutable_add_weight()->set_weight(weightId(add.getWeight()));
      })
      .Case([&](AddOp) { step.mutable_add(); })
      .Case([&](SubOp) { step.mutable_sub(); })
      .Case([&](ScaleOp scale) {
        step.mutable_scale()->set_factor(static_cast<int64_t>(scale.getFactor()));
      })
      .Case([&](ReshapeOp) { step.mutable_scale()->set_factor(1); })
      .Case([&](TakeOp take) { fillTake(*step.mutable_take(), take); })
      .Case([&](TransposeOp transpose) {
        for (int64_t axis : transpose.getPermutation())
          step.mutable_transpose()->add_permutation(u32(axis));
      })
      .Case([&](ConcatOp concat) {
        step.mutable_concat()->set_axis(static_cast<uint32_t>(concat.getAxis()));
      })
      .Case([&](SumPoolOp pool) { fillSumPool(*step.mutable_sum_pool(), pool); });
  return step;
}

SmallVector<Value> planOperands(Operation *op) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    if (!isa<WeightType>(operand.getType()))
      operands.push_back(skipViews(operand));
  return operands;
}

} // namespace gfs::secure
