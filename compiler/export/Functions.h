// SPDX-License-Identifier: Apache-2.0
// ONNX operators for nn.function.
#pragma once

#include "compiler/export/OnnxGraph.h"
#include "dialects/nn/NnDialect.h"

namespace gfs::onnx {

/// The nodes of `op` on the value called `input`; the last makes `result`.
void exportFunction(GraphBuilder &graph, nn::FunctionOp op, const std::string &input,
                    const std::string &result);

} // namespace gfs::onnx
