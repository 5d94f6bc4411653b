// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/Check.h"

#include "dialects/common/NodeNames.h"
#include "passes/nn/Passes.h"
#include "runtime/base/Error.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"

#include <algorithm>
#include <fmt/ranges.h>
#include <set>

using namespace mlir;

namespace gfs {

using Kind = NodeVerdict::Kind;
using Json = nlohmann::ordered_json;

namespace {

/// What the optimiser refuses, by the name that the operation's location has.
class RefusalCollector {
public:
  explicit RefusalCollector(MLIRContext &context)
      : handler(&context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
            reasons.emplace(nameOf(diagnostic.getLocation()), diagnostic.str());
          return success();
        }) {}

  std::map<std::string, std::string> reasons;

private:
  static std::string nameOf(Location location) {
    auto names = nodeNames(location);
    return names.empty() ? std::string() : names.front().str();
  }

  ScopedDiagnosticHandler handler;
};

/// What a pass made the servers compute is not the client's: a softmax that more operations follow.
void keepClientNodes(ModuleOp program, std::vector<NodeVerdict> &nodes) {
  std::set<std::string, std::less<>> byServers, byClient;
  program.walk([&](Operation *op) {
    for (StringRef name : nodeNames(op->getLoc()))
      (nn::isPostProcess(op) ? byClient : byServers).insert(name.str());
  });
  for (NodeVerdict &node : nodes)
    if (node.kind == Kind::Client && byServers.contains(node.name) && !byClient.contains(node.name))
      node.kind = Kind::Private;
}

} // namespace

ModelVerdict checkModel(const CompileOptions &options) {
  if (options.model.extension() == ".mlir")
    throw Error(ExitCode::Usage,
                fmt::format("--check: {} is not an ONNX model", options.model.string()),
                "gfs-opt checks programs");
  std::map<std::string, std::string> refused;
  for (;;) {
    MLIRContext context;
    context.printOpOnDiagnostic(false);
    context.disableMultithreading();
    RefusalCollector collector(context);
    ModelVerdict verdict =
        inspectOnnx(options.model, {options.shapes, options.outputs}, refused, context);
    if (verdict.supported) {
      PassManager passes(&context, ModuleOp::getOperationName());
      nn::buildNnPipeline(passes);
      bool failed = mlir::failed(passes.run(*verdict.supported));
      gfs::check(!failed || !collector.reasons.empty(), "a pass failed and did not say why");
      if (!failed)
        keepClientNodes(*verdict.supported, verdict.nodes);
    }
    verdict.supported = {}; // it must not outlive the context
    // Each round refuses at least one more node, so this ends.
    bool anyNew = false;
    for (const auto &[name, reason] : collector.reasons) {
      bool isNode = std::any_of(verdict.nodes.begin(), verdict.nodes.end(),
                                [&](const NodeVerdict &node) { return node.name == name; });
      if (isNode)
        anyNew |= refused.emplace(name, reason).second;
      else
        verdict.others.push_back(reason);
    }
    if (!anyNew)
      return verdict;
  }
}

namespace {

struct OperatorRow {
  size_t nodes = 0;
  std::map<Kind, size_t> kinds;
};

/// One reason, and all nodes of one operator that it concerns.
struct ReasonRow {
  std::string op, reason, hint;
  std::vector<std::string> nodes;
};

struct KindName {
  Kind kind;
  const char *name;
};
constexpr KindName kindNames[] = {{Kind::Private, "private"},
                                  {Kind::Client, "client"},
                                  {Kind::Constant, "constant"},
                                  {Kind::Refused, "refused"},
                                  {Kind::Behind, "behind"}};

} // namespace

static std::map<std::string, OperatorRow> operatorRows(const ModelVerdict &verdict) {
  std::map<std::string, OperatorRow> rows;
  for (const NodeVerdict &node : verdict.nodes) {
    ++rows[node.op].nodes;
    ++rows[node.op].kinds[node.kind];
  }
  return rows;
}

static std::vector<ReasonRow> reasonRows(const ModelVerdict &verdict) {
  std::vector<ReasonRow> rows;
  for (const NodeVerdict &node : verdict.nodes) {
    if (node.kind != Kind::Refused)
      continue;
    auto row = std::find_if(rows.begin(), rows.end(), [&](const ReasonRow &row) {
      return row.op == node.op && row.reason == node.reason;
    });
    if (row == rows.end())
      row = rows.insert(row, {node.op, node.reason, node.hint, {}});
    row->nodes.push_back(node.name);
  }
  return rows;
}

std::string outputsFlag(const Cut &cut) {
  return fmt::format("--outputs={}", fmt::join(cut.outputs, ","));
}

static std::string cutText(const Cut &cut) {
  if (cut.outputs.empty())
    return "cut: none, nothing private would be left before the refused nodes\n";
  std::string rest =
      cut.layersBehind == 0
          ? "none of which has weights"
          : fmt::format("{} of which have weights that it would need", cut.layersBehind);
  return fmt::format("cut: {}\n  the part before is supported; the client computes the rest, {} "
                     "node{}, {}\n",
                     outputsFlag(cut), cut.nodesBehind, cut.nodesBehind == 1 ? "" : "s", rest);
}

std::string verdictText(const ModelVerdict &verdict, const std::filesystem::path &model) {
  std::map<std::string, OperatorRow> rows = operatorRows(verdict);
  size_t width = 8;
  for (const auto &[op, row] : rows)
    width = std::max(width, op.size());
  std::string text = fmt::format("{}: opset {}, {} nodes\n\n  {:<{}} {:>6}", model.string(),
                                 verdict.opset, verdict.nodes.size(), "operator", width, "nodes");
  for (const KindName &kind : kindNames)
    text += fmt::format(" {:>8}", kind.name);
  text += "\n";
  for (auto &[op, row] : rows) {
    text += fmt::format("  {:<{}} {:>6}", op, width, row.nodes);
    for (const KindName &kind : kindNames) {
      size_t count = row.kinds[kind.kind];
      text += fmt::format(" {:>8}", count ? std::to_string(count) : ".");
    }
    text += "\n";
  }
  if (verdict.good())
    return text + "\nsupported: every node\n";

  text += "\nrefused:\n";
  constexpr size_t shown = 5;
  for (const ReasonRow &row : reasonRows(verdict)) {
    size_t some = std::min(shown, row.nodes.size());
    text += fmt::format(
        "  {}: {}; {}\n    {} node{}: {}", row.op, row.reason, row.hint, row.nodes.size(),
        row.nodes.size() == 1 ? "" : "s",
        fmt::join(row.nodes.begin(), row.nodes.begin() + static_cast<ptrdiff_t>(some), ", "));
    text += some < row.nodes.size() ? fmt::format(" and {} more\n", row.nodes.size() - some) : "\n";
  }
  for (const std::string &other : verdict.others)
    text += fmt::format("  {}\n", other);
  return text + "\n" + cutText(verdict.cut);
}

Json verdictJson(const ModelVerdict &verdict, const std::filesystem::path &model) {
  Json operators = Json::array(), refusals = Json::array();
  for (auto &[op, row] : operatorRows(verdict)) {
    Json entry = {{"operator", op}, {"nodes", row.nodes}};
    for (const KindName &kind : kindNames) {
      auto count = row.kinds.find(kind.kind);
      entry[kind.name] = count == row.kinds.end() ? 0 : count->second;
    }
    operators.push_back(std::move(entry));
  }
  for (const ReasonRow &row : reasonRows(verdict))
    refusals.push_back(
        {{"operator", row.op}, {"reason", row.reason}, {"hint", row.hint}, {"nodes", row.nodes}});
  Json cut;
  if (!verdict.cut.outputs.empty())
    cut = {{"outputs", verdict.cut.outputs},
           {"nodes_behind", verdict.cut.nodesBehind},
           {"layers_behind", verdict.cut.layersBehind}};
  return {{"schema", 1},
          {"model", model.string()},
          {"opset", verdict.opset},
          {"supported", verdict.good()},
          {"operators", operators},
          {"refusals", refusals},
          {"others", verdict.others},
          {"cut", cut}};
}

} // namespace gfs
