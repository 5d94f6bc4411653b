// SPDX-License-Identifier: Apache-2.0
// Shares of D_j·w_k for all thresholds θ_j on one masked value ẑ = z + s: D_j = 1{z >= θ_j}, and
// terms w_k that depend on the mask s alone, w_0 = 1.
//
// Both ways below split D_j = g_j ^ e_j into a public bit g_j and a hidden bit e_j that the dealer
// can multiply into the terms, and use
//   D w = g w + (1-2g) e w,   that is: g ? w - e w : e w.
// opened: Comparison.h opens g_j, and the dealer gives [e_j w_k] for e_j = ρ_j. Little material, an
//   exchange or more.
// key: g_j = bit_n(X_j) is known at once, and a distributed comparison function with payload gives
//   e_j = bit_n(Sk) ^ 1{X_j mod 2^n < Sk mod 2^n}.
//   More material, nothing is sent.
#pragma once

#include "runtime/gates/Comparison.h"

namespace gfs {

template <class Word> struct SelectionShape {
  ComparisonShape<Word> comparison;
  std::vector<unsigned> termBits; ///< Bits that shares of w_k need; [0] is the ring's.

  size_t terms() const { return termBits.size(); }
  size_t thresholds() const { return comparison.thresholds.size(); }
  size_t count() const { return comparison.count; }
};

/// Terms that one comparison function yields at most. The five of a quadratic need two functions
/// anyway; three and two fit into fewer blocks of AES than the four that a function has room for
/// and one.
inline constexpr size_t keyGroupWords = 3;

template <class Word> class Selection {
public:
  /// Shares of D w_k of one tile at [k]; row 0 is D itself.
  using Rows = std::array<SecretTile<Word>, 5>;

  explicit Selection(SelectionShape<Word> shape) : shape(std::move(shape)) {}
  virtual ~Selection() = default;

  /// Messages, streams beside those of dealt arrays, and keys' AES calls.
  virtual void addCost(Cost &cost) const = 0;

  /// `terms[k - 1]` holds the clear w_k.
  void deal(DealContext &context, std::span<const SecretVector<Word>> terms) const {
    DealtWriter<Word> writer(context);
    dealOwn(context, writer, terms);
    for (size_t k = 1; k < shape.terms(); ++k)
      writer.words(termArrays[k - 1], [&](size_t i) { return terms[k - 1][i]; });
  }

  /// What the phases keep in prepared().
  virtual size_t scratchBytes() const { return 0; }
  /// Phases before the last: `units` of the outgoing message.
  virtual void send(EvaluateContext &context, unsigned phase, Range units) const = 0;

  /// Last phase: shares of w_k (D = 1) of the tile of elements [first, first + n).
  void all(EvaluateContext &context, size_t first, size_t n, Rows &rows) const {
    std::fill_n(rows[0].data(), n, Word(context.party() == Party::Zero ? 1 : 0));
    DealtReader<Word> reader(context);
    for (size_t k = 1; k < shape.terms(); ++k)
      reader.words(termArrays[k - 1], first, rows[k].first(n));
  }
  /// Last phase: shares of D_j w_k of the tile of elements [first, first + n), given those of w_k.
  void select(EvaluateContext &context, size_t j, size_t first, size_t n, const Rows &ones,
              Rows &rows) const {
    Word g[tileElements];
    hidden(context, j, first, n, g, rows);
    for (size_t k = 0; k < shape.terms(); ++k) {
      const Word *all = ones[k].data();
      Word *__restrict out = rows[k].data();
      for (size_t i = 0; i < n; ++i) {
        Word keep = Word(0) - g[i];
        out[i] = ((out[i] ^ keep) - keep) + (all[i] & keep);
      }
    }
  }

protected:
  /// Lays out the terms, behind what the kind of selection needs.
  void layOutTerms(DealtLayout &dealt) {
    for (size_t k = 1; k < shape.terms(); ++k)
      termArrays.push_back(dealt.words<Word>(shape.termBits[k], shape.count()));
  }
  virtual void dealOwn(DealContext &context, DealtWriter<Word> &writer,
                       std::span<const SecretVector<Word>> terms) const = 0;
  /// The public bits g_j as words 0 and 1, and shares of e_j w_k.
  virtual void hidden(EvaluateContext &context, size_t j, size_t first, size_t n, Word *g,
                      Rows &rows) const = 0;

  /// w_k of element i, in clear.
  static Word term(std::span<const SecretVector<Word>> terms, size_t k, size_t i) {
    return k == 0 ? Word(1) : terms[k - 1][i];
  }

  const SelectionShape<Word> shape;

private:
  std::vector<DealtArray> termArrays; ///< [w_k], k > 0.
};

template <class Word> using SelectionPtr = std::unique_ptr<Selection<Word>>;
template <class Word>
SelectionPtr<Word> makeOpenedSelection(const plan::SignWindow &window, SelectionShape<Word> shape,
                                       DealtLayout &dealt);
template <class Word>
SelectionPtr<Word> makeKeySelection(SelectionShape<Word> shape, DealtLayout &dealt);

/// Lays its arrays out in `dealt`.
template <class Word>
SelectionPtr<Word> makeSelection(const plan::SignWindow &window, SelectionShape<Word> shape,
                                 DealtLayout &dealt) {
  if (window.protocol() == plan::SignWindow::DCF)
    return makeKeySelection<Word>(std::move(shape), dealt);
  return makeOpenedSelection<Word>(window, std::move(shape), dealt);
}

} // namespace gfs
