// SPDX-License-Identifier: Apache-2.0
// Whatever bytes a plan consists of, reading it ends in a plan that passed the verifier, whose
// account can be drawn up, or in gfs::Error.
#include "runtime/base/Error.h"
#include "runtime/plan/Plan.h"
#include "test/fuzz/Mutate.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  try {
    std::string_view bytes(reinterpret_cast<const char *>(data), size);
    gfs::plan::LoadedPlan loaded = gfs::plan::parsePlan(bytes, "plan.bin");
    for (int step = 0; step < loaded.plan.steps_size(); ++step) {
      gfs::plan::describeStep(loaded.plan, static_cast<uint32_t>(step));
      gfs::plan::phaseCount(loaded.plan.steps(step));
    }
    // What was accepted is accepted again once written.
    gfs::plan::parsePlan(gfs::plan::serializePlan(loaded.plan), "plan.bin");
  } catch (const gfs::Error &error) {
    if (error.code() != gfs::ExitCode::InvalidInput)
      std::abort();
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                                          unsigned seed) {
  static gfs::plan::Plan scratch;
  static const gfs::fuzz::Format format{scratch, gfs::plan::fileMagic.size()};
  return gfs::fuzz::mutate(format, data, size, maxSize, seed);
}
