// SPDX-License-Identifier: Apache-2.0
// Truncate, Square and Multiply, dealt on a GPU; formulas in the gates' own files.
#include "runtime/gates/device/DealScript.h"

namespace gfs::device {

using cuda::MaskTerm;

void dealTruncate(const DealSite &site, DealScript &script) {
  const unsigned l = site.ring.bits, f = site.step.truncate().shift();
  visitWord(site.ring, [&]<class Word>() {
    TermDealer<Word> terms(site, script, f);
    terms.share(l, MaskTerm::TopClear);
    terms.share(f, MaskTerm::Carry);
  });
}

void dealSquare(const DealSite &site, DealScript &script) {
  const unsigned l = site.ring.bits, f = site.step.square().shift();
  visitWord(site.ring, [&]<class Word>() {
    TermDealer<Word> terms(site, script, f);
    terms.share(l, MaskTerm::TopSet);
    terms.share(l, MaskTerm::TopSetSquared);
    terms.share(f, MaskTerm::Carry);
    terms.share(f, MaskTerm::CarryProduct);
  });
}

void dealMultiply(const DealSite &site, DealScript &script) {
  visitWord(site.ring, [&]<class Word>() {
    const uint64_t count = site.resultElements();
    const Array<Word> product = site.scratch<Word>(count);
    script.launch(cuda::ProductTask<Word>{site.mask<Word>(0), site.mask<Word>(1), count, product});
    script.words<Word>(site.ring.bits, product, count);
  });
}

} // namespace gfs::device
