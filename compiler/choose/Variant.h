// SPDX-License-Identifier: Apache-2.0
// A network some of whose ReLUs are cheaper functions, beside the network it came from.
#pragma once

#include "dialects/nn/NnDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"

#include <vector>

namespace gfs {

/// a x^2 + b x + c.
struct Polynomial {
  double a = 0, b = 0, c = 0;
  double operator()(double x) const { return (a * x + b) * x + c; }
};

/// What a channel of an activation computes: max(x, 0), or a polynomial of at most that degree.
struct ChannelChoice {
  bool relu = true;
  bool fitted = true; ///< Whether the polynomial follows the data, or stays as it is.
  unsigned degree = 2;
  Polynomial polynomial;
};

/// Weights and bias of a convolution or matrix product, in the order of the operation's operands.
struct LayerWeights {
  std::vector<float> weight, bias;
};

/// What differs from the function of the model, by operation of that function.
struct Variant {
  llvm::MapVector<mlir::Operation *, std::vector<ChannelChoice>> activations;
  llvm::MapVector<mlir::Operation *, LayerWeights> weights;

  bool changes(mlir::Operation *op) const {
    return activations.contains(op) || weights.contains(op);
  }
};

/// An activation layer whose channels can be replaced: an nn.relu on [N, C, ...].
struct ReluSite {
  nn::ReluOp op;
  size_t channels;
  size_t elements; ///< Per channel, over all other axes.
};

/// The sites of a function, in program order.
std::vector<ReluSite> reluSites(mlir::func::FuncOp function);

/// ReLUs on the sites: all channels' elements.
size_t reluCount(const std::vector<ReluSite> &sites);

/// ReLUs that the variant still has.
size_t keptRelus(const std::vector<ReluSite> &sites, const Variant &variant);

} // namespace gfs
