// SPDX-License-Identifier: Apache-2.0
// Spline, and Relu by comparison key, on a GPU; formulas in runtime/gates/{Spline.cpp,Selection.h}.
#include "runtime/gates/device/Comparison.h"
#include "runtime/gates/device/SplineParts.h"

namespace gfs::device {

namespace {

template <class Word> class Spline final : public DeviceGate {
  using Task = cuda::PiecesTask<Word>;

public:
  explicit Spline(const DeviceSite &site) {
    const SplineParts source(site.step);
    std::vector<Word> differences; // p_0, p_1 - p_0, …
    for (size_t j = 0; j < source.coefficients.size(); ++j)
      for (unsigned d = 0; d < 3; ++d) {
        const auto &c = source.coefficients;
        const auto before = j == 0 ? 0 : static_cast<uint64_t>(c[j - 1][d]);
        differences.push_back(static_cast<Word>(static_cast<uint64_t>(c[j][d]) - before));
      }
    const std::vector<unsigned> termBits = source.termBits(site.ring.bits);
    std::vector<Word> theta;
    for (int64_t threshold : source.thresholds)
      theta.push_back(static_cast<Word>(threshold));
    const ComparisonArrays<Word> arrays(site, source.window, theta);

    task.shape = {site.ring.bits, source.shift};
    task.addsPublic = site.first();
    task.thresholds = arrays.thresholds;
    task.terms = static_cast<unsigned>(termBits.size());
    task.coefficients = site.constants.add(differences);
    task.masked = arrays.masked;
    task.window = arrays.window;
    task.theta = arrays.theta;
    task.wordBytes = cuda::arrayBytes<Word>(arrays.elements);
    task.elements = arrays.elements;
    task.out = site.out<Word>();
    if (source.window.protocol() == plan::SignWindow::DCF)
      selectByKey(site, arrays, termBits);
    else
      selectOpened(site, source.window, arrays, termBits);
    const std::vector<unsigned> ones(termBits.begin() + 1, termBits.end());
    task.ones = shares(site, arrays.elements, ones);
  }

  void prepare(const Launcher &launch) const override {
    if (comparison)
      comparison->prepare(launch);
    for (const cuda::ExpandTask &expansion : roots)
      launch(expansion);
  }

  void evaluate(const Launcher &launch, unsigned phase) const override {
    if (comparison) {
      if (phase + 1 < comparison->phases)
        return comparison->send(launch, phase);
      comparison->open(launch);
    }
    for (const cuda::ComparisonKeyTask<Word> &keys : functions)
      launch(keys);
    launch(task);
  }

private:
  /// Shares of words of so many bits, array after array.
  Array<const Word> shares(const DeviceSite &site, uint64_t count,
                           const std::vector<unsigned> &bits) {
    const Array<Word> first = site.prepared<Word>(bits.size() * task.wordBytes / sizeof(Word));
    for (size_t k = 0; k < bits.size(); ++k)
      pieces.push_back({DealtPiece::Words, bits[k], count,
                        first.template as<uint8_t>().behind(k * task.wordBytes)});
    return first;
  }

  /// Dealt are [ρ_j w_k] for each threshold.
  void selectOpened(const DeviceSite &site, const plan::SignWindow &window,
                    const ComparisonArrays<Word> &arrays, const std::vector<unsigned> &termBits) {
    comparison = makeComparison(site, window, arrays, pieces);
    task.g = comparison->opened();
    std::vector<unsigned> bits;
    for (unsigned j = 0; j < arrays.thresholds; ++j)
      bits.insert(bits.end(), termBits.begin(), termBits.end());
    task.hidden = shares(site, arrays.elements, bits);
    task.hiddenPitch = task.terms;
  }

  /// Dealt are [bit_n(Sk) w_k] once, and keys that yield the rest.
  void selectByKey(const DeviceSite &site, const ComparisonArrays<Word> &arrays,
                   const std::vector<unsigned> &termBits) {
    const Array<const cuda::ComparisonRoundKeys> permutations = slicedPermutations(site.constants);
    task.keyedTerms = 0;
    const Array<Word> keyed =
        site.scratch<Word>(arrays.thresholds * termBits.size() * task.wordBytes / sizeof(Word));
    task.keyed = keyed;
    for (const KeyGroup &group : keyGroups(arrays.window.bits(), termBits)) {
      task.keyedTerms |= ((1u << group.dcf.words()) - 1) << group.first;
      addFunction(
          site, arrays, group, permutations,
          keyed.template as<uint8_t>().behind(group.first * task.wordBytes).template as<Word>());
    }
    task.hidden = shares(site, arrays.elements, termBits);
    task.hiddenPitch = 0;
  }

  void addFunction(const DeviceSite &site, const ComparisonArrays<Word> &arrays,
                   const KeyGroup &group, Array<const cuda::ComparisonRoundKeys> permutations,
                   Array<Word> out) {
    const uint64_t keyBytes = arrays.elements * group.dcf.keyBytes(),
                   rootBytes = arrays.elements * Dcf::rootBytes;
    const Array<uint8_t> keys = site.prepared<uint8_t>(keyBytes),
                         root = site.prepared<uint8_t>(rootBytes);
    const auto name = static_cast<uint16_t>(rootStream + functions.size());
    roots.push_back({site.stream(name), rootBytes, root.as<uint64_t>()});
    pieces.push_back({DealtPiece::Raw, 0, keyBytes, keys});
    cuda::ComparisonKeyTask<Word> function = {};
    function.window = arrays.window;
    function.ringBits = arrays.ringBits;
    function.thresholds = arrays.thresholds;
    function.negates = !site.first();
    group.describeTo(function);
    function.permutations = permutations;
    function.theta = arrays.theta;
    function.masked = arrays.masked;
    function.roots = root;
    function.keys = keys;
    function.elements = arrays.elements;
    function.out = out;
    function.outPitch = task.terms;
    function.outBytes = task.wordBytes;
    functions.push_back(function);
  }

  std::unique_ptr<Comparison> comparison; ///< None: by keys.
  std::vector<cuda::ExpandTask> roots;
  std::vector<cuda::ComparisonKeyTask<Word>> functions;
  Task task = {};
};

} // namespace

DeviceGatePtr makeSpline(const DeviceSite &site) { return makeForRing<Spline>(site); }

} // namespace gfs::device
