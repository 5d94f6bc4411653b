// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/ChooseStage.h"

#include "compiler/pipeline/Samples.h"
#include "compiler/pipeline/VariantPlan.h"
#include "runtime/base/Error.h"
#include "runtime/tensor/TensorFile.h"

#include <cmath>
#include <fstream>
#include <limits>

using namespace mlir;

namespace gfs {

/// Agreement is counted in samples, so more of them than ranges need; beyond, time buys little.
static constexpr size_t mostChoiceSamples = 400;

static std::optional<double> numberIn(const std::string &text, double low, double high) {
  size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception &) {
    return std::nullopt;
  }
  return used == text.size() && value >= low && value <= high ? std::optional(value) : std::nullopt;
}

static void parseReplace(const std::string &text, ChooseGoal &goal) {
  if (text == "auto") {
    goal.kind = ChooseGoal::Kind::Auto;
  } else if (text == "all") {
    goal.kind = ChooseGoal::Kind::All;
  } else {
    goal.kind = ChooseGoal::Kind::Ratio;
    auto ratio = text.starts_with("ratio:") ? numberIn(text.substr(6), 0, 1) : std::nullopt;
    if (!ratio)
      throw Error(ExitCode::Usage,
                  "--replace: '" + text + "' is not none, auto, all or ratio:R with R from 0 to 1",
                  "write for example --replace=auto or --replace=ratio:0.6");
    goal.ratio = *ratio;
  }
}

static std::vector<unsigned> parseDegrees(const std::string &text) {
  std::vector<unsigned> degrees;
  bool good = text.size() % 2 == 1;
  for (size_t i = 0; good && i < text.size(); ++i) {
    if (i % 2 == 1) {
      good = text[i] == ',';
      continue;
    }
    good = text[i] >= '0' && text[i] <= '2' &&
           (degrees.empty() || degrees.back() < static_cast<unsigned>(text[i] - '0'));
    degrees.push_back(static_cast<unsigned>(text[i] - '0'));
  }
  if (!good)
    throw Error(ExitCode::Usage, "--degrees: '" + text + "' is no ascending list out of 0,1,2",
                "write for example --degrees=0,1,2 or --degrees=2");
  return degrees;
}

/// {"a": 0.2, "b": 0.5, "c": 0.1}, what is missing being zero.
static ChannelChoice parseCoefficients(const nlohmann::json &object, const std::string &place) {
  ChannelChoice choice{.relu = false, .fitted = false, .degree = 0, .polynomial = {}};
  for (const auto &[name, value] : object.items()) {
    double *coefficient = name == "a"   ? &choice.polynomial.a
                          : name == "b" ? &choice.polynomial.b
                          : name == "c" ? &choice.polynomial.c
                                        : nullptr;
    if (!coefficient || !value.is_number())
      throw Error(ExitCode::InvalidInput,
                  fmt::format("{}: '{}' is no coefficient of a x^2 + b x + c", place, name),
                  R"(write for example {"a": 0.2, "b": 0.5, "c": 0.1})");
    *coefficient = value.get<double>();
  }
  choice.degree = choice.polynomial.a != 0 ? 2 : choice.polynomial.b != 0 ? 1 : 0;
  return choice;
}

static std::optional<ChannelChoice> parseChoice(const nlohmann::json &value,
                                                const std::string &place) {
  if (value.is_object())
    return parseCoefficients(value, place);
  std::string word = value.is_string() ? value.get<std::string>() : value.dump();
  if (word == "free")
    return std::nullopt;
  if (word == "relu")
    return ChannelChoice{};
  if (word == "zero")
    return ChannelChoice{false, false, 0, {0, 0, 0}};
  if (word == "identity")
    return ChannelChoice{false, false, 1, {0, 1, 0}};
  if (word == "linear")
    return ChannelChoice{false, true, 1, {}};
  if (word == "quadratic")
    return ChannelChoice{false, true, 2, {}};
  throw Error(
      ExitCode::InvalidInput, fmt::format("{}: '{}' is no choice", place, word),
      "choices are relu, free, zero, identity, linear, quadratic and coefficients {a, b, c}");
}

std::map<std::string, std::vector<std::optional<ChannelChoice>>>
parsePins(const nlohmann::json &file, const std::string &name) {
  if (!file.is_object() || !file.contains("layers") || !file["layers"].is_object())
    throw Error(ExitCode::InvalidInput, name + ": has no object \"layers\"",
                R"(write {"layers": {"NAME": "quadratic"}})");
  std::map<std::string, std::vector<std::optional<ChannelChoice>>> pins;
  for (const auto &[layer, choices] : file["layers"].items()) {
    std::string place = name + ": " + layer;
    if (!choices.is_array())
      pins[layer].push_back(parseChoice(choices, place));
    if (choices.is_array() && choices.empty())
      throw Error(ExitCode::InvalidInput, place + ": no choice",
                  "give one for the layer, or one per channel");
    for (size_t i = 0; choices.is_array() && i < choices.size(); ++i)
      pins[layer].push_back(parseChoice(choices[i], fmt::format("{}, channel {}", place, i)));
  }
  return pins;
}

static nlohmann::json readJson(const std::filesystem::path &path) {
  std::ifstream in(path);
  if (!in)
    throw Error(ExitCode::InputUnreadable, path.string() + ": cannot be read",
                "check path and permissions");
  nlohmann::json file = nlohmann::json::parse(in, nullptr, false);
  if (file.is_discarded())
    throw Error(ExitCode::InvalidInput, path.string() + ": is not JSON",
                R"(write {"layers": {"NAME": "quadratic"}})");
  return file;
}

static void leaveOut(const std::string &ingredient, ChooseGoal &goal) {
  if (ingredient == "channels")
    goal.perChannel = false;
  else if (ingredient == "refit")
    goal.refit.weights = false;
  else if (ingredient == "ranking")
    goal.remeasure = false;
  else if (ingredient == "elements")
    goal.elementwise = false;
  else if (ingredient == "density")
    goal.refit.density = false;
  else if (ingredient == "augment")
    goal.augmented = false;
}

std::optional<ChooseGoal> parseGoal(const ReplaceOptions &options, const Budget &budget) {
  // Whoever bounds both cost and accuracy wants ReLUs to go as far as that takes; who pins choices
  // and says no more, these only.
  const bool implied = budget.given() && options.maxAccuracyDrop.has_value();
  const char *unsaid = implied ? "auto" : options.pin.empty() ? "none" : "ratio:0";
  const std::string replace = options.replace == "none" ? unsaid : options.replace;
  if (replace == "none") {
    const ReplaceOptions unset;
    if (options.maxAccuracyDrop || !options.frontier.empty() || !options.judge.empty() ||
        options.degrees != unset.degrees || options.step != unset.step || !options.leaveOut.empty())
      throw Error(ExitCode::Usage,
                  "--max-accuracy-drop, --frontier, --judge, --degrees, --choose-step and "
                  "--choose-without: nothing is replaced",
                  "say how much: --replace=auto, --replace=all or --replace=ratio:R");
    return std::nullopt;
  }
  ChooseGoal goal;
  parseReplace(replace, goal);
  goal.budget = budget;
  goal.degrees = parseDegrees(options.degrees);
  goal.maxAccuracyDrop = options.maxAccuracyDrop;
  if (goal.maxAccuracyDrop && !(*goal.maxAccuracyDrop >= 0 && *goal.maxAccuracyDrop <= 100))
    throw Error(ExitCode::Usage, "--max-accuracy-drop: expects percent, 0 to 100",
                "the default of --replace=auto is 1");
  if (!options.pin.empty())
    goal.pins = parsePins(readJson(options.pin), options.pin.string());
  if (!(options.step >= 1 && options.step <= 50))
    throw Error(ExitCode::Usage, "--choose-step: expects percent, 1 to 50", "the default is 5");
  goal.step = options.step / 100;
  goal.cheapest = !llvm::is_contained(options.leaveOut, "costs");
  for (const std::string &ingredient : options.leaveOut)
    leaveOut(ingredient, goal);
  return goal;
}

/// The samples of --judge and, if the archive holds an array "labels", the right answers.
static JudgeSet readJudge(const std::string &spec, func::FuncOp main) {
  SampleSet samples = readSamples(spec, main, std::numeric_limits<size_t>::max());
  JudgeSet set{{samples.count, std::move(samples.inputs)}, {}};
  // A name is that of the samples; the labels lie beside them.
  for (const Tensor &array : readTensors(parseTensorSpec(spec).file))
    if (array.name == "labels")
      for (float label : array.toFloat())
        set.labels.push_back(static_cast<int64_t>(label));
  if (!set.labels.empty() && set.labels.size() != set.samples.count)
    throw Error(
        ExitCode::InvalidInput,
        fmt::format("{}: {} labels for {} samples", spec, set.labels.size(), set.samples.count),
        "give each sample the index of its right answer");
  return set;
}

Choice replaceActivations(ModuleOp module, const CompileOptions &options, ChooseGoal goal,
                          DiagnosticCollector &diagnostics, Progress &progress) {
  func::FuncOp main = *module.getOps<func::FuncOp>().begin();
  SampleSet samples = readSamples(options.calibration.string(), main, mostChoiceSamples);
  SampleBatch batch{samples.count, std::move(samples.inputs)};
  if (!options.replace.judge.empty())
    goal.judge = readJudge(options.replace.judge.string(), main);
  goal.costOfAll = goal.cheapest && (!options.replace.frontier.empty() || !options.report.empty());
  goal.costOf = [&](const Variant &variant, double relativeError) {
    return costOfVariant(module, variant, relativeError, options, diagnostics);
  };
  Choice choice = chooseActivations(main, batch, goal, [&](double done) {
    progress.remark(fmt::format("choosing activations: {:.0f} %", 100 * done));
  });
  applyVariant(main, choice.variant);
  return choice;
}

static nlohmann::ordered_json pointJson(const ChoosePoint &point) {
  nlohmann::ordered_json json = {{"replaced", point.replaced}, {"agreement", point.agreement}};
  if (std::isfinite(point.divergence)) {
    json["divergence"] = point.divergence;
    json["relative_error"] = point.relativeError;
  }
  if (point.accuracy)
    json["accuracy"] = *point.accuracy;
  if (point.cost) {
    json["predicted_ms"] = 1e3 * point.cost->seconds;
    json["exchanges"] = point.cost->exchanges;
    json["bytes_each_way"] = point.cost->messageBytes;
    json["dealt_bytes"] = point.cost->dealtBytes;
    json["ring_bits"] = point.cost->ringBits;
  }
  return json;
}

nlohmann::ordered_json choiceJson(const Choice &choice) {
  nlohmann::ordered_json json = {{"version", 2},
                                 {"relus", choice.relus},
                                 {"kept", choice.kept},
                                 {"chosen", choice.chosen},
                                 {"points", nlohmann::ordered_json::array()}};
  for (const ChoosePoint &point : choice.points)
    json["points"].push_back(pointJson(point));
  for (const ChoosePoint &point : choice.judged)
    json["judged"].push_back(pointJson(point));
  return json;
}

} // namespace gfs
