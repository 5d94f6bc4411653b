// SPDX-License-Identifier: Apache-2.0
#include "compiler/export/OnnxGraph.h"

#include <bit>

// Weights are written as they lie in memory; ONNX wants them little-endian.
static_assert(std::endian::native == std::endian::little);

namespace gfs::onnx {

std::string GraphBuilder::unique(const std::string &wish) {
  std::string name = wish;
  while (!taken.insert(name).second)
    name = wish + "_" + std::to_string(next++);
  return name;
}

NodeProto &GraphBuilder::node(const char *type, llvm::ArrayRef<std::string> inputs,
                              const std::string &result) {
  NodeProto &node = *graph.add_node();
  node.set_op_type(type);
  node.set_name(result);
  for (const std::string &input : inputs)
    node.add_input(input);
  node.add_output(result);
  return node;
}

std::string GraphBuilder::floats(llvm::ArrayRef<int64_t> shape, std::span<const float> values,
                                 const std::string &wish) {
  tensor::TensorProto &tensor = *graph.add_initializer();
  tensor.set_name(unique(wish));
  tensor.set_data_type(tensor::TensorProto::FLOAT);
  tensor.mutable_dims()->Add(shape.begin(), shape.end());
  tensor.set_raw_data(values.data(), values.size_bytes());
  return tensor.name();
}

std::string GraphBuilder::integers(llvm::ArrayRef<int64_t> values, const std::string &wish) {
  tensor::TensorProto &tensor = *graph.add_initializer();
  tensor.set_name(unique(wish));
  tensor.set_data_type(tensor::TensorProto::INT64);
  tensor.add_dims(static_cast<int64_t>(values.size()));
  tensor.set_raw_data(values.data(), values.size() * sizeof(int64_t));
  return tensor.name();
}

AttributeProto &GraphBuilder::attribute(NodeProto &node, const char *name,
                                        AttributeProto::AttributeType type) {
  AttributeProto &attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

void GraphBuilder::setInteger(NodeProto &node, const char *name, int64_t value) {
  attribute(node, name, AttributeProto::INT).set_i(value);
}

void GraphBuilder::setIntegers(NodeProto &node, const char *name, llvm::ArrayRef<int64_t> values) {
  attribute(node, name, AttributeProto::INTS).mutable_ints()->Add(values.begin(), values.end());
}

void GraphBuilder::setReal(NodeProto &node, const char *name, double value) {
  attribute(node, name, AttributeProto::FLOAT).set_f(static_cast<float>(value));
}

void GraphBuilder::setText(NodeProto &node, const char *name, const char *value) {
  attribute(node, name, AttributeProto::STRING).set_s(value);
}

} // namespace gfs::onnx
