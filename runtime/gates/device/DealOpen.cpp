// SPDX-License-Identifier: Apache-2.0
// Open, dealt on a GPU: r = r_0 + r_1, both of the servers' own streams.
#include "runtime/gates/device/DealScript.h"

namespace gfs::device {

void dealOpen(const DealSite &site, DealScript &script) {
  constexpr auto maskStream = static_cast<uint16_t>(Stream::Mask);
  visitWord(site.ring, [&]<class Word>() {
    const uint64_t count = site.resultElements(), bytes = count * sizeof(Word);
    const Array<Word> r = site.resultMask<Word>(), other = site.scratch<Word>(count);
    script.launch(
        cuda::ExpandTask{site.stream(Party::Zero, maskStream), bytes, r.template as<uint64_t>()});
    script.launch(cuda::ExpandTask{site.stream(Party::One, maskStream), bytes,
                                   other.template as<uint64_t>()});
    script.launch(cuda::CombineTask<Word>{site.ring.bits, r, other, 1, 1, count, r});
  });
}

} // namespace gfs::device
