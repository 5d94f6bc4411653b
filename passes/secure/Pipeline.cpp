// SPDX-License-Identifier: Apache-2.0
#include "passes/secure/Passes.h"

#include "mlir/Pass/PassManager.h"

void gfs::secure::buildSecurePipeline(mlir::OpPassManager &passes) {
  passes.addPass(createSecureTrimOpenings());
  passes.addPass(createSecureScheduleExchanges());
  // Lifetimes are counted in exchanges, so memory comes after the schedule.
  passes.addPass(createSecurePlanMemory());
  // Last: the proof is about the program that is emitted.
  passes.addPass(createSecureVerifyMasks());
}
