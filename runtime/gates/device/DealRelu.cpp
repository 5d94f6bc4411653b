// SPDX-License-Identifier: Apache-2.0
// Relu by an opened comparison, dealt on a GPU; formulas in runtime/gates/Relu.cpp.
#include "runtime/gates/device/DealScript.h"

namespace gfs::device {

using cuda::MaskTerm, cuda::TermFactor;

void dealRelu(const DealSite &site, DealScript &script) {
  const plan::Relu &relu = site.step.relu();
  const unsigned l = site.ring.bits, f = relu.shift();
  visitWord(site.ring, [&]<class Word>() {
    const Array<const uint8_t> rho = dealComparison<Word>(site, relu.window(), 1, script);
    TermDealer<Word> terms(site, script, f);
    terms.share(l, MaskTerm::One, TermFactor::Bit, rho);
    terms.share(l, MaskTerm::TopClear);
    terms.share(l, MaskTerm::TopClear, TermFactor::Bit, rho);
    terms.share(f, MaskTerm::Carry);
    terms.share(f, MaskTerm::Carry, TermFactor::Bit, rho);
  });
}

} // namespace gfs::device
