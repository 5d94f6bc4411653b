// SPDX-License-Identifier: Apache-2.0
// Spline, and Relu by comparison key, dealt on a GPU; formulas in
// runtime/gates/{Spline.cpp,SelectOpened.cpp,SelectByKey.cpp}.
#include "runtime/gates/device/DealScript.h"
#include "runtime/gates/device/SplineParts.h"

namespace gfs::device {

using cuda::MaskTerm, cuda::TermFactor;

namespace {

/// The terms w_k.
constexpr std::array<MaskTerm, 5> termNames = {MaskTerm::One, MaskTerm::TopSet, MaskTerm::Carry,
                                               MaskTerm::TopSetSquared, MaskTerm::CarryProduct};

/// One comparison function: payload (1-2b) w_k for the group's terms.
template <class Word>
void dealKeys(const DealSite &site, const KeyGroup &group, WindowShape window,
              Array<const cuda::ComparisonRoundKeys> permutations, uint16_t rootName,
              TermDealer<Word> &terms, DealScript &script) {
  cuda::ComparisonDealTask<Word> task = {};
  task.window = window;
  group.describeTo(task);
  task.permutations = permutations;
  task.mask = site.mask<Word>(0);
  task.elements = site.operandElements(0);
  for (Party party : {Party::Zero, Party::One}) {
    const uint64_t bytes = task.elements * Dcf::rootBytes;
    const Array<uint8_t> roots = site.scratch<uint8_t>(bytes);
    script.launch(cuda::ExpandTask{site.stream(party, rootName), bytes, roots.as<uint64_t>()});
    task.roots[index(party)] = roots;
  }
  task.payloadBytes = cuda::arrayBytes<Word>(task.elements);
  const Array<uint8_t> payload = site.scratch<uint8_t>(task.words * task.payloadBytes);
  task.payload = payload.as<const Word>();
  for (unsigned w = 0; w < task.words; ++w)
    terms.compute(termNames[group.first + w], TermFactor::Sign, {},
                  payload.behind(w * task.payloadBytes).template as<Word>());
  task.keys = script.keys(task.elements * group.dcf.keyBytes());
  script.launch(task);
}

} // namespace

void dealSpline(const DealSite &site, DealScript &script) {
  const SplineParts parts(site.step);
  const WindowShape window = {parts.window.low(), parts.window.high()};
  const std::vector<unsigned> bits = parts.termBits(site.ring.bits);
  visitWord(site.ring, [&]<class Word>() {
    TermDealer<Word> terms(site, script, parts.shift, window);
    if (parts.window.protocol() == plan::SignWindow::DCF) {
      const Array<const cuda::ComparisonRoundKeys> permutations =
          slicedPermutations(site.constants);
      uint16_t rootName = rootStream;
      for (const KeyGroup &group : keyGroups(window.bits(), bits))
        dealKeys(site, group, window, permutations, rootName++, terms, script);
      for (size_t k = 0; k < bits.size(); ++k) // [b w_k]
        terms.share(bits[k], termNames[k], TermFactor::TopBit);
    } else {
      const auto thresholds = static_cast<unsigned>(parts.thresholds.size());
      const uint64_t bitBytes = (site.operandElements(0) + 7) / 8;
      const Array<const uint8_t> rho = dealComparison<Word>(site, parts.window, thresholds, script);
      for (unsigned j = 0; j < thresholds; ++j)
        for (size_t k = 0; k < bits.size(); ++k) // [ρ_j w_k]
          terms.share(bits[k], termNames[k], TermFactor::Bit, rho.behind(j * bitBytes));
    }
    for (size_t k = 1; k < bits.size(); ++k)
      terms.share(bits[k], termNames[k]);
  });
}

} // namespace gfs::device
