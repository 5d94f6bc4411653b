// SPDX-License-Identifier: Apache-2.0
// From ONNX tensors to constants and known integers.
#pragma once

#include "compiler/import/Node.h"

namespace gfs::onnx {

/// Takes the elements of `tensor` over: floats become an nn.constant at the builder's place,
/// integers and truth values known integers. Throws a Refusal for other types, and for elements
/// that do not fit the shape.
OnnxValue takeTensor(GraphState &state, tensor::TensorProto &tensor, const std::string &name);

} // namespace gfs::onnx
