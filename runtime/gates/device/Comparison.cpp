// SPDX-License-Identifier: Apache-2.0
// By table and by one-hot chunks; formulas in runtime/gates/{CompareTable,CompareOneHot}.cpp.
#include "runtime/gates/device/Comparison.h"

#include "runtime/gates/JoinTree.h"

namespace gfs::device {

namespace {

/// The bits m_ij come from a stream of this server; the last message opens what they hide.
class OpenedComparison : public Comparison {
public:
  void prepare(const Launcher &launch) const override { launch(hiding); }
  void open(const Launcher &launch) const override {
    launch(cuda::XorTask{selectors, answer, bytes, selectors});
  }

protected:
  OpenedComparison(const DeviceSite &site, uint64_t selectorBytes, unsigned lastMessage)
      : bytes(selectorBytes), message(site.arrays.messages[lastMessage]),
        answer(site.arrays.answers[lastMessage]) {
    selectors = site.prepared<uint8_t>(bytes);
    hiding = {site.stream(selectorStream), bytes, selectors.as<uint64_t>()};
    phases = lastMessage + 2;
  }
  /// Sends the selectors, XOR `other` if there is such.
  void sendSelectors(const Launcher &launch, Array<const uint8_t> other) const {
    launch(cuda::XorTask{selectors, other, bytes, selectors});
    launch(cuda::XorTask{selectors, {}, bytes, message});
  }

  uint64_t bytes;

private:
  Array<uint8_t> message;
  Array<const uint8_t> answer;
  cuda::ExpandTask hiding;
};

template <class Word> class TableComparison final : public OpenedComparison {
public:
  TableComparison(const DeviceSite &site, const ComparisonArrays<Word> &arrays,
                  std::vector<DealtPiece> &pieces)
      : OpenedComparison(site, arrays.selectorBytes(), 0) {
    const unsigned width = arrays.window.bits();
    const uint64_t tableBytes = arrays.elements * (width < 3 ? 1 : uint64_t(1) << (width - 3));
    const Array<uint8_t> tables = site.prepared<uint8_t>(tableBytes);
    pieces.push_back({DealtPiece::Bytes, 0, tableBytes, tables});
    lookup = {arrays.window, arrays.ringBits, arrays.thresholds, site.first(),   arrays.theta,
              arrays.masked, tables,          arrays.elements,   this->selectors};
  }
  void send(const Launcher &launch, unsigned) const override {
    launch(lookup);
    sendSelectors(launch, {});
  }

private:
  cuda::TableLookupTask<Word> lookup;
};

template <class Word> class OneHotComparison final : public OpenedComparison {
public:
  OneHotComparison(const DeviceSite &site, const ComparisonArrays<Word> &arrays,
                   std::vector<DealtPiece> &pieces)
      : OpenedComparison(site, arrays.selectorBytes(), plan::oneHotLevels(arrays.window.bits())),
        tree(arrays.window.bits()), isFirst(site.first()) {
    const unsigned chunks = plan::oneHotChunks(arrays.window.bits());
    const Array<uint32_t> tables = site.prepared<uint32_t>(chunks * arrays.elements);
    for (unsigned c = 0; c < chunks; ++c) {
      const unsigned positions =
          1u << std::min(cuda::oneHotChunkBits, arrays.window.bits() - cuda::oneHotChunkBits * c);
      const uint64_t packed = packedBytes(arrays.elements, positions);
      const Array<uint8_t> share = site.staged<uint8_t>(packed);
      pieces.push_back({DealtPiece::Bytes, 0, packed, share});
      expansions.push_back({positions, share.as<const uint32_t>(), arrays.elements,
                            tables.behind(c * arrays.elements)});
    }
    const uint64_t operandBytes = tree.openedBelow(tree.levels) * bytes,
                   productBytes = tree.productsBelow(tree.levels) * bytes;
    operands = site.prepared<uint8_t>(operandBytes);
    products = site.prepared<uint8_t>(productBytes);
    nodes = site.prepared<uint8_t>(2 * chunks * bytes);
    sent = site.prepared<uint8_t>(tree.levels == 0 ? 0 : tree.opened(0) * bytes);
    hiding = {site.stream(tripleStream), operandBytes, operands.as<uint64_t>()};
    pieces.push_back({DealtPiece::Bytes, 0, productBytes, products});
    lookup = {arrays.window,   arrays.ringBits, arrays.thresholds, chunks,
              isFirst,         arrays.theta,    arrays.masked,     tables,
              arrays.elements, nodes,           this->selectors};
    messages = site.arrays.messages;
    answers = site.arrays.answers;
  }

  void prepare(const Launcher &launch) const override {
    OpenedComparison::prepare(launch);
    for (const cuda::OneHotTablesTask &expansion : expansions)
      launch(expansion);
    launch(hiding);
  }

  void send(const Launcher &launch, unsigned phase) const override {
    if (phase == 0)
      launch(lookup);
    else
      join(launch, phase - 1);
    if (phase < tree.levels)
      launch(cuda::HideOperandsTask{tree.pairs(phase), bytes, nodes, operandsOf(phase), sent,
                                    messages[phase]});
    else
      sendSelectors(launch, nodes);
  }

private:
  void join(const Launcher &launch, unsigned level) const {
    launch(cuda::JoinTask{tree.nodes(level), bytes, isFirst, sent, answers[level],
                          operandsOf(level), products.behind(tree.productsBelow(level) * bytes),
                          nodes});
  }
  Array<const uint8_t> operandsOf(unsigned level) const {
    return operands.behind(tree.openedBelow(level) * bytes);
  }

  const JoinTree tree;
  bool isFirst;
  std::vector<cuda::OneHotTablesTask> expansions;
  Array<uint8_t> operands, products, nodes, sent;
  cuda::ExpandTask hiding;
  cuda::OneHotLookupTask<Word> lookup;
  std::vector<Array<uint8_t>> messages, answers;
};

} // namespace

template <class Word>
std::unique_ptr<Comparison> makeComparison(const DeviceSite &site, const plan::SignWindow &window,
                                           const ComparisonArrays<Word> &arrays,
                                           std::vector<DealtPiece> &pieces) {
  if (window.protocol() == plan::SignWindow::TABLE)
    return std::make_unique<TableComparison<Word>>(site, arrays, pieces);
  return std::make_unique<OneHotComparison<Word>>(site, arrays, pieces);
}
template std::unique_ptr<Comparison> makeComparison(const DeviceSite &, const plan::SignWindow &,
                                                    const ComparisonArrays<uint32_t> &,
                                                    std::vector<DealtPiece> &);
template std::unique_ptr<Comparison> makeComparison(const DeviceSite &, const plan::SignWindow &,
                                                    const ComparisonArrays<uint64_t> &,
                                                    std::vector<DealtPiece> &);

} // namespace gfs::device
