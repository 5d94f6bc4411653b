// SPDX-License-Identifier: Apache-2.0
// A plan run in clear on many samples: what the client would get, before any key exists.
#pragma once

#include "compiler/calibrate/OptionSearch.h"
#include "compiler/emit/PlanEmitter.h"
#include "compiler/pipeline/Samples.h"

namespace gfs {

/// Outputs by port, before the client's post-processing; samples run on all processors. Rounding depends on masks, which are the
/// same in every call: the result is a function of the arguments, though drawn like a real run's.
/// Errors: RangeCheck if a sample does not fit the ring.
std::vector<OutputSamples> runInClear(const EmittedPlan &emitted, const SampleSet &samples);

} // namespace gfs
