// SPDX-License-Identifier: Apache-2.0
// Truncate, Square and Multiply on a GPU; formulas in the gates' own files.
#include "runtime/gates/device/DeviceGate.h"

namespace gfs::device {

namespace {

/// A gate that deals arrays of words and evaluates one task on them.
template <class Word> class DealtWords : public DeviceGate {
protected:
  DealtWords(const DeviceSite &site, uint64_t count) : site(site), count(count) {}
  Array<const Word> share(unsigned bits) {
    const Array<Word> words = site.prepared<Word>(count);
    pieces.push_back({DealtPiece::Words, bits, count, words.template as<uint8_t>()});
    return words;
  }
  const DeviceSite &site; ///< While the gate is made.
  const uint64_t count;
};

template <class Word> class Truncate final : public DealtWords<Word> {
public:
  explicit Truncate(const DeviceSite &site) : DealtWords<Word>(site, site.resultElements()) {
    const unsigned l = site.ring.bits, f = site.step.truncate().shift();
    task = {{l, f},         site.first(), site.in<Word>(0), this->share(l),
            this->share(f), this->count,  site.out<Word>()};
  }
  void evaluate(const Launcher &launch, unsigned) const override { launch(task); }

private:
  cuda::TruncateTask<Word> task;
};

template <class Word> class Square final : public DealtWords<Word> {
public:
  explicit Square(const DeviceSite &site) : DealtWords<Word>(site, site.resultElements()) {
    const unsigned l = site.ring.bits, f = site.step.square().shift();
    // Braces evaluate in order, that of the dealer.
    task = {{l, f},         site.first(),   site.in<Word>(0), this->share(l),  this->share(l),
            this->share(f), this->share(f), this->count,      site.out<Word>()};
  }
  void evaluate(const Launcher &launch, unsigned) const override { launch(task); }

private:
  cuda::SquareTask<Word> task;
};

/// Masks' shares are needed online too, and are copied while they are there.
template <class Word> class Multiply final : public DealtWords<Word> {
public:
  explicit Multiply(const DeviceSite &site) : DealtWords<Word>(site, site.resultElements()) {
    const Array<Word> r = site.prepared<Word>(this->count), s = site.prepared<Word>(this->count);
    const unsigned l = site.ring.bits;
    copies = {copy(site.maskShare<Word>(0), r, l), copy(site.maskShare<Word>(1), s, l)};
    task = {site.first(),   site.in<Word>(0), site.in<Word>(1), r, s,
            this->share(l), this->count,      site.out<Word>()};
  }
  void prepare(const Launcher &launch) const override {
    for (const cuda::CombineTask<Word> &copy : copies)
      launch(copy);
  }
  void evaluate(const Launcher &launch, unsigned) const override { launch(task); }

private:
  cuda::CombineTask<Word> copy(Array<const Word> from, Array<Word> to, unsigned bits) const {
    return {bits, from, {}, 1, 0, this->count, to};
  }
  std::array<cuda::CombineTask<Word>, 2> copies;
  cuda::MultiplyTask<Word> task;
};

} // namespace

DeviceGatePtr makeTruncate(const DeviceSite &site) { return makeForRing<Truncate>(site); }
DeviceGatePtr makeSquare(const DeviceSite &site) { return makeForRing<Square>(site); }
DeviceGatePtr makeMultiply(const DeviceSite &site) { return makeForRing<Multiply>(site); }

} // namespace gfs::device
