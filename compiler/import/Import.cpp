// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/Import.h"

#include "compiler/import/Constants.h"
#include "compiler/import/Cut.h"
#include "compiler/import/Graph.h"
#include "compiler/import/Handlers.h"
#include "compiler/import/Inputs.h"
#include "compiler/import/OnnxFile.h"
#include "compiler/import/Quantisation.h"
#include "runtime/base/Error.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <set>
#include <unordered_map>

using namespace mlir;

namespace gfs {
namespace onnx {
namespace {

/// Bytes of external data that one model may have.
constexpr uint64_t maxExternalBytes = uint64_t(1) << 34;
/// Elements that any model may compute at import, on top of four times its own.
constexpr int64_t freeConstants = int64_t(1) << 26;

/// One import: the graph's values, and everything that was refused.
class Importer {
public:
  Importer(const std::filesystem::path &path, const ImportOptions &options, MLIRContext &context)
      : path(path), options(options), model(readModel(path)), state{OpBuilder(&context), 0, 0, {}} {
  }

  /// The model's program; throws all refusals at once.
  OwningOpRef<ModuleOp> run();
  /// What became of each node; nodes in `refused`, with reasons, are refused too.
  ModelVerdict inspect(const std::map<std::string, std::string> &refused);

private:
  [[noreturn]] void malformed(const std::string &cause) const {
    throw Error(ExitCode::InvalidInput, fmt::format("{}: {}", path.string(), cause),
                "check the model with onnx.checker, or export it again");
  }
  int64_t readOpset() const;
  std::vector<std::string> outputNames() const;
  void addInputs();
  void loadInitialiser(const std::string &name);
  void readGraph();
  void readNode(NodeProto &proto, int index);
  NodeVerdict::Kind import(Node &node, NodeProto &proto);
  ValueKind kindOf(const std::string &name);
  void refuse(const std::string &place, const Refusal &refusal);
  void throwRefusals() const;
  void addOutputs(const std::vector<std::string> &names);
  OwningOpRef<ModuleOp> finish();

  const std::filesystem::path &path;
  const ImportOptions &options;
  ModelProto model;
  GraphState state;
  std::unordered_map<std::string, tensor::TensorProto *> initialisers;
  uint64_t externalBudget = maxExternalBytes;
  std::set<std::string, std::less<>> used; ///< Names that nodes read or the function returns.
  const std::map<std::string, std::string> *refusedLater = nullptr;
  std::vector<std::string> outputs;  ///< Names of the values to return.
  std::vector<int> order;            ///< Nodes as they are read,
  std::vector<NodeVerdict> verdicts; ///< and what became of each.
  std::vector<std::string> refusals;
  std::vector<std::string> otherRefusals; ///< Those that are no node's.
  bool anyMalformed = false;
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
};

int64_t Importer::readOpset() const {
  for (const OperatorSetIdProto &set : model.opset_import()) {
    if (!set.domain().empty() && set.domain() != "ai.onnx")
      continue;
    if (set.version() < oldestOpset || set.version() > newestOpset)
      throw Error(ExitCode::Unsupported,
                  fmt::format("{}: opset {} is not supported, only {} to {}", path.string(),
                              set.version(), oldestOpset, newestOpset),
                  set.version() < oldestOpset
                      ? "convert it with onnx.version_converter, or export it again"
                      : "export the model with an older opset_version");
    return set.version();
  }
  malformed("states no version of the ONNX operators");
}

std::vector<std::string> Importer::outputNames() const {
  if (!options.outputs.empty()) {
    std::set<std::string> known;
    for (const NodeProto &node : model.graph().node())
      known.insert(node.output().begin(), node.output().end());
    for (const std::string &name : options.outputs)
      if (!known.contains(name) || name.empty())
        throw Error(ExitCode::Usage, fmt::format("{}: no node computes '{}'", path.string(), name),
                    "name outputs of nodes, as Netron shows them");
    return options.outputs;
  }
  std::vector<std::string> names;
  for (const ValueInfoProto &output : model.graph().output())
    names.push_back(output.name());
  if (names.empty())
    malformed("has no outputs");
  return names;
}

/// The change that all inputs whose batch differs from the model's have in common.
static BatchChange batchChangeOf(llvm::ArrayRef<ModelInput> inputs) {
  BatchChange change;
  for (const ModelInput &input : inputs) {
    if (input.modelBatch == 0 || input.modelBatch == input.shape[0])
      continue;
    if (change.exported && (change.exported != input.modelBatch || change.wanted != input.shape[0]))
      return {};
    change = {input.modelBatch, input.shape[0]};
  }
  return change;
}

void Importer::addInputs() {
  const std::vector<ModelInput> inputs = readInputs(model.graph(), path.string(), options.shapes);
  state.batch = batchChangeOf(inputs);
  for (const ModelInput &input : inputs) {
    auto type = nn::tensorType(state.builder.getContext(), input.shape);
    auto name = state.builder.getStringAttr(input.name);
    unsigned index = function.getNumArguments();
    DictionaryAttr attributes =
        state.builder.getDictionaryAttr(state.builder.getNamedAttr(nn::nameAttr, name));
    if (failed(function.insertArgument(index, type, attributes, NameLoc::get(name))))
      throw Error(ExitCode::Internal, "internal error: cannot add an argument");
    state.values[input.name] =
        OnnxValue{function.getArgument(index), nullptr, false, input.quantisation};
  }
}

/// Initialisers become constants where they are first used. Does nothing for other names.
void Importer::loadInitialiser(const std::string &name) {
  auto initialiser = initialisers.find(name);
  if (initialiser == initialisers.end() || state.values.contains(name))
    return;
  tensor::TensorProto &tensor = *initialiser->second;
  try {
    if (tensor.data_location() == tensor::TensorProto::EXTERNAL) {
      loadExternalData(tensor, path.parent_path(), externalBudget);
      state.constantBudget += static_cast<int64_t>(tensor.raw_data().size());
    }
    state.values[name] = takeTensor(state, tensor, name);
  } catch (const Refusal &refusal) {
    refuse(fmt::format("initialiser \"{}\"", name), refusal);
    otherRefusals.push_back(refusals.back());
    state.values[name] = OnnxValue{{}, nullptr, /*refused=*/true};
  }
}

void Importer::refuse(const std::string &place, const Refusal &refusal) {
  anyMalformed |= refusal.kind == Refusal::Kind::Malformed;
  refusals.push_back(fmt::format("{}: {}; {}", place, refusal.reason, refusal.hint));
}

/// What the client computes, if nothing but reshapes follow it, which are the client's, too. Else
/// `value`.
static Value beforeLastReshapes(Value value) {
  Value source = value;
  while (auto reshape = source.getDefiningOp<nn::ReshapeOp>())
    source = reshape.getInput();
  Operation *made = source.getDefiningOp();
  return made && nn::isPostProcess(made) ? source : value;
}

/// Calls the operator's handler. Throws a Refusal.
NodeVerdict::Kind Importer::import(Node &node, NodeProto &proto) {
  bool standard = proto.domain().empty() || proto.domain() == "ai.onnx";
  Handler handler = standard ? handlerTable().find(proto.op_type(), state.opset) : nullptr;
  if (!handler) {
    NotSupported why = whyNotSupported(standard ? proto.op_type() : proto.domain());
    node.unsupported(why.reason, why.hint);
  }
  if (llvm::any_of(proto.input(), [&](const std::string &input) {
        return !input.empty() && state.values[input].refused;
      }))
    return NodeVerdict::Kind::Behind;
  checkQuantisedOperands(node, proto.op_type());
  handler(node);
  passQuantisation(node, proto.op_type());
  node.refuseUnknownAttributes();
  auto kind = NodeVerdict::Kind::Constant;
  for (const std::string &output : proto.output()) {
    if (used.contains(output) && !state.values.contains(output))
      node.unsupported(fmt::format("its output '{}' is not supported", output),
                       "export the model in inference mode (model.eval())");
    if (!output.empty() && state.values.contains(output) && kindOf(output) == ValueKind::Computed) {
      Operation *made = beforeLastReshapes(state.values[output].tensor).getDefiningOp();
      kind =
          made && nn::isPostProcess(made) ? NodeVerdict::Kind::Client : NodeVerdict::Kind::Private;
    }
  }
  return kind;
}

void Importer::readNode(NodeProto &proto, int index) {
  for (const std::string &input : proto.input())
    loadInitialiser(input);
  NodeVerdict verdict;
  verdict.name = nodeName(proto, index);
  verdict.op = proto.op_type();
  if (!proto.domain().empty() && proto.domain() != "ai.onnx")
    verdict.op = proto.domain() + "." + verdict.op;
  try {
    Node node(state, proto, verdict.name);
    if (refusedLater && refusedLater->contains(verdict.name))
      node.unsupported(refusedLater->at(verdict.name), "replace it, or cut the model before it");
    verdict.kind = import(node, proto);
  } catch (const Refusal &refusal) {
    verdict.reason = refusal.reason;
    verdict.hint = refusal.hint;
    refuse(fmt::format("node \"{}\" ({}, opset {})", verdict.name, verdict.op, state.opset),
           refusal);
  }
  if (verdict.kind == NodeVerdict::Kind::Refused || verdict.kind == NodeVerdict::Kind::Behind)
    for (const std::string &output : proto.output())
      if (!output.empty())
        state.values[output] = OnnxValue{{}, nullptr, /*refused=*/true};
  verdicts.push_back(std::move(verdict));
}

ValueKind Importer::kindOf(const std::string &name) {
  const OnnxValue &value = state.values[name];
  if (value.integers)
    return ValueKind::Constant;
  if (!value.tensor || isa<BlockArgument>(value.tensor))
    return ValueKind::Input;
  return nn::constantValue(value.tensor) ? ValueKind::Constant : ValueKind::Computed;
}

void Importer::throwRefusals() const {
  if (refusals.empty())
    return;
  constexpr size_t shown = 50;
  std::string message = fmt::format("{}: cannot import the model, for {} reason{}", path.string(),
                                    refusals.size(), refusals.size() == 1 ? "" : "s");
  for (size_t i = 0; i < std::min(shown, refusals.size()); ++i)
    message += "\n  " + refusals[i];
  if (refusals.size() > shown)
    message += fmt::format("\n  and {} more", refusals.size() - shown);
  throw Error(anyMalformed ? ExitCode::InvalidInput : ExitCode::Unsupported, message,
              "each line names a node, its operator, the reason and what to try");
}

/// Returns the values of these names; refuses what no server can compute.
void Importer::addOutputs(const std::vector<std::string> &names) {
  SmallVector<Value> results;
  SmallVector<Attribute> attributes;
  for (const std::string &name : names) {
    loadInitialiser(name);
    const OnnxValue &value = state.values[name];
    if (value.refused)
      continue;
    if (value.integers) {
      std::string place = fmt::format("output \"{}\"", name);
      refuse(place, {Refusal::Kind::Unsupported, "holds integers that do not depend on the input",
                     "remove it from the model's outputs"});
      otherRefusals.push_back(refusals.back());
      continue;
    }
    NodeProto exit;
    Node node(state, exit, name);
    Value given = value.quantised ? emitIntegers(node, value) : value.tensor;
    results.push_back(beforeLastReshapes(given));
    NamedAttrList port;
    port.set(nn::nameAttr, state.builder.getStringAttr(name));
    if (results.back().getType() != given.getType())
      port.set(nn::shapeAttr, state.builder.getDenseI64ArrayAttr(Node::shapeOf(given)));
    attributes.push_back(port.getDictionary(state.builder.getContext()));
  }
  func::ReturnOp::create(state.builder, function.getLoc(), results);
  function.setType(
      state.builder.getFunctionType(function.getArgumentTypes(), ValueRange(results).getTypes()));
  function.setResAttrsAttr(state.builder.getArrayAttr(attributes));
}

/// Constants that folding has left behind.
void eraseUnused(func::FuncOp function) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.front())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

/// Reads everything but the outputs.
void Importer::readGraph() {
  if (model.graph().sparse_initializer_size() > 0)
    throw Error(ExitCode::Unsupported, fmt::format("{}: has sparse initialisers", path.string()),
                "store the weights as dense tensors");
  state.opset = readOpset();
  // Four copies of all weights, transposed or scaled.
  state.constantBudget = freeConstants + static_cast<int64_t>(std::filesystem::file_size(path));
  outputs = outputNames();
  order = orderNodes(model.graph(), outputs);
  used.insert(outputs.begin(), outputs.end());
  for (int index : order)
    used.insert(model.graph().node(index).input().begin(), model.graph().node(index).input().end());
  used.erase("");
  for (tensor::TensorProto &tensor : *model.mutable_graph()->mutable_initializer())
    initialisers.emplace(tensor.name(), &tensor);

  Location location = NameLoc::get(state.builder.getStringAttr(path.filename().string()));
  module = ModuleOp::create(location);
  state.builder.setInsertionPointToEnd(module->getBody());
  function =
      func::FuncOp::create(state.builder, location, "main", state.builder.getFunctionType({}, {}));
  state.builder.setInsertionPointToEnd(function.addEntryBlock());
  addInputs();
  for (int index : order)
    readNode(*model.mutable_graph()->mutable_node(index), index);
}

OwningOpRef<ModuleOp> Importer::finish() {
  eraseUnused(function);
  check(succeeded(verify(*module)), "an imported module is valid");
  return std::move(module);
}

OwningOpRef<ModuleOp> Importer::run() {
  readGraph();
  addOutputs(outputs);
  throwRefusals();
  return finish();
}

ModelVerdict Importer::inspect(const std::map<std::string, std::string> &refused) {
  refusedLater = &refused;
  readGraph();
  ModelVerdict verdict;
  verdict.opset = state.opset;
  std::vector<std::string> returned = outputs;
  if (!refusals.empty()) {
    verdict.cut = findCut(model.graph(), order, verdicts, outputs,
                          [&](const std::string &name) { return kindOf(name); });
    returned = verdict.cut.outputs;
  }
  addOutputs(returned);
  if (!returned.empty())
    verdict.supported = finish();
  verdict.nodes = std::move(verdicts);
  verdict.others = std::move(otherRefusals);
  return verdict;
}

} // namespace
} // namespace onnx

std::map<std::string, std::vector<int>> importedOperators() {
  std::map<std::string, std::vector<int>> operators;
  for (const auto &[name, versions] : onnx::handlerTable().all())
    for (const auto &[since, handler] : versions)
      operators[name].push_back(since);
  return operators;
}

OwningOpRef<ModuleOp> importOnnx(const std::filesystem::path &path, const ImportOptions &options,
                                 MLIRContext &context) {
  context.loadDialect<func::FuncDialect, nn::NnDialect>();
  return onnx::Importer(path, options, context).run();
}

bool ModelVerdict::good() const {
  return others.empty() && llvm::none_of(nodes, [](const NodeVerdict &node) {
           return node.kind == NodeVerdict::Kind::Refused;
         });
}

ModelVerdict inspectOnnx(const std::filesystem::path &path, const ImportOptions &options,
                         const std::map<std::string, std::string> &refused, MLIRContext &context) {
  context.loadDialect<func::FuncDialect, nn::NnDialect>();
  return onnx::Importer(path, options, context).inspect(refused);
}

} // namespace gfs
