// SPDX-License-Identifier: Apache-2.0
// Comparisons that open their bits, on a GPU: the sub-protocol of runtime/gates/Comparison.h.
#pragma once

#include "runtime/gates/device/DeviceGate.h"

namespace gfs::device {

/// What all comparisons share: the public positions X_j, and the bits g_j.
template <class Word> struct ComparisonArrays {
  WindowShape window;
  unsigned ringBits, thresholds;
  Array<const Word> theta; ///< None: one threshold, 0.
  Array<const Word> masked;
  uint64_t elements;

  ComparisonArrays(const DeviceSite &site, const plan::SignWindow &window,
                   const std::vector<Word> &theta)
      : window{window.low(), window.high()}, ringBits(site.ring.bits),
        thresholds(static_cast<unsigned>(theta.size())), masked(site.in<Word>(0)),
        elements(site.operandElements(0)) {
    if (theta != std::vector<Word>{0})
      this->theta = site.constants.add(theta);
  }
  uint64_t bitBytes() const { return (elements + 7) / 8; }
  uint64_t selectorBytes() const { return thresholds * bitBytes(); }
};

class Comparison {
public:
  virtual ~Comparison() = default;
  virtual void prepare(const Launcher &launch) const = 0;
  /// Phases before the last.
  virtual void send(const Launcher &launch, unsigned phase) const = 0;
  /// Last phase: makes the g_j.
  virtual void open(const Launcher &launch) const = 0;
  /// The g_j after open(), one packed bit per element, threshold after threshold.
  Array<const uint8_t> opened() const { return selectors; }
  unsigned phases = 0; ///< With the last.

protected:
  /// Own bits m_ij before the last message, the message after, g_j in the end.
  Array<uint8_t> selectors;
};

/// Names the dealt pieces in `pieces`.
template <class Word>
std::unique_ptr<Comparison> makeComparison(const DeviceSite &site, const plan::SignWindow &window,
                                           const ComparisonArrays<Word> &arrays,
                                           std::vector<DealtPiece> &pieces);
extern template std::unique_ptr<Comparison> makeComparison(const DeviceSite &,
                                                           const plan::SignWindow &,
                                                           const ComparisonArrays<uint32_t> &,
                                                           std::vector<DealtPiece> &);
extern template std::unique_ptr<Comparison> makeComparison(const DeviceSite &,
                                                           const plan::SignWindow &,
                                                           const ComparisonArrays<uint64_t> &,
                                                           std::vector<DealtPiece> &);

} // namespace gfs::device
