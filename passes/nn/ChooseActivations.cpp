// SPDX-License-Identifier: Apache-2.0
// nn-choose-activations: ReLU channels become the polynomials that were chosen for them.
#include "passes/nn/Passes.h"

#include "dialects/nn/NnConstants.h"
#include "passes/nn/ScaleLayer.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>
#include <numbers>

namespace gfs::nn {
#define GEN_PASS_DEF_NNCHOOSEACTIVATIONS
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;
using namespace gfs;

namespace {

/// a x^2 + b x + c in place of max(x, 0).
struct Quadratic {
  double a = 0, b = 0, c = 0;
};

/// A channel of a normal distribution, as a batch normalisation leaves it behind.
struct NormalChannel {
  double mean, deviation;
};

/// The polynomial of that degree (1 or 2) with the least mean square distance to max(x, 0) for such
/// values x = m + s t: of the expansion in Hermite polynomials,
///   E[relu] + s P t + (s p / 2) (t^2 - 1),   P = Phi(m / s), p = phi(m / s),
/// the terms up to that degree.
Quadratic fit(NormalChannel channel, unsigned degree) {
  const double m = channel.mean, s = channel.deviation;
  if (s == 0)
    return {0, 0, std::max(m, 0.0)};
  const double k = m / s;
  const double density = std::exp(-k * k / 2) / std::sqrt(2 * std::numbers::pi);
  const double positive = std::erfc(-k / std::numbers::sqrt2) / 2;
  const double expected = m * positive + s * density;
  if (degree == 1)
    return {0, positive, expected - positive * m};
  const double a = density / (2 * s);
  return {a, positive - 2 * a * m, expected - positive * m + a * m * m - s * density / 2};
}

/// The distribution of each channel that a layer of the network fixes.
std::optional<std::vector<NormalChannel>> statisticsOf(Value value) {
  auto norm = value.getDefiningOp<nn::BatchNormOp>();
  if (!norm || !nn::constantValue(norm.getScale()) || !nn::constantValue(norm.getBias()))
    return std::nullopt;
  nn::ConstantData scale(norm.getScale()), bias(norm.getBias());
  std::vector<NormalChannel> channels;
  for (size_t c = 0; c < scale.size(); ++c)
    channels.push_back({bias[c], std::abs(scale[c])});
  return channels;
}

/// Reads the choices of one ReLU.
class Choices {
public:
  explicit Choices(nn::ReluOp relu) : relu(relu), statistics(statisticsOf(relu.getInput())) {}

  /// One entry per channel; nullopt stays a ReLU. Failure with a message of what is wrong.
  FailureOr<std::vector<std::optional<Quadratic>>> read(Attribute attribute) const {
    auto type = cast<RankedTensorType>(relu.getType());
    if (type.getRank() < 2)
      return relu.emitError("has no channels, so none can be chosen for");
    auto list = dyn_cast<ArrayAttr>(attribute);
    auto channels = static_cast<size_t>(type.getDimSize(1));
    if (!list || (list.size() != 1 && list.size() != channels))
      return relu.emitError() << nn::choicesAttr << " has " << (list ? list.size() : 0)
                              << " choices for " << channels
                              << " channels: give one for all, or one for each";
    std::vector<std::optional<Quadratic>> result;
    for (size_t channel = 0; channel < channels; ++channel) {
      auto choice = one(list[list.size() == 1 ? 0 : channel], channel);
      if (failed(choice))
        return failure();
      result.push_back(*choice);
    }
    return result;
  }

private:
  using Choice = FailureOr<std::optional<Quadratic>>;

  Choice one(Attribute attribute, size_t channel) const {
    if (auto coefficients = dyn_cast<DictionaryAttr>(attribute))
      return spelt(coefficients);
    auto word = dyn_cast<StringAttr>(attribute);
    if (word && (word == "relu" || word == "free"))
      return std::optional<Quadratic>();
    if (word && word == "zero")
      return std::optional(Quadratic{});
    if (word && word == "identity")
      return std::optional(Quadratic{0, 1, 0});
    if (word && (word == "linear" || word == "quadratic"))
      return fitted(channel, word == "linear" ? 1 : 2);
    return relu.emitError() << attribute
                            << " is no choice: write relu, zero, identity, linear, quadratic or "
                               "coefficients {a, b, c}";
  }

  Choice spelt(DictionaryAttr coefficients) const {
    Quadratic quadratic;
    for (NamedAttribute entry : coefficients) {
      double *place = entry.getName() == "a"   ? &quadratic.a
                      : entry.getName() == "b" ? &quadratic.b
                      : entry.getName() == "c" ? &quadratic.c
                                               : nullptr;
      auto number = dyn_cast<FloatAttr>(entry.getValue());
      if (!place || !number || !std::isfinite(number.getValueAsDouble()))
        return relu.emitError() << "coefficient " << entry.getName() << " = " << entry.getValue()
                                << ": expects finite a, b and c of a x^2 + b x + c";
      *place = number.getValueAsDouble();
    }
    return std::optional(quadratic);
  }

  Choice fitted(size_t channel, unsigned degree) const {
    if (!statistics)
      return relu.emitError("no batch normalisation says what values it sees: give coefficients "
                            "{a, b, c}, or let gfscc --replace fit them to data");
    return std::optional(fit((*statistics)[channel], degree));
  }

  mutable nn::ReluOp relu;
  std::optional<std::vector<NormalChannel>> statistics;
};

void replace(nn::ReluOp relu, ArrayRef<std::optional<Quadratic>> choices) {
  OpBuilder builder(relu);
  auto constant = [&](double Quadratic::*which, StringRef suffix) -> Value {
    std::vector<float> values;
    for (const std::optional<Quadratic> &choice : choices)
      values.push_back(choice ? static_cast<float>((*choice).*which) : 0.0f);
    auto count = static_cast<int64_t>(values.size());
    return nn::ConstantOp::create(builder, relu.getLoc(),
                                  nn::makeConstant(builder.getContext(), {count}, std::move(values),
                                                   nn::layerName(relu) + suffix.str()));
  };
  SmallVector<bool> kept;
  for (const std::optional<Quadratic> &choice : choices)
    kept.push_back(!choice);
  Value a = constant(&Quadratic::a, ".a"), b = constant(&Quadratic::b, ".b"),
        c = constant(&Quadratic::c, ".c");
  auto mixed =
      nn::MixedActivationOp::create(builder, relu.getLoc(), relu.getType(), relu.getInput(), a, b,
                                    c, builder.getDenseBoolArrayAttr(kept));
  relu.replaceAllUsesWith(mixed.getResult());
  relu.erase();
}

/// A choice of a pin file, in the words of the attribute.
Attribute choiceFrom(const llvm::json::Value &value, Builder &builder) {
  if (auto word = value.getAsString())
    return builder.getStringAttr(*word);
  SmallVector<NamedAttribute> coefficients;
  if (const llvm::json::Object *object = value.getAsObject())
    for (const auto &[name, number] : *object)
      if (auto real = number.getAsNumber())
        coefficients.push_back(
            builder.getNamedAttr(StringRef(name), builder.getF64FloatAttr(*real)));
      else
        return builder.getStringAttr(StringRef(name));
  else
    return builder.getStringAttr(llvm::formatv("{0}", value).str());
  return builder.getDictionaryAttr(coefficients);
}

struct ChooseActivations : nn::impl::NnChooseActivationsBase<ChooseActivations> {
  using NnChooseActivationsBase::NnChooseActivationsBase;

  void runOnOperation() override {
    if (!pinFile.empty() && failed(readPins()))
      return signalPassFailure();
    SmallVector<nn::ReluOp> chosen;
    getOperation().walk([&](nn::ReluOp relu) {
      if (relu->hasAttr(nn::choicesAttr))
        chosen.push_back(relu);
    });
    for (nn::ReluOp relu : chosen) {
      auto choices = Choices(relu).read(relu->getAttr(nn::choicesAttr));
      if (failed(choices))
        return signalPassFailure();
      relu->removeAttr(nn::choicesAttr);
      auto gone = static_cast<unsigned>(
          llvm::count_if(*choices, [](const auto &choice) { return choice.has_value(); }));
      if (gone > 0)
        replace(relu, *choices);
      numReplaced += gone;
    }
  }

  /// Writes the file's choices on the ReLUs they name.
  LogicalResult readPins() {
    auto buffer = llvm::MemoryBuffer::getFile(pinFile);
    if (!buffer)
      return getOperation().emitError(pinFile + ": cannot be read");
    auto json = llvm::json::parse((*buffer)->getBuffer());
    if (!json) {
      llvm::consumeError(json.takeError());
      return getOperation().emitError(pinFile + ": is not JSON");
    }
    const llvm::json::Object *file = json->getAsObject();
    const llvm::json::Object *layers = file ? file->getObject("layers") : nullptr;
    if (!layers)
      return getOperation().emitError(pinFile + ": has no object \"layers\"");
    Builder builder(&getContext());
    size_t used = 0;
    getOperation().walk([&](nn::ReluOp relu) {
      const llvm::json::Value *pins = layers->get(nn::layerName(relu));
      if (!pins)
        return;
      ++used;
      SmallVector<Attribute> choices;
      if (const llvm::json::Array *list = pins->getAsArray())
        for (const llvm::json::Value &pin : *list)
          choices.push_back(choiceFrom(pin, builder));
      else
        choices.push_back(choiceFrom(*pins, builder));
      relu->setAttr(nn::choicesAttr, builder.getArrayAttr(choices));
    });
    if (used < layers->size())
      return getOperation().emitError(pinFile + ": names a layer that is no ReLU of this function");
    return success();
  }
};

} // namespace
