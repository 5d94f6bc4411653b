// SPDX-License-Identifier: Apache-2.0
// What the importer can say of a model without failing: the fate of every node, and where to cut.
#pragma once

#include "compiler/import/Import.h"

namespace gfs {

/// What becomes of one node of a model.
struct NodeVerdict {
  enum class Kind {
    Private,  ///< The servers compute it.
    Client,   ///< The client computes it, from an output.
    Constant, ///< Known at compilation: shapes, and arithmetic on weights.
    Refused,
    Behind, ///< Not looked at, because it needs a refused node; its operator is supported.
  };
  std::string name; ///< As in errors: "Conv_12", or "Conv#3" for an unnamed node.
  std::string op;   ///< "Conv", "com.example.Conv".
  Kind kind = Kind::Refused;
  std::string reason, hint; ///< Of refused nodes.
};

/// Where the private part of a model could end so that all of it is supported.
struct Cut {
  std::vector<std::string> outputs; ///< Values to return; empty if nothing private would be left.
  size_t nodesBehind = 0;           ///< Nodes that the client would have to compute,
  size_t layersBehind = 0;          ///< of which so many have trained weights.

  /// True if the client can finish without weights: what detection heads look like.
  bool leavesTailOnly() const { return !outputs.empty() && layersBehind == 0; }
};

struct ModelVerdict {
  int64_t opset = 0;
  std::vector<NodeVerdict> nodes;  ///< That the outputs need, operands first.
  std::vector<std::string> others; ///< Refused initialisers and outputs, one sentence each.
  Cut cut;                         ///< Empty if nothing is refused.
  /// The supported part, returning the cut or the model's outputs; null if there is none.
  mlir::OwningOpRef<mlir::ModuleOp> supported;

  bool good() const;
};

/// Reads a model like importOnnx, but reports refusals instead of throwing them. `refused` names
/// nodes that a later phase refuses, with the reason. Errors: those of importOnnx that do not
/// concern a node (no model, wrong opset, open input shapes, unknown names in the options).
ModelVerdict inspectOnnx(const std::filesystem::path &path, const ImportOptions &options,
                         const std::map<std::string, std::string> &refused,
                         mlir::MLIRContext &context);

} // namespace gfs
