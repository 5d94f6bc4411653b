// SPDX-License-Identifier: Apache-2.0
// The local gates on a GPU: linear maps without constants, on shares and masked values alike. Where
// the result is masked, the same map makes the share of its mask (runtime/gates/LocalGate.h).
#include "runtime/gates/device/LocalMaps.h"

namespace gfs::device {

namespace {

/// Runs Map's tasks on values, and before the input on mask shares.
template <class Word, class Map> class LocalGate final : public DeviceGate {
public:
  explicit LocalGate(const DeviceSite &site) {
    std::vector<Array<const Word>> in, masks;
    for (int i = 0; i < site.step.operands_size(); ++i) {
      in.push_back(site.in<Word>(static_cast<size_t>(i)));
      if (site.resultMasked())
        masks.push_back(site.maskShare<Word>(static_cast<size_t>(i)));
    }
    const Map map(site, site.constants);
    online = map.tasks(in, site.out<Word>());
    if (site.resultMasked())
      before = map.tasks(masks, site.resultMaskShare<Word>());
  }
  void prepare(const Launcher &launch) const override {
    for (const auto &task : before)
      launch(task);
  }
  void evaluate(const Launcher &launch, unsigned) const override {
    for (const auto &task : online)
      launch(task);
  }

private:
  std::vector<typename Map::Task> before, online;
};

template <class Word> using Combination = LocalGate<Word, CombinationMap<Word>>;
template <class Word> using Take = LocalGate<Word, TakeMap<Word>>;
template <class Word> using Concat = LocalGate<Word, ConcatMap<Word>>;
template <class Word> using Transpose = LocalGate<Word, TransposeMap<Word>>;
template <class Word> using SumPool = LocalGate<Word, SumPoolMap<Word>>;

} // namespace

DeviceGatePtr makeAdd(const DeviceSite &site) { return makeForRing<Combination>(site); }
DeviceGatePtr makeSub(const DeviceSite &site) { return makeForRing<Combination>(site); }
DeviceGatePtr makeScale(const DeviceSite &site) { return makeForRing<Combination>(site); }
DeviceGatePtr makeTake(const DeviceSite &site) { return makeForRing<Take>(site); }
DeviceGatePtr makeTranspose(const DeviceSite &site) { return makeForRing<Transpose>(site); }
DeviceGatePtr makeConcat(const DeviceSite &site) { return makeForRing<Concat>(site); }
DeviceGatePtr makeSumPool(const DeviceSite &site) { return makeForRing<SumPool>(site); }

} // namespace gfs::device
