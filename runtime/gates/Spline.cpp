// SPDX-License-Identifier: Apache-2.0
// Spline: masked ẑ = z + s -> shared piecewise polynomial of v = z >> f, degree <= 2. Also Relu by
// comparison key, which is the spline with the pieces 0 and v.
//
// With D_j = 1{z >= θ_j} the value is
//   p_0(v) + sum over j of D_j (p_j - p_{j-1})(v).
// From Rescale.h, with P and t public,
//   v  = P + V_t,              V_t  = V_1  + (1-t) u 2^{l-f},
//   v² = P² + 2P V_t + V_t²,   V_t² = V_1² + (1-t) q 2^{l-f}.
// So shares of D_j w_k for the terms w = (1, V_1, u, V_1², q) are all that is needed, the first
// three for degree 1, the first for degree 0. Selection.h gets them; u and q need f bits, the others
// l.
#include "runtime/gates/Selection.h"

namespace gfs {

namespace {

/// What the gate is made from, for a Spline and for a Relu.
struct Pieces {
  unsigned shift;
  const plan::SignWindow &window;
  std::vector<int64_t> thresholds;
  std::vector<std::array<int64_t, 3>> coefficients; ///< Of 1, v, v².
};

template <class Word> class Spline final : public Gate {
public:
  Spline(const GateSite &site, const Pieces &pieces)
      : ring(site.ring), count(site.resultElements()), rescale(site.ring, pieces.shift),
        signs(site.ring, {pieces.window.low(), pieces.window.high()}),
        phases(plan::phaseCount(site.step)), dealt(site.step) {
    for (int64_t theta : pieces.thresholds)
      thresholds.push_back(static_cast<Word>(theta));
    for (size_t j = 0; j < pieces.coefficients.size(); ++j) {
      Coefficients &difference = differences.emplace_back();
      for (unsigned d = 0; d < 3; ++d) {
        uint64_t before = j == 0 ? 0 : static_cast<uint64_t>(pieces.coefficients[j - 1][d]);
        difference[d] =
            static_cast<Word>(static_cast<uint64_t>(pieces.coefficients[j][d]) - before);
        if (pieces.coefficients[j][d] != 0)
          degree = std::max(degree, d);
      }
    }
    std::vector<unsigned> termBits = {ring.bits, ring.bits, rescale.bits(), ring.bits,
                                      rescale.bits()};
    termBits.resize(1 + 2 * degree);
    selection = makeSelection<Word>(pieces.window,
                                    {{ring, pieces.window, count, thresholds}, termBits}, dealt);
  }

  Cost cost() const override {
    Cost cost;
    cost.elements = count;
    selection->addCost(cost);
    dealt.addTo(cost);
    return cost;
  }

  void deal(DealContext &context) const override {
    const Rescale<Word> r = rescale;
    const Word *s = context.mask<Word>(0).data();
    std::vector<SecretVector<Word>> terms;
    auto addTerm = [&](auto &&valueAt) {
      Word *term = terms.emplace_back(count).data();
      for (size_t i = 0; i < count; ++i)
        term[i] = valueAt(s[i]);
    };
    if (degree > 0) {
      addTerm([&](Word s) { return r.ifTopSet(s); });
      addTerm([&](Word s) { return r.carry(s); });
    }
    if (degree > 1) {
      addTerm([&](Word s) { return r.square(s); });
      addTerm([&](Word s) { return r.crossTerm(s); });
    }
    selection->deal(context, terms);
  }

  size_t preparedBytes() const override { return selection->scratchBytes(); }

  uint64_t units(unsigned) const override { return unitsOf(count); }
  bool elementwise(unsigned) const override { return true; }

  void evaluate(EvaluateContext &context, unsigned phase, Range units) const override {
    if (phase + 1 < phases)
      return selection->send(context, phase, units);
    typename Selection<Word>::Rows ones, selected;
    const Word *masked = context.operand<Word>(0).data();
    Word *result = context.result<Word>().data();
    forEachTile(elementsOf(units, count), [&](size_t first, size_t n) {
      selection->all(context, first, n, ones);
      std::fill_n(result + first, n, Word(0));
      addPiece(differences[0], ones, masked + first, n, result + first);
      for (size_t j = 0; j < thresholds.size(); ++j) {
        selection->select(context, j, first, n, ones, selected);
        addPiece(differences[j + 1], selected, masked + first, n, result + first);
      }
    });
  }

  void reference(ReferenceContext &context) const override {
    std::span<const Word> z = context.operand<Word>(0), s = context.mask<Word>(0);
    std::span<Word> result = context.result<Word>();
    for (size_t i = 0; i < count; ++i) {
      Word masked = z[i] + s[i], v = rescale.together(masked, s[i]);
      Coefficients sum = differences[0];
      for (size_t j = 0; j < thresholds.size(); ++j) {
        Word decided = signs.together(masked, thresholds[j], s[i]);
        for (unsigned d = 0; d < 3; ++d)
          sum[d] += differences[j + 1][d] * decided;
      }
      result[i] = (sum[0] + v * (sum[1] + v * sum[2])) & ring.mask<Word>();
    }
  }

private:
  using Coefficients = std::array<Word, 3>;

  /// result += D (c0 + c1 v + c2 v²), from shares of D w_k. Copies and __restrict tell the compiler
  /// that no store changes what the loops read.
  void addPiece(Coefficients c, const typename Selection<Word>::Rows &rows, const Word *masked,
                size_t n, Word *__restrict result) const {
    const Rescale<Word> r = rescale;
    const Word *d = rows[0].data(), *v = rows[1].data(), *u = rows[2].data(), *vv = rows[3].data(),
               *q = rows[4].data();
    auto topClear = [&](Word lifted) { return r.top(lifted) - 1; };
    for (size_t i = 0; i < n; ++i)
      result[i] += c[0] * d[i];
    if (degree > 0)
      for (size_t i = 0; i < n; ++i) {
        Word lifted = r.lift(masked[i]), p = r.publicPart(lifted);
        Word vt = v[i] + (r.wrap(u[i]) & topClear(lifted));
        result[i] += c[1] * (p * d[i] + vt);
      }
    if (degree > 1)
      for (size_t i = 0; i < n; ++i) {
        Word lifted = r.lift(masked[i]), p = r.publicPart(lifted);
        Word vt = v[i] + (r.wrap(u[i]) & topClear(lifted)),
             vvt = vv[i] + (r.wrap(q[i]) & topClear(lifted));
        result[i] += c[2] * (p * (p * d[i] + 2 * vt) + vvt);
      }
  }

  Ring ring;
  uint64_t count;
  Rescale<Word> rescale;
  SignBits<Word> signs;
  unsigned phases;
  unsigned degree = 0; ///< Highest of all pieces.
  std::vector<Word> thresholds;
  std::vector<Coefficients> differences; ///< p_0, p_1 - p_0, p_2 - p_1, ...
  DealtLayout dealt;
  SelectionPtr<Word> selection;
};

GatePtr makePieces(const GateSite &site, const Pieces &pieces) {
  return visitWord(site.ring, [&]<class Word>() -> GatePtr {
    return std::make_unique<Spline<Word>>(site, pieces);
  });
}

} // namespace

GatePtr makeSpline(const GateSite &site) {
  const plan::Spline &spline = site.step.spline();
  Pieces pieces{spline.shift(),
                spline.window(),
                {spline.thresholds().begin(), spline.thresholds().end()},
                {}};
  for (const plan::Polynomial &piece : spline.pieces())
    pieces.coefficients.push_back({piece.c0(), piece.c1(), piece.c2()});
  return makePieces(site, pieces);
}

GatePtr makeReluByKey(const GateSite &site) {
  const plan::Relu &relu = site.step.relu();
  return makePieces(site, {relu.shift(), relu.window(), {0}, {{0, 0, 0}, {0, 1, 0}}});
}

} // namespace gfs
