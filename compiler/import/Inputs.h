// SPDX-License-Identifier: Apache-2.0
// The inputs of a model's program.
#pragma once

#include "compiler/import/Quantisation.h"
#include "compiler/import/onnx.pb.h"
#include "dialects/nn/NnDialect.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gfs::onnx {

/// A value that whoever runs the program gives.
struct ModelInput {
  std::string name;
  nn::Shape shape;                                  ///< Positive extents.
  int64_t modelBatch;                               ///< First extent in the model, 0 if it is open.
  std::shared_ptr<const Quantisation> quantisation; ///< Of integers; null for floats.
};

/// Inputs of the graph that are no initialisers (IR versions below 4 list these, too), in order.
/// Shapes are the model's, or those of `given` by name; an open first extent is 1. `model` is for
/// messages. Errors: Unsupported (no floats, an open shape), Usage (`given` does not fit).
std::vector<ModelInput> readInputs(const GraphProto &graph, const std::string &model,
                                   const std::map<std::string, std::vector<int64_t>> &given);

} // namespace gfs::onnx
