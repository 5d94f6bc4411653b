// SPDX-License-Identifier: Apache-2.0
// What all requests share. The walk over the steps before the input is in Prepare.cpp, that over
// the schedule in PartyRun.cpp.
#include "runtime/exec/PartyExecutor.h"

#include "runtime/base/BlockPool.h"
#include "runtime/base/Error.h"
#include "runtime/exec/DeviceExecutor.h"
#include "runtime/kernels/GpuHostArrays.h"

namespace gfs {

PartyExecutor::PartyExecutor(ProgramRef program, MaskedWeights maskedWeights,
                             const SecretSeed &seed, Party party, const Kernels &kernels,
                             unsigned threads)
    : code(std::move(program)),
      weights(serverWeights(code->plan(), std::move(maskedWeights), seed, party)),
      seed(seed.clone()), self(party), kernels(&kernels),
      pool(std::make_unique<ThreadPool>(threads)) {
  weights.masked.pack(*code, kernels);
  weights.share.pack(*code, kernels);
  if (gpu::onGpu(kernels))
    device = DeviceExecutor::make(code, weights, party);
  BlockPool::shared().trim(); // requests need other sizes
}

void PartyExecutor::requireRunnable(const GroupMember &member) const {
  const plan::Plan &plan = code->plan();
  const RequestId &id = member.prepared.id;
  check(id.planHash == code->loaded().hash && id.modelId == weights.modelId,
        "prepared for another plan");
  check(member.prepared.key.has_value(), "running a request that was not begun");
  if (member.inputs.size() != static_cast<size_t>(plan.inputs_size()))
    throw Error(ExitCode::InvalidInput,
                fmt::format("expects {} inputs, got {}", plan.inputs_size(), member.inputs.size()),
                "check that client and servers use the same plan");
  for (int port = 0; port < plan.inputs_size(); ++port) {
    uint64_t expected =
        packedBytes(code->valueElements(plan.inputs(port).value()), plan.ring_bits());
    uint64_t found = member.inputs[static_cast<size_t>(port)].size();
    if (found != expected)
      throw Error(ExitCode::InvalidInput,
                  fmt::format("input {}: expects a share of {} bytes, got {}",
                              plan.inputs(port).name(), expected, found),
                  "check that client and servers use the same plan");
  }
}

} // namespace gfs
