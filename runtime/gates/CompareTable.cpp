// SPDX-License-Identifier: Apache-2.0
// Comparison by table: the dealer gives XOR shares of T[j] = 1{j < a}, a = Sk mod 2^n, 2^n bits per
// element to one server and a stream to the other. Each server looks its share up at the public
// index X mod 2^n and holds a share of c = 1{X mod 2^n < a}. A share of the table alone is uniform,
// so looking it up shows nothing. One exchange of one bit.
#include "runtime/gates/Comparison.h"

namespace gfs {

namespace {

/// The lowest `count` bits set, 0 <= count <= 64, without a branch.
uint64_t lowOnes(uint64_t count) {
  return ((uint64_t(1) << (count & 63)) - 1) | (uint64_t(0) - (count >> 6));
}

/// `a - from` clamped to [0, 64], without a branch.
uint64_t clampedDistance(uint64_t a, uint64_t from) {
  auto distance = static_cast<int64_t>(a) - static_cast<int64_t>(from);
  distance &= ~(distance >> 63);
  int64_t above = (64 - distance) >> 63;
  return static_cast<uint64_t>((distance & ~above) | (64 & above));
}

template <class Word> class TableComparison final : public Comparison<Word> {
  using Base = Comparison<Word>;
  using Base::shape;

public:
  TableComparison(ComparisonShape<Word> shape, DealtLayout &dealt)
      : Base(std::move(shape)),
        tableBytes(this->shape.window.bits() < 3 ? 1
                                                 : size_t(1) << (this->shape.window.bits() - 3)),
        tables(dealt.bytes(this->shape.count * tableBytes)) {}

  void addCost(Cost &cost) const override {
    cost.messageBytes.push_back(shape.selectorBytes());
    cost.prgBytes += shape.selectorBytes();
  }

  void deal(DealContext &context, DealtWriter<Word> &writer) const override {
    std::span<const Word> s = context.mask<Word>(0);
    const SignBits<Word> signs = shape.signs();
    SecretVector<uint8_t> clear(tables.count);
    uint8_t *table = clear.data();
    for (size_t i = 0; i < shape.count; ++i, table += tableBytes) {
      uint64_t a = signs.maskIndex(s[i]);
      for (size_t first = 0; first < tableBytes; first += 8) {
        uint64_t bits = lowOnes(clampedDistance(a, 8 * first));
        std::memcpy(table + first, &bits, std::min<size_t>(8, tableBytes));
      }
    }
    writer.bytes(tables, clear);
  }

  void send(EvaluateContext &context, unsigned, Range units) const override {
    const auto &kernels = context.kernels().template ring<Word>();
    const Word *masked = context.template operand<Word>(0).data();
    const size_t thresholds = shape.thresholds.size();
    DealtReader<Word> reader(context);
    SecretVector<uint8_t> room(context.party() == tables.expands ? tileElements * tableBytes : 0),
        found(thresholds * bitTileBytes);
    forEachBitTile(elementsOf(units, shape.count), [&](size_t first, size_t n) {
      forEachTile(n, [&](size_t at, size_t count) {
        const uint8_t *table =
            reader.bytesInPlace(tables, (first + at) * tableBytes, count * tableBytes, room.data());
        for (size_t j = 0; j < thresholds; ++j)
          lookUp(kernels, shape.thresholds[j], masked + first + at, table, count,
                 &found[j * bitTileBytes + at / 8]);
      });
      for (size_t j = 0; j < thresholds; ++j)
        this->sendHidden(context, j, first, n,
                         std::span(found).subspan(j * bitTileBytes, (n + 7) / 8));
    });
  }

private:
  static constexpr size_t bitTileBytes = bitTileElements / 8;

  /// This server's shares of c of a tile.
  void lookUp(const RingKernels<Word> &kernels, Word theta, const Word *masked,
              const uint8_t *table, size_t n, uint8_t *out) const {
    Word shifted[tileElements];
    if (theta != 0) { // ReLU's is
      const Word ringMask = shape.ring.template mask<Word>();
      for (size_t i = 0; i < n; ++i)
        shifted[i] = (masked[i] - theta) & ringMask;
      masked = shifted;
    }
    kernels.tableLookup(shape.window, shape.ring.bits, masked, table, n, out);
  }

  const size_t tableBytes;
  const DealtArray tables;
};

} // namespace

template <class Word>
ComparisonPtr<Word> makeTableComparison(ComparisonShape<Word> shape, DealtLayout &dealt) {
  return std::make_unique<TableComparison<Word>>(std::move(shape), dealt);
}
template ComparisonPtr<uint32_t> makeTableComparison(ComparisonShape<uint32_t>, DealtLayout &);
template ComparisonPtr<uint64_t> makeTableComparison(ComparisonShape<uint64_t>, DealtLayout &);

} // namespace gfs
