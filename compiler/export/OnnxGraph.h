// SPDX-License-Identifier: Apache-2.0
// Building ONNX graphs: nodes, attributes, initialisers, and names that occur once.
#pragma once

#include "compiler/import/onnx.pb.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringSet.h"

#include <span>
#include <string>

namespace gfs::onnx {

/// A graph under construction. Values are known by their names; every method that makes one returns
/// it.
class GraphBuilder {
public:
  explicit GraphBuilder(GraphProto &graph) : graph(graph) {}

  /// `wish`, or `wish` with a number behind it if that is taken.
  std::string unique(const std::string &wish);

  /// A node of one result called `result`, which unique() gave.
  NodeProto &node(const char *type, llvm::ArrayRef<std::string> inputs, const std::string &result);

  std::string floats(llvm::ArrayRef<int64_t> shape, std::span<const float> values,
                     const std::string &wish);
  std::string integers(llvm::ArrayRef<int64_t> values, const std::string &wish);

  static void setInteger(NodeProto &node, const char *name, int64_t value);
  static void setIntegers(NodeProto &node, const char *name, llvm::ArrayRef<int64_t> values);
  static void setReal(NodeProto &node, const char *name, double value);
  static void setText(NodeProto &node, const char *name, const char *value);

private:
  GraphProto &graph;
  llvm::StringSet<> taken;
  size_t next = 1;

  static AttributeProto &attribute(NodeProto &node, const char *name,
                                   AttributeProto::AttributeType type);
};

} // namespace gfs::onnx
