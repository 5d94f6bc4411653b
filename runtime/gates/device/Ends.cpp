// SPDX-License-Identifier: Apache-2.0
// Where values enter and leave the shared form: Input, Output, Open, Unmask; and AddWeight.
#include "runtime/gates/device/DeviceGate.h"

namespace gfs::device {

namespace {

constexpr auto maskStream = static_cast<uint16_t>(Stream::Mask);

template <class Word> class Input final : public DeviceGate {
public:
  explicit Input(const DeviceSite &site)
      : task{{site.ring.bits, 0},
             site.arrays.client.as<const uint32_t>(),
             {},
             site.resultElements(),
             site.out<Word>()} {}
  void evaluate(const Launcher &launch, unsigned) const override { launch(task); }

private:
  cuda::UnpackTask<Word> task;
};

template <class Word> class Output final : public DeviceGate {
public:
  explicit Output(const DeviceSite &site)
      : task{{site.ring.bits, 0},
             0,
             !site.first(),
             site.commonStream(maskStream),
             site.in<Word>(0),
             site.operandElements(0),
             {},
             site.arrays.client.as<uint32_t>()} {}
  void evaluate(const Launcher &launch, unsigned) const override { launch(task); }

private:
  cuda::MaskAndPackTask<Word> task;
};

/// The masked share x + r lies in the result's place between the phases: r is made once, where it
/// is used.
template <class Word> class Open final : public DeviceGate {
public:
  explicit Open(const DeviceSite &site)
      : mask{site.stream(maskStream), site.resultElements() * sizeof(Word),
             site.resultMaskShare<uint64_t>()},
        send{openedBits(site),
             site.first() ? static_cast<Word>(openedBits(site).rounding()) : Word(0),
             false,
             site.stream(maskStream),
             site.in<Word>(0),
             site.resultElements(),
             site.out<Word>(),
             site.arrays.messages[0].as<uint32_t>()},
        receive{send.bits, site.arrays.answers[0].as<const uint32_t>(), site.out<Word>(),
                send.elements, site.out<Word>()} {}

  void prepare(const Launcher &launch) const override { launch(mask); }
  void evaluate(const Launcher &launch, unsigned phase) const override {
    if (phase == 0)
      launch(send);
    else
      launch(receive);
  }

private:
  cuda::ExpandTask mask;
  cuda::MaskAndPackTask<Word> send;
  cuda::UnpackTask<Word> receive;
};

template <class Word> class Unmask final : public DeviceGate {
public:
  explicit Unmask(const DeviceSite &site)
      : negated(site.prepared<Word>(site.resultElements())), negate{site.ring.bits,
                                                                    site.maskShare<Word>(0),
                                                                    {},
                                                                    static_cast<Word>(-1),
                                                                    0,
                                                                    site.resultElements(),
                                                                    negated},
        add{site.ring.bits,
            negated,
            site.first() ? site.in<Word>(0) : Array<const Word>(),
            1,
            1,
            site.resultElements(),
            site.out<Word>()} {}
  void prepare(const Launcher &launch) const override { launch(negate); }
  void evaluate(const Launcher &launch, unsigned) const override { launch(add); }

private:
  Array<Word> negated;
  cuda::CombineTask<Word> negate, add;
};

template <class Word> class AddWeight final : public DeviceGate {
public:
  explicit AddWeight(const DeviceSite &site)
      : task{site.ring.bits,
             site.in<Word>(0),
             site.constantWords<Word>(site.weights.shareBytes(site.step.add_weight().weight())),
             1,
             1,
             site.resultElements(),
             site.out<Word>()} {}
  void evaluate(const Launcher &launch, unsigned) const override { launch(task); }

private:
  cuda::CombineTask<Word> task;
};

} // namespace

DeviceGatePtr makeInput(const DeviceSite &site) { return makeForRing<Input>(site); }
DeviceGatePtr makeOutput(const DeviceSite &site) { return makeForRing<Output>(site); }
DeviceGatePtr makeOpen(const DeviceSite &site) { return makeForRing<Open>(site); }
DeviceGatePtr makeUnmask(const DeviceSite &site) { return makeForRing<Unmask>(site); }
DeviceGatePtr makeAddWeight(const DeviceSite &site) { return makeForRing<AddWeight>(site); }

} // namespace gfs::device
