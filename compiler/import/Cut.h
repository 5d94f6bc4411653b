// SPDX-License-Identifier: Apache-2.0
// Where to cut a graph so that no refused node is left.
#pragma once

#include "compiler/import/Inspect.h"
#include "compiler/import/onnx.pb.h"

#include <functional>

namespace gfs::onnx {

enum class ValueKind {
  Input,    ///< Or unknown: what the client has anyway.
  Constant, ///< Known at compilation.
  Computed, ///< By nodes, from the inputs.
};

/// The cut before all nodes that are refused or behind a refused one. `order` holds the indices of
/// the nodes and `verdicts` what became of each; `outputs` are the names to return now.
Cut findCut(const GraphProto &graph, const std::vector<int> &order,
            const std::vector<NodeVerdict> &verdicts, const std::vector<std::string> &outputs,
            const std::function<ValueKind(const std::string &)> &kindOf);

} // namespace gfs::onnx
