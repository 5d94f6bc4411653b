// SPDX-License-Identifier: Apache-2.0
#include "compiler/debug/LayerComparison.h"

#include "compiler/evaluate/Evaluator.h"
#include "compiler/import/Import.h"
#include "compiler/pipeline/FixedStage.h"
#include "dialects/fixed/FixedDialect.h"
#include "passes/convert/FixedToSecure.h"
#include "passes/fixed/RangeReport.h"
#include "passes/nn/Passes.h"
#include "passes/secure/Passes.h"
#include "runtime/exec/ClientShares.h"
#include "runtime/exec/Simulate.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"

#include <cmath>
#include <set>

using namespace mlir;

namespace gfs {

namespace {

/// What a layer is in real numbers.
struct RealLayer {
  std::vector<float> values;
  std::optional<fixed::RealRange> range;
};

/// The step of the fixed program that a layer ends with.
struct FixedLayer {
  std::string name;
  Value value;
  unsigned port; ///< The output of the plan that shows it.
};

class Comparer {
public:
  Comparer(const CompileOptions &options, const std::string &input, size_t sample)
      : options(options), input(input), sample(sample), progress(/*verbosity=*/0),
        diagnostics(&context) {
    context.printOpOnDiagnostic(false);
    context.disableMultithreading();
    context.loadDialect<func::FuncDialect, nn::NnDialect, fixed::FixedDialect,
                        secure::SecureDialect>();
  }

  LayerComparison run(double tolerance) {
    module = importOnnx(options.model, {options.shapes, options.outputs}, context);
    runPasses(Phase::Optimise, nn::buildNnPipeline);
    takeInput();
    FormatChoice choice = FixedStage(*module, options, diagnostics, progress).run();
    evaluate(mainOf(*choice.measured));
    showLayers();
    // What dropped bits leave to chance depends on shares, which clear evaluation does not have.
    (*module)->setAttr(fixed::wholeOpeningsAttr, UnitAttr::get(&context));
    LayerComparison comparison{options.model.string(),
                               choice.formats.ringBits,
                               choice.formats.activationBits,
                               choice.formats.windowBits,
                               choice.formats.exact,
                               tolerance,
                               {}};
    // Compared later, in program order: the conversion consumes the fixed program.
    for (const FixedLayer &layer : layers)
      comparison.rows.push_back(describe(layer));
    compareValues(comparison.rows);
    return comparison;
  }

private:
  const CompileOptions &options;
  const std::string &input;
  size_t sample;
  Progress progress;
  MLIRContext context;
  DiagnosticCollector diagnostics;
  OwningOpRef<ModuleOp> module;
  std::vector<std::vector<float>> inputs; ///< By port.
  std::map<std::string, RealLayer> real;
  std::vector<FixedLayer> layers;
  std::vector<double>
      factors; ///< By layer: what real values are over those that integers stand for.
  std::vector<double> limits; ///< By layer: integers must stay below.

  static func::FuncOp mainOf(ModuleOp module) { return *module.getOps<func::FuncOp>().begin(); }

  void runPasses(Phase phase, llvm::function_ref<void(OpPassManager &)> add) {
    PassManager passes(&context, ModuleOp::getOperationName());
    add(passes);
    LogicalResult result = passes.run(*module);
    diagnostics.check(result, phase, ExitCode::Unsupported, "gfscc --check says what is supported");
  }

  void takeInput() {
    SampleSet samples = readSamples(input, mainOf(*module));
    if (sample >= samples.count)
      throw Error(
          ExitCode::Usage,
          fmt::format("--sample: {} holds {} samples, numbered from 0", input, samples.count),
          "give a smaller number");
    for (const std::vector<float> &all : samples.inputs) {
      size_t size = all.size() / samples.count;
      auto first = all.begin() + static_cast<ptrdiff_t>(sample * size);
      inputs.emplace_back(first, first + static_cast<ptrdiff_t>(size));
    }
  }

  /// The last value of each layer, in real numbers.
  void evaluate(func::FuncOp main) {
    std::vector<std::span<const float>> views(inputs.begin(), inputs.end());
    Evaluator(main).run(views, [&](Value value, std::span<const float> data) {
      if (Operation *op = value.getDefiningOp())
        real[fixed::layerName(op)] = {{data.begin(), data.end()}, fixed::calibratedRange(value)};
    });
  }

  /// Makes each layer's last integers an output of the program.
  void showLayers() {
    func::FuncOp main = mainOf(*module);
    std::map<std::string, size_t> places;
    for (Operation &op : main.getBody().front()) {
      if (op.getNumResults() != 1 || isa<fixed::WeightOp>(op))
        continue;
      std::string name = fixed::layerName(&op);
      auto found = real.find(name);
      auto type = cast<fixed::TensorType>(op.getResult(0).getType());
      if (found == real.end() || static_cast<size_t>(ShapedType::getNumElements(type.getShape())) !=
                                     found->second.values.size())
        continue;
      auto [place, isNew] = places.try_emplace(name, layers.size());
      if (isNew)
        layers.push_back({name, op.getResult(0), 0});
      else
        layers[place->second].value = op.getResult(0);
    }
    Operation *exit = main.getBody().front().getTerminator();
    Builder builder(&context);
    std::set<std::string> taken; // a node often has the name of the output it makes
    for (unsigned port = 0; port < main.getNumResults(); ++port)
      if (auto name = main.getResultAttrOfType<StringAttr>(port, fixed::nameAttr))
        taken.insert(name.str());
    for (FixedLayer &layer : layers) {
      layer.port = main.getNumResults();
      std::string portName = layer.name;
      while (!taken.insert(portName).second)
        portName += " (layer)";
      auto name = builder.getNamedAttr(fixed::nameAttr, builder.getStringAttr(portName));
      bool added = succeeded(
          main.insertResult(layer.port, layer.value.getType(), builder.getDictionaryAttr(name)));
      gfs::check(added, "an output cannot be added");
      exit->insertOperands(exit->getNumOperands(), layer.value);
    }
  }

  /// Everything but the errors.
  LayerRow describe(const FixedLayer &layer) {
    auto type = cast<fixed::TensorType>(layer.value.getType());
    LayerRow row;
    row.layer = layer.name;
    row.operation = layer.value.getDefiningOp()->getName().stripDialect().str();
    row.scale = type.getScale();
    const RealLayer &meant = real.at(layer.name);
    row.elements = meant.values.size();
    for (float value : meant.values)
      row.magnitude = std::max(row.magnitude, std::abs(static_cast<double>(value)));

    // Layers may be held without a factor that a later layer multiplies in: their ranges tell.
    std::optional<fixed::RealRange> held = fixed::calibratedRange(layer.value);
    bool known = held && meant.range && held->magnitude() > 0 && meant.range->magnitude() > 0;
    factors.push_back(known ? meant.range->magnitude() / held->magnitude() : 1.0);

    unsigned ring = *fixed::ringBits(*module);
    double limit = std::ldexp(1.0, static_cast<int>(ring) - 1);
    for (Operation *user : layer.value.getUsers())
      for (const fixed::RangeDemand &demand : fixed::rangeDemands(user, ring))
        if (demand.operand == layer.value)
          limit = std::min(limit, demand.limit);
    limits.push_back(limit);
    return row;
  }

  /// Runs the plan privately and in clear under the same masks, and compares the layers' values.
  void compareValues(std::vector<LayerRow> &rows) {
    runPasses(Phase::Secure, [&](OpPassManager &passes) {
      passes.addPass(createConvertFixedToSecure({options.weightMode, options.reluProtocol}));
      secure::buildSecurePipeline(passes);
    });
    EmittedPlan emitted = emitPlan(*module, "", "");
    plan::LoadedPlan loaded =
        plan::parsePlan(plan::serializePlan(emitted.plan), "the emitted plan");
    const plan::Plan plan = loaded.plan;
    const Ring ring = loaded.ring();
    WeightTable weights = clearWeights(plan, emitted.weights);
    ProgramRef program = makeProgram(std::move(loaded));
    const SecretSeed seed0 = SecretSeed::random(), seed1 = SecretSeed::random();

    std::vector<ClearWords> words;
    for (int port = 0; port < plan.inputs_size(); ++port)
      words.push_back(encodeFixed(ring, portShape(plan, plan.inputs(port)).scale,
                                  inputs[static_cast<size_t>(port)]));
    Simulator simulator(program, maskWeights(plan, weights, seed0, seed1, plan::randomId()), seed0,
                        seed1);
    SimulationResult result = simulator.run(words);
    std::vector<ClearWords> clear =
        ClearExecutor(program, weights).run(seed0, seed1, result.request, words);

    for (size_t i = 0; i < rows.size(); ++i) {
      LayerRow &row = rows[i];
      std::vector<int64_t> got = signedOf(ring, result.outputs[layers[i].port]),
                           expected = signedOf(ring, clear[layers[i].port]);
      const std::vector<float> &meant = real.at(row.layer).values;
      double squares = 0, largest = 0;
      for (size_t element = 0; element < got.size(); ++element) {
        auto integer = static_cast<double>(got[element]);
        double error =
            std::abs(std::ldexp(integer, -row.scale) * factors[i] - double(meant[element]));
        row.maxError = std::max(row.maxError, error);
        squares += error * error;
        largest = std::max(largest, std::abs(integer));
        row.differing += got[element] != expected[element];
      }
      row.rmsError = std::sqrt(squares / static_cast<double>(std::max<size_t>(got.size(), 1)));
      row.room = limits[i] / std::max(largest, 1.0);
    }
  }
};

} // namespace

LayerComparison compareLayers(CompileOptions options, const std::string &input, size_t sample,
                              double tolerance) {
  if (options.calibration.empty())
    options.calibration = input;
  return Comparer(options, input, sample).run(tolerance);
}

} // namespace gfs
