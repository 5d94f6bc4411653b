// SPDX-License-Identifier: Apache-2.0
// Linear on a GPU; formulas in runtime/gates/Linear.cpp. [b]_i - K_i is added where the product is
// folded, so that the result is written once.
#include "runtime/gates/device/DeviceGate.h"

namespace gfs::device {

namespace {

template <class Word> class Linear final : public DeviceGate {
public:
  explicit Linear(const DeviceSite &site)
      : isPublic(site.plan.weight_mode() == plan::WEIGHTS_PUBLIC),
        shape(gfs::makeLinear(site)->weightUse()->shape),
        masked(site.weights.masked(site.step.linear().weight())),
        share(site.weights.share(site.step.linear().weight())), limbs(Region::Together, 0) {
    const uint64_t count = shape.outputElements(), planeSize = uint64_t(shape.outH) * shape.outW;
    Array<const Word> bias;
    if (site.step.linear().has_bias())
      bias =
          site.constantWords<Word>(isPublic ? site.weights.maskedBytes(site.step.linear().bias())
                                            : site.weights.shareBytes(site.step.linear().bias()));
    if (isPublic) {
      before = {site.maskShare<Word>(0), {}, site.resultMaskShare<Word>(), limbs};
      online = {site.in<Word>(0), {}, site.out<Word>(), limbs};
      // ẑ = W*x̂ + b is public, and so reduced.
      finish = {site.ring.bits,    Word(1),   site.out<Word>(), {}, bias, count,
                shape.outChannels, planeSize, site.out<Word>()};
      return;
    }
    const Array<Word> constant = site.prepared<Word>(count), product = site.scratch<Word>(count);
    pieces.push_back({DealtPiece::Words, site.ring.bits, count, constant.template as<uint8_t>()});
    before = {site.maskShare<Word>(0), {}, product, limbs};
    // [b]_i - K_i = [b]_i - Ŵ*r_i - [C]_i
    finish = {site.ring.bits, static_cast<Word>(-1), product,   constant, bias,
              count,          shape.outChannels,     planeSize, constant};
    online = {site.in<Word>(0), constant, site.out<Word>(), limbs};
  }

  void prepare(const Launcher &launch) const override {
    gpu::convolve(launch.queue, launch.group, shape, *masked, before);
    if (!isPublic)
      launch(finish);
  }

  void evaluate(const Launcher &launch, unsigned) const override {
    if (isPublic) {
      gpu::convolve(launch.queue, launch.group, shape, *masked, online);
      launch(finish);
    } else if (share) {
      gpu::convolve(launch.queue, launch.group, shape, *share, online);
    } else { // server 1, if server 0 has the weights
      launch(cuda::CombineTask<Word>{
          shape.ringBits, online.addend, {}, 1, 0, shape.outputElements(), online.output});
    }
  }

private:
  bool isPublic;
  ConvShape shape;
  const gpu::ConvWeights *masked, *share;
  Array<uint8_t> limbs;
  gpu::ConvOperands<Word> before, online;
  cuda::BiasTask<Word> finish;
};

} // namespace

DeviceGatePtr makeLinear(const DeviceSite &site) { return makeForRing<Linear>(site); }

} // namespace gfs::device
