// SPDX-License-Identifier: Apache-2.0
// fixed-argmax: results become the index of their largest element, and nothing else leaves the
// servers.
//
// With K candidates v_i and k = ceil(log2 K) + 1: w_i = 2^k v_i - i. The largest w belongs to the
// largest v, of equal ones to the first, since 0 <= i < 2^{k-1}. A tournament of exact maxima finds
// it. As w = -i mod 2^k,
//   -2^{l-k} w = 2^{l-k} i  (mod 2^l),
// a local product that drops everything but the index: shares of it, added up, say no more than i.
#include "passes/fixed/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

namespace gfs::fixed {
#define GEN_PASS_DEF_FIXEDARGMAX
#include "passes/fixed/Passes.h.inc"
} // namespace gfs::fixed

using namespace mlir;
using namespace gfs::fixed;
using FixedType = gfs::fixed::TensorType;

/// Bits of magnitude that candidates must keep, head-room not counted: less would confuse classes.
static constexpr int leastValueBits = 8;

static FixedType typeOf(Value value) { return cast<FixedType>(value.getType()); }

namespace {

/// The argmax of one result; shapes inside are [rows, 1, 1, candidates].
class Tournament {
public:
  Tournament(Operation *exit, OpOperand &result, int ring, double headroom)
      : exit(exit), value(result.get()), ring(ring), headroom(headroom), builder(exit),
        location(exit->getLoc()), shape(typeOf(value).getShape()), range(calibratedRange(value)) {
    auto name = cast<func::FuncOp>(exit->getParentOp())
                    .getResultAttrOfType<StringAttr>(result.getOperandNumber(), nameAttr);
    output = name ? name.getValue().str() : "result";
    location = NameLoc::get(builder.getStringAttr("argmax of " + output), location);
  }

  FailureOr<Value> run() {
    if (failed(measure()))
      return failure();
    numberCandidates();
    for (int64_t left = candidates; left > 1; left = (left + 1) / 2)
      halve(left);
    // Drops everything but the index.
    range = RealRange{0, static_cast<double>(candidates - 1)};
    make<RescaleOp>(typeOf(value).withScale(ring - indexBits), -(int64_t(1) << (ring - indexBits)));
    make<ReshapeOp>(typeOf(value).withShape(shape));
    return value;
  }

private:
  Operation *exit;
  Value value; ///< What the last step made.
  int ring;
  double headroom;
  OpBuilder builder;
  Location location;
  SmallVector<int64_t> shape; ///< Of the result; after measure() without the candidates' axis.
  std::optional<RealRange> range;
  std::string output;
  int64_t candidates = 0, rows = 0;
  int indexBits = 0; ///< k
  int valueBits =
      0; ///< |v| < 2^valueBits, so that |w_a - w_b| < 2^{l-2}: every bit decides a sign.

  /// Applies an operation to `value`.
  template <class Op, class... Args> void make(Type type, Args &&...args) {
    value = Op::create(builder, location, type, value, std::forward<Args>(args)...);
    if (range)
      setCalibratedRange(value, *range);
  }

  LogicalResult measure() {
    auto axis = llvm::find_if(llvm::reverse(shape), [](int64_t extent) { return extent > 1; });
    if (axis == shape.rend())
      return exit->emitError() << "output '" << output
                               << "' has rows of one element: there is nothing to choose from";
    candidates = *axis;
    shape.erase(std::prev(axis.base()));
    if (shape.empty())
      shape.push_back(1);
    rows = ShapedType::getNumElements(shape);
    indexBits = static_cast<int>(llvm::Log2_64_Ceil(static_cast<uint64_t>(candidates))) + 1;
    valueBits = ring - 3 - indexBits;
    int least = leastValueBits + static_cast<int>(std::ceil(std::log2(headroom)));
    if (valueBits < least)
      return exit->emitError() << "the largest of " << candidates << " elements of output '"
                               << output << "' needs a ring of " << ring + least - valueBits
                               << " bits, got " << ring;
    return success();
  }

  /// Largest integer that the result may become.
  double magnitude() const {
    if (range)
      return std::ldexp(range->magnitude() * headroom, typeOf(value).getScale());
    return std::ldexp(1.0, ring - 2); // what a truncation takes
  }

  /// w_i = 2^k v_i - i
  void numberCandidates() {
    int shift = 0;
    while (std::ldexp(magnitude(), -shift) + 1 >= std::ldexp(1.0, valueBits))
      ++shift;
    if (shift > 0)
      make<TruncateOp>(typeOf(value).withScale(typeOf(value).getScale() - shift),
                       static_cast<uint64_t>(shift));
    make<ReshapeOp>(typeOf(value).withShape({rows, 1, 1, candidates}));
    make<RescaleOp>(typeOf(value).withScale(typeOf(value).getScale() + indexBits),
                    int64_t(1) << indexBits);
    auto number = [&](size_t i) { return -(static_cast<int64_t>(i) % candidates); };
    ElementsAttr numbers =
        makeWeightValue(builder.getContext(), typeOf(value).getShape(), number, "argmax");
    make<AddWeightOp>(value.getType(),
                      WeightOp::create(builder, location, value.getType(), numbers).getResult());
  }

  /// Maxima of neighbours; the last of an odd number meets itself.
  void halve(int64_t left) {
    make<MaxPool2dOp>(typeOf(value).withShape({rows, 1, 1, (left + 1) / 2}),
                      ArrayRef<int64_t>{1, 2}, ArrayRef<int64_t>{1, 2}, ArrayRef<int64_t>{1, 1},
                      ArrayRef<int64_t>{0, 0, 0, left % 2}, uint64_t(0),
                      static_cast<uint64_t>(ring - 2));
  }
};

struct Argmax : gfs::fixed::impl::FixedArgmaxBase<Argmax> {
  using FixedArgmaxBase::FixedArgmaxBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::optional<unsigned> bits = ringBits(module);
    auto main = module.lookupSymbol<func::FuncOp>("main");
    if (!bits || !main || main.isExternal() || !main.getBody().hasOneBlock()) {
      module.emitError() << "expects a function @main with one block and '" << ringBitsAttr << "'";
      return signalPassFailure();
    }
    if (!(headroom >= 1.0 && headroom <= 1024.0)) {
      module.emitError() << "option headroom expects 1 to 1024, got " << headroom.getValue();
      return signalPassFailure();
    }
    Operation *exit = main.getBody().front().getTerminator();
    for (OpOperand &result : exit->getOpOperands()) {
      if (main.getResultAttr(result.getOperandNumber(), postAxisAttr)) {
        main.emitError() << "result " << result.getOperandNumber()
                         << " is processed along another axis than the last longer one, or selects "
                            "several elements: let the client do it";
        return signalPassFailure();
      }
      FailureOr<Value> index = Tournament(exit, result, static_cast<int>(*bits), headroom).run();
      if (failed(index))
        return signalPassFailure();
      result.set(*index);
      main.setResultAttr(result.getOperandNumber(), postAttr,
                         StringAttr::get(&getContext(), "index"));
      main.removeResultAttr(result.getOperandNumber(), StringAttr::get(&getContext(), shapeAttr));
    }
    main.setFunctionType(
        FunctionType::get(&getContext(), main.getArgumentTypes(), exit->getOperandTypes()));
  }
};

} // namespace
