// SPDX-License-Identifier: Apache-2.0
// gfs-opt: reads the compiler's languages, runs any pass, prints the result.
#include "passes/convert/FixedToSecure.h"
#include "passes/convert/NnToFixed.h"
#include "passes/fixed/Passes.h"
#include "passes/nn/Passes.h"
#include "passes/secure/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<mlir::func::FuncDialect, gfs::nn::NnDialect, gfs::fixed::FixedDialect,
                  gfs::secure::SecureDialect>();
  // Only what our languages can use: registering all of MLIR costs start-up time and a useless --help.
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  gfs::nn::registerNnPasses();
  gfs::registerGfsNnToFixedPasses();
  gfs::fixed::registerFixedPasses();
  gfs::registerGfsFixedToSecurePasses();
  gfs::secure::registerSecurePasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "GFS pass driver\n", registry));
}
