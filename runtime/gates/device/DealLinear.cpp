// SPDX-License-Identifier: Apache-2.0
// Linear, dealt on a GPU: shares of C = A*r; with public weights the result's mask W*r. Formulas in
// runtime/gates/Linear.cpp.
#include "runtime/gates/device/DealScript.h"

namespace gfs::device {

void dealLinear(const DealSite &site, DealScript &script) {
  visitWord(site.ring, [&]<class Word>() {
    const ConvShape shape = gfs::makeLinear(site)->weightUse()->shape;
    const gpu::ConvWeights *weights = site.weights.packed(site.step.linear().weight());
    const uint64_t count = shape.outputElements();
    const bool isPublic = site.plan.weight_mode() == plan::WEIGHTS_PUBLIC;
    const Array<Word> product = isPublic ? site.resultMask<Word>() : site.scratch<Word>(count);
    const gpu::ConvOperands<Word> operands = {
        site.mask<Word>(0), {}, product, Array<uint8_t>(Region::Together, 0)};
    script.then([=](const Launcher &launch) {
      gpu::convolve(launch.queue, launch.group, shape, *weights, operands);
    });
    if (isPublic) // masks are reduced
      script.launch(cuda::CombineTask<Word>{site.ring.bits, product, {}, 1, 0, count, product});
    else
      script.words<Word>(site.ring.bits, product, count);
  });
}

} // namespace gfs::device
