// SPDX-License-Identifier: Apache-2.0
#include "passes/nn/Passes.h"

#include "mlir/Transforms/Passes.h"

namespace gfs::nn {

void buildNnPipeline(mlir::OpPassManager &passes) {
  mlir::OpPassManager &functions = passes.nest<mlir::func::FuncOp>();
  // Weights that the model computes from constants must be constants before anything looks for
  // them.
  functions.addPass(mlir::createCanonicalizerPass());
  functions.addPass(createNnFoldConstants());
  functions.addPass(createNnPostProcessLast());
  functions.addPass(createNnExpandSoftmax());
  functions.addPass(createNnSinkTransposes());
  // Before scalars go into layers, and before anything folds a part of a polynomial into one.
  functions.addPass(createNnRecogniseFunctions());
  functions.addPass(createNnRecogniseQuadratics());
  functions.addPass(createNnFoldBatchNorm());
  // After the normalisations: exporters put biases and scales behind them, too.
  functions.addPass(createNnFoldElementwise());
  functions.addPass(createNnCommuteReluMaxPool());
  // Constants that were folded away.
  functions.addPass(mlir::createCanonicalizerPass());
  functions.addPass(createNnCheckSecurable());
}

void buildFusionPipeline(mlir::OpPassManager &passes) {
  mlir::OpPassManager &functions = passes.nest<mlir::func::FuncOp>();
  functions.addPass(createNnBalanceSums());
  functions.addPass(createNnFuseMixedLinear());
  functions.addPass(mlir::createCanonicalizerPass());
}

} // namespace gfs::nn
