// SPDX-License-Identifier: Apache-2.0
// What opened comparisons deal, on a GPU: tables, or one-hot chunks and products of the bits that
// hide AND operands. Formulas in runtime/gates/{Comparison.h,CompareTable.cpp,CompareOneHot.cpp}.
#include "runtime/gates/JoinTree.h"
#include "runtime/gates/device/DealScript.h"

namespace gfs::device {

namespace {

template <class Word>
void dealTables(const DealSite &site, WindowShape window, DealScript &script) {
  const unsigned logBytes = window.bits() < 3 ? 0 : window.bits() - 3;
  const uint64_t elements = site.operandElements(0);
  const Array<uint8_t> tables = script.bytes(elements << logBytes);
  script.launch(cuda::TableDealTask<Word>{window, logBytes, site.mask<Word>(0), elements, tables});
}

template <class Word>
void dealOneHots(const DealSite &site, WindowShape window, unsigned thresholds,
                 DealScript &script) {
  const uint64_t elements = site.operandElements(0);
  for (unsigned c = 0; c < plan::oneHotChunks(window.bits()); ++c) {
    const unsigned firstBit = cuda::oneHotChunkBits * c,
                   positions = 1u << std::min(cuda::oneHotChunkBits, window.bits() - firstBit);
    const Array<uint8_t> oneHots = script.bytes(packedBytes(elements, positions));
    script.launch(cuda::OneHotDealTask<Word>{window, firstBit, positions, site.mask<Word>(0),
                                             elements, oneHots.as<uint32_t>()});
  }
  const JoinTree tree(window.bits());
  const uint64_t arrayLength = thresholds * ((elements + 7) / 8);
  const Array<uint8_t> operands = script.bothStreams(tripleStream,
                                                     tree.openedBelow(tree.levels) * arrayLength),
                       products = script.bytes(tree.productsBelow(tree.levels) * arrayLength);
  for (unsigned level = 0; level < tree.levels; ++level)
    script.launch(cuda::TripleProductsTask{
        tree.pairs(level), arrayLength, operands.behind(tree.openedBelow(level) * arrayLength),
        products.behind(tree.productsBelow(level) * arrayLength)});
}

} // namespace

template <class Word>
Array<const uint8_t> dealComparison(const DealSite &site, const plan::SignWindow &signs,
                                    unsigned thresholds, DealScript &script) {
  const WindowShape window = {signs.low(), signs.high()};
  if (signs.protocol() == plan::SignWindow::TABLE)
    dealTables<Word>(site, window, script);
  else
    dealOneHots<Word>(site, window, thresholds, script);
  // ρ_j = bit_n(Sk) ^ m_0j ^ m_1j
  const uint64_t elements = site.operandElements(0);
  const Array<uint8_t> rho = script.bothStreams(selectorStream, thresholds * ((elements + 7) / 8));
  script.launch(cuda::TopBitsTask<Word>{window, thresholds, site.mask<Word>(0), elements, rho});
  return rho;
}
template Array<const uint8_t> dealComparison<uint32_t>(const DealSite &, const plan::SignWindow &,
                                                       unsigned, DealScript &);
template Array<const uint8_t> dealComparison<uint64_t>(const DealSite &, const plan::SignWindow &,
                                                       unsigned, DealScript &);

} // namespace gfs::device
