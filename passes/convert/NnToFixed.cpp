// SPDX-License-Identifier: Apache-2.0
// The conversion pass: options, ports, and which operation is converted where.
#include "passes/convert/NnToFixed.h"
#include "dialects/nn/NnShapes.h"
#include "passes/convert/NnToFixedLowering.h"

#include "llvm/ADT/TypeSwitch.h"

#include <limits>

namespace gfs {
#define GEN_PASS_DEF_CONVERTNNTOFIXED
#include "passes/convert/NnToFixed.h.inc"
} // namespace gfs

using namespace mlir;

namespace gfs {

LogicalResult FixedLowering::run() {
  FailureOr<func::FuncOp> target = makeFunction();
  if (failed(target))
    return failure();
  for (Operation &op : source.getBody().front()) {
    location = op.getLoc();
    if (succeeded(isa<func::ReturnOp>(op) ? lowerReturn(*target, &op) : lower(&op)))
      continue;
    target->erase();
    return failure();
  }
  return success();
}

FailureOr<func::FuncOp> FixedLowering::makeFunction() {
  SmallVector<Type> inputs;
  for (BlockArgument argument : source.getArguments()) {
    int scale = std::min(analysis.activationScale(argument), analysis.demand(argument));
    inputs.push_back(makeType(shapeOf(argument), scale));
  }
  builder.setInsertionPoint(source);
  // The results' types follow when the return is reached.
  auto target = func::FuncOp::create(builder, source.getLoc(), source.getName(),
                                     builder.getFunctionType(inputs, {}));
  Block *entry = target.addEntryBlock();
  for (auto [index, argument] : llvm::enumerate(source.getArguments())) {
    converted[argument] = entry->getArgument(index);
    fixed::setCalibratedRange(entry->getArgument(index), *fixed::calibratedRange(argument));
    if (Attribute name = source.getArgAttr(index, nn::nameAttr))
      target.setArgAttr(index, fixed::nameAttr, name);
  }
  builder.setInsertionPointToEnd(entry);
  return target;
}

LogicalResult FixedLowering::define(Operation *op, Value value) {
  Value original = op->getResult(0);
  converted[original] = value;
  truncated.erase(original);
  if (!fixed::calibratedRange(value))
    fixed::setCalibratedRange(value, analysis.heldRange(original));
  return success();
}

LogicalResult FixedLowering::lower(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](nn::ConstantOp) {
        return success();
      }) // made where it is used, at the scale needed there
      .Case([&](nn::Conv2dOp conv) { return lowerConv2d(conv); })
      .Case([&](nn::LinearOp linear) { return lowerLinear(linear); })
      .Case([&](nn::BatchNormOp norm) { return lowerBatchNorm(norm); })
      .Case([&](nn::ReluOp relu) { return lowerRelu(relu); })
      .Case([&](nn::SquareOp square) { return lowerSquare(square); })
      .Case([&](nn::FunctionOp function) { return lowerFunction(function); })
      .Case([&](nn::MaxPool2dOp pool) { return lowerMaxPool2d(pool); })
      .Case([&](nn::AvgPool2dOp pool) { return lowerAvgPool2d(pool); })
      .Case([&](nn::AddOp add) { return lowerSum(add, /*subtract=*/false); })
      .Case([&](nn::SubOp sub) { return lowerSum(sub, /*subtract=*/true); })
      .Case([&](nn::MulOp mul) { return lowerMul(mul); })
      .Case([&](nn::MatMulOp product) { return lowerMatMul(product); })
      .Case([&](nn::PadOp pad) { return lowerPad(pad); })
      .Case([&](nn::ConcatOp concat) { return lowerConcat(concat); })
      .Case([&](nn::ReshapeOp shaped) {
        return define(shaped, reshape(held(shaped.getInput()), shapeOf(shaped.getResult())));
      })
      .Case([&](nn::TransposeOp transpose) {
        Value input = held(transpose.getInput());
        return define(transpose, make<fixed::TransposeOp>(
                                     makeType(shapeOf(transpose.getResult()), scaleOf(input)),
                                     input, transpose.getPermutation()));
      })
      .Case([&](nn::TakeOp take) {
        Value input = held(take.getInput());
        return define(take, make<fixed::TakeOp>(makeType(shapeOf(take.getResult()), scaleOf(input)),
                                                input, take.getAxis(), take.getIndices()));
      })
      .Case<nn::SoftmaxOp, nn::LogSoftmaxOp, nn::ArgmaxOp, nn::TopValuesOp, nn::TopIndicesOp>(
          [&](Operation *exit) {
            // The client's work, if it comes last; lowerReturn() looks through it.
            if (llvm::all_of(exit->getUsers(),
                             [](Operation *user) { return isa<func::ReturnOp>(user); }))
              return success();
            return LogicalResult(exit->emitOpError(
                "can only be the last operation: the client applies it to the result"));
          })
      .Default([](Operation *other) {
        return LogicalResult(other->emitOpError("has no fixed-point form"));
      });
}

namespace {
/// What the client does to a result.
struct PostProcess {
  Value logits;
  StringRef name = "none";
  std::optional<int64_t> axis = {}, count = {}; ///< Unset where the plan's defaults mean the same.
};
} // namespace

static PostProcess splitPostProcess(Value result) {
  Operation *op = result.getDefiningOp();
  if (!op || !nn::isPostProcess(op))
    return {result};
  PostProcess post{op->getOperand(0)};
  ArrayRef<int64_t> shape = cast<RankedTensorType>(post.logits.getType()).getShape();
  int64_t axis = op->getAttrOfType<IntegerAttr>("axis").getInt();
  auto selects = [&](auto top, StringRef largest, StringRef smallest) {
    post.count = top.getType().getShape()[axis];
    return top.getLargest() ? largest : smallest;
  };
  post.name =
      llvm::TypeSwitch<Operation *, StringRef>(op)
          .Case([](nn::SoftmaxOp) { return "softmax"; })
          .Case([](nn::LogSoftmaxOp) { return "log_softmax"; })
          .Case([](nn::ArgmaxOp argmax) { return argmax.getLast() ? "argmax_last" : "argmax"; })
          .Case([&](nn::TopValuesOp top) { return selects(top, "top_values", "bottom_values"); })
          .Case(
              [&](nn::TopIndicesOp top) { return selects(top, "top_indices", "bottom_indices"); });
  if (post.count || axis != static_cast<int64_t>(nn::lastLongAxis(shape)))
    post.axis = axis;
  return post;
}

LogicalResult FixedLowering::lowerReturn(func::FuncOp target, Operation *op) {
  SmallVector<Value> results;
  SmallVector<PostProcess> posts;
  for (Value operand : op->getOperands()) {
    PostProcess post = splitPostProcess(operand);
    Value logits = post.logits;
    if (!held(logits))
      return op->emitOpError("returns a constant, which needs no private computation");
    Value value = settle(held(logits), logits, 1.0, std::numeric_limits<int>::max());
    // Only a value that other operations hold at a large scale can be beyond what a result may
    // have.
    double magnitude =
        std::max(fixed::calibratedRange(logits)->magnitude(), 1e-9) * options.headroom;
    int bound = static_cast<int>(options.ringBits) - 2 - floorLog2(magnitude);
    results.push_back(scaleOf(value) > bound ? truncateTo(value, bound) : value);
    posts.push_back(post);
  }
  target.setFunctionType(
      builder.getFunctionType(target.getArgumentTypes(), TypeRange(ValueRange(results))));
  for (auto [index, post] : llvm::enumerate(posts)) {
    target.setResultAttr(index, fixed::postAttr, builder.getStringAttr(post.name));
    if (post.axis)
      target.setResultAttr(index, fixed::postAxisAttr, builder.getI64IntegerAttr(*post.axis));
    if (post.count)
      target.setResultAttr(index, fixed::postCountAttr, builder.getI64IntegerAttr(*post.count));
    if (Attribute name = source.getResultAttr(index, nn::nameAttr))
      target.setResultAttr(index, fixed::nameAttr, name);
    if (Attribute shape = source.getResultAttr(index, nn::shapeAttr))
      target.setResultAttr(index, fixed::shapeAttr, shape);
  }
  func::ReturnOp::create(builder, location, results);
  return success();
}

} // namespace gfs

namespace {
struct ConvertNnToFixed : gfs::impl::ConvertNnToFixedBase<ConvertNnToFixed> {
  using ConvertNnToFixedBase::ConvertNnToFixedBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto main = module.lookupSymbol<func::FuncOp>("main");
    if (!main || main.isExternal() || !main.getBody().hasOneBlock()) {
      module.emitError("expects a function @main with one block");
      return signalPassFailure();
    }
    gfs::FixedOptions options{ringBits,      activationBits, squareBits,      windowBits,
                              headroom,      exact,          maxWeightBits,   minWeightBits,
                              favourWeights, equalBits,      activationError, fit};
    if (failed(checkOptions(options)))
      return signalPassFailure();
    FailureOr<gfs::ScaleAnalysis> analysis = gfs::ScaleAnalysis::run(main, options);
    if (failed(analysis))
      return signalPassFailure();
    gfs::FixedLowering lowering(main, options, *analysis);
    if (failed(lowering.run()))
      return signalPassFailure();
    numTruncations += lowering.truncations();
    main.erase();
    Builder builder(module);
    module->setAttr(gfs::fixed::ringBitsAttr, builder.getI64IntegerAttr(options.ringBits));
    if (options.exact)
      module->setAttr(gfs::fixed::wholeOpeningsAttr, builder.getUnitAttr());
  }

  LogicalResult checkOptions(const gfs::FixedOptions &options) {
    auto within = [&](StringRef name, unsigned value, unsigned least,
                      unsigned most) -> LogicalResult {
      if (value >= least && value <= most)
        return success();
      return getOperation().emitError()
             << "option " << name << " expects " << least << " to " << most << ", got " << value;
    };
    if (!(options.headroom >= 1.0 && options.headroom <= 1024.0))
      return getOperation().emitError()
             << "option headroom expects 1 to 1024, got " << options.headroom;
    if (!(std::fabs(options.favourWeights) <= 16))
      return getOperation().emitError()
             << "option favour-weights expects -16 to 16, got " << options.favourWeights;
    if (!(options.activationError >= 0.0 && options.activationError <= 0.25))
      return getOperation().emitError()
             << "option activation-error expects 0 to 0.25, got " << options.activationError;
    return success(
        succeeded(within("ring-bits", options.ringBits, 16, 64)) &&
        succeeded(within("activation-bits", options.activationBits, 4, 24)) &&
        succeeded(within("square-bits", options.squareBits, 8, 40)) &&
        succeeded(within("window-bits", options.windowBits, 3, 40)) &&
        succeeded(within("max-weight-bits", options.maxWeightBits, 4, 32)) &&
        succeeded(within("min-weight-bits", options.minWeightBits, 2, options.maxWeightBits)));
  }
};
} // namespace
