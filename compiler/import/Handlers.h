// SPDX-License-Identifier: Apache-2.0
// Which function imports which operator, from which opset on.
#pragma once

#include "compiler/import/Node.h"

#include <map>

namespace gfs::onnx {

/// Reads one node: calls node.result for each result, or throws a Refusal.
using Handler = void (*)(Node &node);

class HandlerTable {
public:
  /// `since` is the first opset of this meaning; 7, the oldest opset that is read, if it is older
  /// than that.
  void on(std::string_view op, int since, Handler handler);
  /// The handler with the largest `since` that is at most `opset`; null if there is none.
  Handler find(std::string_view op, int64_t opset) const;
  const std::map<std::string, std::map<int, Handler>, std::less<>> &all() const { return handlers; }

private:
  std::map<std::string, std::map<int, Handler>, std::less<>> handlers;
};

constexpr int64_t oldestOpset = 7, newestOpset = 27;

/// Why an operator without a handler, or one of a domain that is not standard, has none, and what
/// to do instead.
struct NotSupported {
  std::string reason = "the operator is not supported";
  std::string hint = "replace it by supported ones, or cut it off before exporting";
};
NotSupported whyNotSupported(std::string_view opOrDomain);

/// All operators.
const HandlerTable &handlerTable();

// One function per family, each in a file of its name.
void addConvOps(HandlerTable &table);
void addConvTransposeOps(HandlerTable &table);
void addPoolOps(HandlerTable &table);
void addReductionOps(HandlerTable &table);
void addNormalisationOps(HandlerTable &table);
void addLinearOps(HandlerTable &table);
void addRecurrentOps(HandlerTable &table);
void addElementwiseOps(HandlerTable &table);
void addActivationOps(HandlerTable &table);
void addFunctionOps(HandlerTable &table);
void addShapeOps(HandlerTable &table);
void addTakeOps(HandlerTable &table);
void addQuantisedOps(HandlerTable &table);
void addResizeOps(HandlerTable &table);
void addConstantOps(HandlerTable &table);
void addOutputOps(HandlerTable &table);

} // namespace gfs::onnx
