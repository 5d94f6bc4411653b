// SPDX-License-Identifier: Apache-2.0
// Comparison by table: the dealer gives XOR shares of T[j] = 1{j < a}, a = Sk mod 2^n, 2^n bits per
// element to server 1 and nothing to server 0. Each server looks its share up at the public index X
// mod 2^n and holds a share of c = 1{X mod 2^n < a}. A share of the table alone is uniform, so
// looking it up shows nothing. One exchange of one bit.
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
  explicit TableComparison(ComparisonShape<Word> shape)
      : Base(std::move(shape)),
        tableBytes(this->shape.window.bits() < 3 ? 1
                                                 : size_t(1) << (this->shape.window.bits() - 3)) {}

  void addCost(Cost &cost) const override {
    DealtCost{cost}.bytes(tablesBytes());
    cost.messageBytes.push_back(shape.selectorBytes());
    cost.prgBytes += shape.selectorBytes();
  }

  void deal(DealContext &context, DealtWriter<Word> &dealt) const override {
    std::span<const Word> s = context.mask<Word>(0);
    const SignBits<Word> signs = shape.signs();
    SecretVector<uint8_t> tables(tablesBytes());
    uint8_t *table = tables.data();
    for (size_t i = 0; i < shape.count; ++i, table += tableBytes) {
      uint64_t a = signs.maskIndex(s[i]);
      for (size_t first = 0; first < tableBytes; first += 8) {
        uint64_t bits = lowOnes(clampedDistance(a, 8 * first));
        std::memcpy(table + first, &bits, std::min<size_t>(8, tableBytes));
      }
    }
    dealt.bytes(tables);
  }

  size_t preparedBytes() const override {
    return this->selectorStorage() + Carver::bytes<uint8_t>(tablesBytes());
  }

  void prepare(PrepareContext &context, DealtReader<Word> &dealt,
               std::span<std::byte> storage) const override {
    this->prepareSelectors(context, storage);
    dealt.bytesInPlace(tableStorage(storage), tablesBytes());
    if (context.party() == Party::One)
      context.keepMaterial(); // send() reads its tables where they lie
  }

  void send(EvaluateContext &context, unsigned, std::span<std::byte> storage) const override {
    const auto &kernels = context.kernels().template ring<Word>();
    // Server 1's tables come first in its material and are read where they lie.
    const uint8_t *tables =
        context.party() == Party::Zero ? tableStorage(storage).data() : context.material().data();
    const Word *masked = context.template operand<Word>(0).data();
    std::span<uint8_t> message = this->selectors(storage);
    const SignBits<Word> signs = shape.signs();
    const Word ringMask = shape.ring.template mask<Word>();
    Word shifted[Base::block];
    uint8_t bits[Base::block / 8];
    for (size_t j = 0; j < shape.thresholds.size(); ++j) {
      const Word theta = shape.thresholds[j];
      uint8_t *out = message.data() + j * shape.bitBytes();
      for (size_t first = 0; first < shape.count; first += Base::block, out += Base::block / 8) {
        const size_t n = std::min(Base::block, shape.count - first), bytes = (n + 7) / 8;
        for (size_t i = 0; i < n; ++i)
          shifted[i] = (masked[first + i] - theta) & ringMask;
        kernels.tableLookup(shape.window, shape.ring.bits, shifted, tables + first * tableBytes, n,
                            bits);
        xorInto({out, bytes}, {bits, bytes});
        if (context.party() == Party::One)
          continue;
        for (size_t i = 0; i < n; ++i)
          shifted[i] = signs.publicBit(signs.index(shifted[i], 0));
        kernels.pack(1, shifted, n, bits);
        xorInto({out, bytes}, {bits, bytes});
      }
    }
    std::copy(message.begin(), message.end(), context.outgoing().begin());
  }

private:
  size_t tablesBytes() const { return shape.count * tableBytes; }
  std::span<uint8_t> tableStorage(std::span<std::byte> storage) const {
    return Carver(this->behindSelectors(storage)).template take<uint8_t>(tablesBytes());
  }

  size_t tableBytes;
};

} // namespace

template <class Word> ComparisonPtr<Word> makeTableComparison(ComparisonShape<Word> shape) {
  return std::make_unique<TableComparison<Word>>(std::move(shape));
}
template ComparisonPtr<uint32_t> makeTableComparison(ComparisonShape<uint32_t>);
template ComparisonPtr<uint64_t> makeTableComparison(ComparisonShape<uint64_t>);

} // namespace gfs
