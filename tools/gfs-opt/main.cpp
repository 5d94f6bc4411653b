// SPDX-License-Identifier: Apache-2.0
// gfs-opt: reads the compiler's languages, runs any pass, prints the result.
#include "dialects/secure/SecureDialect.h"
#ifdef HAVE_GFSNN
#include "dialects/nn/NnDialect.h"
#endif
#ifdef HAVE_GFSFIXED
#include "dialects/fixed/FixedDialect.h"
#endif
#ifdef HAVE_GFSNNPASSES
#include "passes/nn/Passes.h"
#endif
#ifdef HAVE_GFSFIXEDPASSES
#include "passes/fixed/Passes.h"
#endif
#ifdef HAVE_GFSNNTOFIXED
#include "passes/convert/NnToFixed.h"
#endif
#ifdef HAVE_GFSFIXEDTOSECURE
#include "passes/convert/FixedToSecure.h"
#endif
#include "passes/secure/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<mlir::func::FuncDialect, gfs::secure::SecureDialect>();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
#ifdef HAVE_GFSNN
  registry.insert<gfs::nn::NnDialect>();
#endif
#ifdef HAVE_GFSFIXED
  registry.insert<gfs::fixed::FixedDialect>();
#endif
#ifdef HAVE_GFSNNPASSES
  gfs::nn::registerNnPasses();
#endif
#ifdef HAVE_GFSFIXEDPASSES
  gfs::fixed::registerFixedPasses();
#endif
#ifdef HAVE_GFSNNTOFIXED
  gfs::registerGfsNnToFixedPasses();
#endif
#ifdef HAVE_GFSFIXEDTOSECURE
  gfs::registerGfsFixedToSecurePasses();
#endif
  gfs::secure::registerSecurePasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "GFS pass driver\n", registry));
}
