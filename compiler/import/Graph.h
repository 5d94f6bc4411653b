// SPDX-License-Identifier: Apache-2.0
// The shape of an untrusted graph: who produces what, and in which order nodes can be read.
#pragma once

#include "compiler/import/onnx.pb.h"

#include <string>
#include <vector>

namespace gfs::onnx {

/// "Conv_12", or "Conv#3" for the unnamed fourth node of the file.
std::string nodeName(const NodeProto &node, int index);

/// Indices of the nodes that `outputs` need, operands before users and otherwise in file order.
///
/// Errors (InvalidInput): a name that two nodes, inputs or initialisers define, a value that
/// nothing produces, a cycle.
std::vector<int> orderNodes(const GraphProto &graph, const std::vector<std::string> &outputs);

} // namespace gfs::onnx
