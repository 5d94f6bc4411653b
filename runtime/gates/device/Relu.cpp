// SPDX-License-Identifier: Apache-2.0
// Relu by an opened comparison, on a GPU; formulas in runtime/gates/Relu.cpp.
#include "runtime/gates/device/Comparison.h"

namespace gfs::device {

namespace {

template <class Word> class Relu final : public DeviceGate {
public:
  explicit Relu(const DeviceSite &site) {
    const plan::Relu &relu = site.step.relu();
    comparison = makeComparison<Word>(
        site, relu.window(), ComparisonArrays<Word>(site, relu.window(), {Word(0)}), pieces);
    const uint64_t count = site.resultElements();
    const unsigned l = site.ring.bits, f = relu.shift();
    auto share = [&](unsigned bits) {
      const Array<Word> words = site.prepared<Word>(count);
      pieces.push_back({DealtPiece::Words, bits, count, words.template as<uint8_t>()});
      return Array<const Word>(words);
    };
    // Braces evaluate in order, that of the dealer.
    select = {{l, f},   site.first(), site.in<Word>(0), comparison->opened(),
              share(l), share(l),     share(l),         share(f),
              share(f), count,        site.out<Word>()};
  }
  void prepare(const Launcher &launch) const override { comparison->prepare(launch); }
  void evaluate(const Launcher &launch, unsigned phase) const override {
    if (phase + 1 < comparison->phases)
      return comparison->send(launch, phase);
    comparison->open(launch);
    launch(select);
  }

private:
  std::unique_ptr<Comparison> comparison;
  cuda::ReluSelectTask<Word> select;
};

} // namespace

DeviceGatePtr makeRelu(const DeviceSite &site) {
  if (site.step.relu().window().protocol() == plan::SignWindow::DCF)
    return makeSpline(site);
  return makeForRing<Relu>(site);
}

} // namespace gfs::device
