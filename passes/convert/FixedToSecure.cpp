// SPDX-License-Identifier: Apache-2.0
// Walks @main once and gives each value the kinds its users need.
#include "passes/convert/FixedToSecure.h"
#include "passes/convert/FixedToSecureBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

namespace gfs {
#define GEN_PASS_DEF_CONVERTFIXEDTOSECURE
#include "passes/convert/FixedToSecure.h.inc"
} // namespace gfs

using namespace mlir;
using namespace gfs;
using secure::scaleOf;
using secure::shapeOf;

/// Linear operations that need no material: the same on shares and on masked values.
static bool isLocal(Operation *op) {
  return isa<fixed::AddOp, fixed::SubOp, fixed::RescaleOp, fixed::SumPool2dOp, fixed::ReshapeOp,
             fixed::TransposeOp, fixed::ConcatOp, fixed::TakeOp>(op);
}

/// True if the operation of `use` reads its operand masked.
static bool needsMasked(OpOperand &use) {
  Operation *user = use.getOwner();
  return isa<fixed::Conv2dOp, fixed::LinearOp, fixed::ReluOp, fixed::SplineOp, fixed::TruncateOp,
             fixed::SquareOp, fixed::MulOp, fixed::MatMulOp>(user);
}

/// Operations that only move and repeat elements of their one operand.
static bool movesElements(Operation *op) {
  return isa<fixed::ReshapeOp, fixed::TransposeOp, fixed::TakeOp>(op);
}

namespace {
/// Where shares are opened that are needed masked behind operations that move elements: there, or
/// before, if that are fewer elements (nearest neighbours of a resize, windows along a third axis,
/// that repeat theirs).
class Openings {
public:
  explicit Openings(func::FuncOp function) {
    for (Operation &op : llvm::reverse(function.getBody().front()))
      for (Value result : op.getResults())
        place(result);
    for (Value argument : function.getArguments())
      place(argument);
  }
  /// Whether `value`, if it is a share, is opened itself.
  bool contains(Value value) const { return opened.contains(value); }

private:
  /// Elements opened at a value or behind it, at least; 0 if nobody needs them masked.
  DenseMap<Value, int64_t> elements;
  DenseSet<Value> opened;

  void place(Value value) {
    auto type = dyn_cast<fixed::TensorType>(value.getType());
    if (!type)
      return;
    int64_t behind = 0;
    for (Operation *user : value.getUsers())
      if (movesElements(user))
        behind += elements.lookup(user->getResult(0));
    const int64_t own = type.getNumElements();
    if (llvm::any_of(value.getUses(), needsMasked) || own < behind) {
      opened.insert(value);
      behind = own;
    }
    elements[value] = behind;
  }
};

/// The kinds in which a value can be had without an open or unmask made for it alone.
struct Kinds {
  bool share = false, masked = false;
};

class Lowering {
public:
  Lowering(func::FuncOp source, OpBuilder &ops, std::optional<secure::Protocol> protocol,
           bool weightsPublic)
      : source(source), ops(ops), builder(ops, protocol), weightsPublic(weightsPublic) {}

  /// Builds the secure function before the fixed one. Fails with a diagnostic.
  LogicalResult run() {
    auto type = [&](TypeRange types) {
      return llvm::map_to_vector(types, [&](Type t) { return shareOf(t); });
    };
    auto function = func::FuncOp::create(
        ops, source.getLoc(), "main",
        ops.getFunctionType(type(source.getArgumentTypes()), type(source.getResultTypes())));
    copyPorts(function);
    Block *body = function.addEntryBlock();
    ops.setInsertionPointToStart(body);

    Openings openings(source);
    auto classify = [&](Value value, Kinds own) {
      native[value] = own;
      own.masked |= openings.contains(value);
      kinds[value] = own;
    };
    for (Value argument : source.getArguments())
      classify(argument, {.share = true});
    for (Operation &op : source.getOps()) {
      if (isa<fixed::FixedDialect>(op.getDialect()) && !isa<fixed::WeightOp>(op))
        classify(op.getResult(0), kindsOf(&op));
    }

    for (auto [from, to] : llvm::zip(source.getArguments(), body->getArguments()))
      forms[from].share = to;
    for (Operation &op : source.getOps())
      if (failed(lower(&op)))
        return failure();
    eraseUnused(body);
    return success();
  }

private:
  func::FuncOp source;
  OpBuilder &ops;
  SecureBuilder builder;
  bool weightsPublic;
  DenseMap<Value, Kinds> native; ///< Kinds a local operation may be built on.
  DenseMap<Value, Kinds> kinds;  ///< native, and masked if somebody opens the value anyway.
  DenseMap<Value, Forms> forms;
  DenseMap<Value, Value> weights;

  Type shareOf(Type type) const {
    auto tensor = cast<fixed::TensorType>(type);
    return secure::ShareType::get(type.getContext(), tensor.getShape(), tensor.getScale());
  }
  Type maskedOf(Type type) const {
    auto tensor = cast<fixed::TensorType>(type);
    return secure::MaskedType::get(type.getContext(), tensor.getShape(), tensor.getScale());
  }

  void copyPorts(func::FuncOp function) {
    for (unsigned i = 0; i < source.getNumArguments(); ++i) {
      if (auto name = source.getArgAttr(i, fixed::nameAttr))
        function.setArgAttr(i, secure::nameAttr, name);
      if (auto range = fixed::calibratedRange(source.getArgument(i)))
        function.setArgAttr(i, secure::seenAttr,
                            FloatAttr::get(Float64Type::get(source.getContext()),
                                           std::max(std::abs(range->min), std::abs(range->max))));
    }
    for (unsigned i = 0; i < source.getNumResults(); ++i) {
      if (auto name = source.getResultAttr(i, fixed::nameAttr))
        function.setResultAttr(i, secure::nameAttr, name);
      if (auto post = source.getResultAttr(i, fixed::postAttr))
        function.setResultAttr(i, secure::postAttr, post);
      if (auto axis = source.getResultAttr(i, fixed::postAxisAttr))
        function.setResultAttr(i, secure::postAxisAttr, axis);
      if (auto count = source.getResultAttr(i, fixed::postCountAttr))
        function.setResultAttr(i, secure::postCountAttr, count);
      if (auto shape = source.getResultAttr(i, fixed::shapeAttr))
        function.setResultAttr(i, secure::shapeAttr, shape);
    }
  }

  Kinds kindsOf(Operation *op) {
    if (isa<fixed::Conv2dOp, fixed::LinearOp>(op))
      return weightsPublic ? Kinds{.masked = true} : Kinds{.share = true};
    if (!isLocal(op))
      return {.share = true};
    Kinds all{true, true};
    for (Value operand : op->getOperands()) {
      all.share &= kinds[operand].share;
      all.masked &= kinds[operand].masked;
    }
    // Operands of different kinds: the masked ones are unmasked.
    return all.share || all.masked ? all : Kinds{.share = true};
  }

  /// `value` in one kind; local operations are built on demand, in the kinds that are asked for.
  Value get(Location loc, Value value, bool masked) {
    Forms &made = forms[value];
    if (Value known = masked ? made.masked : made.share)
      return known;
    Operation *producer = value.getDefiningOp();
    if (producer && isLocal(producer)) {
      // Built in the kind asked for if its operands have it, else in the kind they have.
      Kinds own = native[value];
      bool asMasked = masked ? own.masked : !own.share;
      if (!(asMasked ? made.masked : made.share)) {
        Value built = buildLocal(producer, asMasked);
        // Looked up again: recursion may have grown the map.
        (asMasked ? forms[value].masked : forms[value].share) = built;
      }
    }
    Forms &current = forms[value];
    return masked ? builder.masked(loc, current) : builder.share(loc, current);
  }
  Value masked(Operation *user, Value value) { return get(user->getLoc(), value, true); }
  Value share(Operation *user, Value value) { return get(user->getLoc(), value, false); }

  Value weight(Value value) {
    if (!value)
      return {};
    Value &made = weights[value];
    if (!made) {
      auto op = value.getDefiningOp<fixed::WeightOp>();
      auto tensor = cast<fixed::TensorType>(value.getType());
      auto type = secure::WeightType::get(op.getContext(), tensor.getShape(), tensor.getScale());
      made = secure::WeightOp::create(ops, op.getLoc(), type, op.getValue());
    }
    return made;
  }

  Value buildLocal(Operation *op, bool masked) {
    Location loc = op->getLoc();
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(get(loc, operand, masked));
    Type type = masked ? maskedOf(op->getResult(0).getType()) : shareOf(op->getResult(0).getType());
    using llvm::TypeSwitch;
    return TypeSwitch<Operation *, Value>(op)
        .Case([&](fixed::AddOp) {
          return secure::AddOp::create(ops, loc, type, operands[0], operands[1]);
        })
        .Case([&](fixed::SubOp) {
          return secure::SubOp::create(ops, loc, type, operands[0], operands[1]);
        })
        .Case([&](fixed::RescaleOp rescale) -> Value {
          // Factor one changes the meaning only.
          if (rescale.getFactor() == 1)
            return secure::ReshapeOp::create(ops, loc, type, operands[0]);
          return secure::ScaleOp::create(ops, loc, type, operands[0], rescale.getFactorAttr());
        })
        .Case([&](fixed::SumPool2dOp pool) {
          return secure::SumPoolOp::create(ops, loc, type, operands[0], pool.getKernelAttr(),
                                           pool.getStridesAttr(), pool.getDilationsAttr(),
                                           pool.getPadsAttr());
        })
        .Case([&](fixed::ReshapeOp) {
          return secure::ReshapeOp::create(ops, loc, type, operands[0]);
        })
        .Case([&](fixed::TransposeOp transpose) {
          return secure::TransposeOp::create(ops, loc, type, operands[0],
                                             transpose.getPermutationAttr());
        })
        .Case([&](fixed::ConcatOp concat) {
          return secure::ConcatOp::create(ops, loc, type, operands, concat.getAxisAttr());
        })
        .Case([&](fixed::TakeOp take) {
          return secure::TakeOp::create(ops, loc, type, operands[0], take.getAxisAttr(),
                                        take.getIndicesAttr());
        });
  }

  LogicalResult lower(Operation *op) {
    Location loc = op->getLoc();
    if (isa<fixed::WeightOp>(op) || isLocal(op))
      return success();
    if (auto ret = dyn_cast<func::ReturnOp>(op)) {
      SmallVector<Value> results;
      for (Value operand : ret.getOperands())
        results.push_back(share(op, operand));
      func::ReturnOp::create(ops, loc, results);
      return success();
    }
    Value made = buildStep(op);
    if (!made)
      return op->emitError("has no two-party form");
    auto &result = forms[op->getResult(0)];
    (isa<secure::MaskedType>(made.getType()) ? result.masked : result.share) = made;
    return success();
  }

  template <class Op> static Window windowOf(Op op) {
    auto chosen = op->template getAttrOfType<StringAttr>(fixed::protocolAttr);
    return {static_cast<int64_t>(op.getLow()), static_cast<int64_t>(op.getHigh()),
            chosen ? secure::symbolizeProtocol(chosen.getValue()) : std::nullopt};
  }

  Value buildStep(Operation *op) {
    Location loc = op->getLoc();
    Type type = op->getNumResults() == 1 ? op->getResult(0).getType() : Type();
    auto productType = [&] { return weightsPublic ? maskedOf(type) : shareOf(type); };
    auto productKey = [&] { return weightsPublic ? IntegerAttr() : builder.nextKey(); };
    using llvm::TypeSwitch;
    return TypeSwitch<Operation *, Value>(op)
        .Case([&](fixed::Conv2dOp conv) {
          Value input = masked(op, conv.getInput());
          return secure::Conv2dOp::create(ops, loc, productType(), input, weight(conv.getWeight()),
                                          weight(conv.getBias()), conv.getStridesAttr(),
                                          conv.getDilationsAttr(), conv.getPadsAttr(),
                                          conv.getGroupsAttr(), productKey());
        })
        .Case([&](fixed::LinearOp linear) {
          Value input = masked(op, linear.getInput());
          return secure::LinearMapOp::create(ops, loc, productType(), input,
                                             weight(linear.getWeight()), weight(linear.getBias()),
                                             productKey());
        })
        .Case([&](fixed::ReluOp relu) {
          return builder.relu(loc, masked(op, relu.getInput()),
                              static_cast<int64_t>(relu.getShift()), windowOf(relu));
        })
        .Case([&](fixed::SplineOp spline) {
          return builder.spline(loc, masked(op, spline.getInput()),
                                static_cast<int64_t>(spline.getShift()), windowOf(spline),
                                spline.getThresholdsAttr(), spline.getPiecesAttr(),
                                cast<fixed::TensorType>(type).getScale());
        })
        .Case([&](fixed::TruncateOp truncate) {
          Value input = masked(op, truncate.getInput());
          return secure::TruncateOp::create(ops, loc, shareOf(type), input, truncate.getShiftAttr(),
                                            builder.nextKey());
        })
        .Case([&](fixed::SquareOp square) {
          Value input = masked(op, square.getInput());
          return secure::SquareOp::create(ops, loc, shareOf(type), input, square.getShiftAttr(),
                                          builder.nextKey());
        })
        .Case([&](fixed::MulOp mul) {
          Value lhs = masked(op, mul.getLhs()), rhs = masked(op, mul.getRhs());
          return secure::MultiplyOp::create(ops, loc, shareOf(type), lhs, rhs, builder.nextKey());
        })
        .Case([&](fixed::MatMulOp product) {
          Value lhs = masked(op, product.getLhs()), rhs = masked(op, product.getRhs());
          return secure::MatMulOp::create(ops, loc, shareOf(type), lhs, rhs, builder.nextKey());
        })
        .Case([&](fixed::AddWeightOp add) {
          Value input = share(op, add.getInput());
          return secure::AddWeightOp::create(ops, loc, shareOf(type), input,
                                             weight(add.getWeight()));
        })
        .Case([&](fixed::MaxPool2dOp pool) { return buildPool(pool); })
        .Default([](Operation *) { return Value(); });
  }

  Value buildPool(fixed::MaxPool2dOp pool) {
    auto in = cast<fixed::TensorType>(pool.getInput().getType()).getShape();
    auto out = cast<fixed::TensorType>(pool.getType()).getShape();
    auto along = [&](unsigned i) -> PoolAxis {
      return {2 + i,
              in[2 + i],
              out[2 + i],
              pool.getKernel()[i],
              pool.getStrides()[i],
              pool.getDilations()[i],
              pool.getPads()[i]};
    };
    // Every kind the operand has anyway: differences of masked values need no open.
    Kinds available = kinds[pool.getInput()];
    Forms operand;
    if (available.masked)
      operand.masked = masked(pool, pool.getInput());
    if (available.share || !available.masked)
      operand.share = share(pool, pool.getInput());
    return buildMaxPool(builder, pool.getLoc(), operand, along(0), along(1), windowOf(pool));
  }

  /// Kinds that were offered but not taken.
  static void eraseUnused(Block *body) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*body)))
      if (isOpTriviallyDead(&op))
        op.erase();
  }
};

struct ConvertFixedToSecure : gfs::impl::ConvertFixedToSecureBase<ConvertFixedToSecure> {
  using ConvertFixedToSecureBase::ConvertFixedToSecureBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto source = secure::mainFunction(module);
    auto bits = fixed::ringBits(module);
    if (!source)
      return signalPassFailure();
    if (!bits) {
      module.emitError("expects ") << fixed::ringBitsAttr;
      return signalPassFailure();
    }
    if (!llvm::is_contained({"shared", "server", "public"}, weightMode.getValue())) {
      module.emitError("expects weights=shared, server or public, got ") << weightMode.getValue();
      return signalPassFailure();
    }
    std::optional<secure::Protocol> protocol = secure::symbolizeProtocol(reluProtocol.getValue());
    if (!protocol && reluProtocol != "auto") {
      module.emitError("expects relu-protocol=auto, table, one_hot or dcf, got ")
          << reluProtocol.getValue();
      return signalPassFailure();
    }

    OpBuilder builder(source);
    if (failed(Lowering(source, builder, protocol, weightMode == "public").run()))
      return signalPassFailure();
    source.erase();
    module->removeAttr(fixed::ringBitsAttr);
    module->setAttr(secure::ringBitsAttr, builder.getI64IntegerAttr(*bits));
    module->setAttr(secure::weightModeAttr, builder.getStringAttr(weightMode));
    if (module->removeAttr(fixed::wholeOpeningsAttr))
      module->setAttr(secure::wholeOpeningsAttr, builder.getUnitAttr());
  }
};
} // namespace
