// SPDX-License-Identifier: Apache-2.0
// gfscc --check: what of a model can run privately, without compiling it.
#pragma once

#include "compiler/import/Inspect.h"
#include "compiler/pipeline/Options.h"

#include <nlohmann/json.hpp>

namespace gfs {

/// Imports and optimises options.model, collecting every refusal of both phases. Errors: those of
/// inspectOnnx; Usage for a model that is no ONNX file.
ModelVerdict checkModel(const CompileOptions &options);

/// A table of operators, the reasons of refusals with the nodes they concern, and where to cut.
std::string verdictText(const ModelVerdict &verdict, const std::filesystem::path &model);

/// The same: `schema` 1, `model`, `opset`, `supported`, `operators` [{operator, nodes, private,
/// client, constant, refused, behind}], `refusals` [{operator, reason, hint, nodes}], `others`,
/// and `cut` {outputs, nodes_behind, layers_behind} or null.
nlohmann::ordered_json verdictJson(const ModelVerdict &verdict, const std::filesystem::path &model);

/// "--outputs=a,b".
std::string outputsFlag(const Cut &cut);

} // namespace gfs
