// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/Diagnostics.h"

#include "dialects/common/NodeNames.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace gfs {

/// "node 'conv1'" for locations that carry a node's name; empty otherwise.
static std::string placeOf(Location location) {
  auto names = nodeNames(location);
  return names.empty() ? std::string() : fmt::format("node '{}'", names.front().str());
}

static std::string textOf(Diagnostic &diagnostic) {
  std::string place = placeOf(diagnostic.getLocation());
  std::string text =
      place.empty() ? diagnostic.str() : fmt::format("{}: {}", place, diagnostic.str());
  for (Diagnostic &note : diagnostic.getNotes())
    text += fmt::format(" ({})", note.str());
  return text;
}

/// A node may have become several operations of which the same is to be said.
static void addOnce(std::vector<std::string> &texts, std::string text) {
  if (!llvm::is_contained(texts, text))
    texts.push_back(std::move(text));
}

DiagnosticCollector::DiagnosticCollector(MLIRContext *context)
    : handler(context, [this](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
          addOnce(errors, textOf(diagnostic));
        else if (diagnostic.getSeverity() == DiagnosticSeverity::Warning)
          addOnce(warnings, textOf(diagnostic));
        return success();
      }) {}

std::string DiagnosticCollector::takeErrors() {
  return llvm::join(std::exchange(errors, {}), "\n  ");
}

void DiagnosticCollector::check(LogicalResult result, Phase phase, ExitCode code,
                                const std::string &hint) {
  std::vector<std::string> collected = std::exchange(errors, {});
  if (succeeded(result))
    return;
  gfs::check(!collected.empty(), "a pass failed and did not say why");
  std::string message = fmt::format("{}: {}", info(phase).name, collected.front());
  for (size_t i = 1; i < collected.size(); ++i)
    message += fmt::format("\n  {}: {}", info(phase).name, collected[i]);
  throw Error(code, message, hint);
}

} // namespace gfs
