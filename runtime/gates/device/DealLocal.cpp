// SPDX-License-Identifier: Apache-2.0
// The local gates, dealt on a GPU: where the result is masked, the gate's map makes its mask.
#include "runtime/gates/device/DealScript.h"
#include "runtime/gates/device/LocalMaps.h"

namespace gfs::device {

namespace {

template <template <class> class Map> void dealMap(const DealSite &site, DealScript &script) {
  if (!site.resultMasked())
    return;
  visitWord(site.ring, [&]<class Word>() {
    std::vector<Array<const Word>> masks;
    for (int i = 0; i < site.step.operands_size(); ++i)
      masks.push_back(site.mask<Word>(static_cast<size_t>(i)));
    const Map<Word> map(site, site.constants);
    for (const auto &task : map.tasks(masks, site.resultMask<Word>()))
      script.launch(task);
  });
}

} // namespace

void dealCombination(const DealSite &site, DealScript &script) {
  dealMap<CombinationMap>(site, script);
}
void dealTake(const DealSite &site, DealScript &script) { dealMap<TakeMap>(site, script); }
void dealTranspose(const DealSite &site, DealScript &script) {
  dealMap<TransposeMap>(site, script);
}
void dealConcat(const DealSite &site, DealScript &script) { dealMap<ConcatMap>(site, script); }
void dealSumPool(const DealSite &site, DealScript &script) { dealMap<SumPoolMap>(site, script); }

} // namespace gfs::device
