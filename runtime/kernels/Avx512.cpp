// SPDX-License-Identifier: Apache-2.0
// Kernels for AVX-512 (F, BW, DQ, VL, IFMA, VBMI, VBMI2, VNNI).
#include "runtime/kernels/ConvKernel.h"
#include "runtime/kernels/FastConvs.h"
#include "runtime/kernels/KernelVariants.h"
#include "runtime/kernels/LookupAvx512.h"
#include "runtime/kernels/RescaleAvx512.h"
#include "runtime/kernels/RescaleKernels.h"
#include "runtime/kernels/Simd512.h"

namespace gfs {
namespace {

void conv32(const ConvShape &shape, const uint32_t *input, const uint32_t *weight,
            const uint32_t *addend, uint32_t *output) {
  ConvKernel<Simd512x32>::run(shape, input, weight, addend, output);
}

bool multipliesAsFastAsItAdds() { return __builtin_cpu_is("intel"); }

void conv64(const ConvShape &shape, const uint64_t *input, const uint64_t *weight,
            const uint64_t *addend, uint64_t *output) {
  if (shape.ringBits <= 52 && multipliesAsFastAsItAdds())
    ConvKernel<Simd512x52Single>::run(shape, input, weight, addend, output);
  else if (shape.ringBits <= 52)
    ConvKernel<Simd512x52>::run(shape, input, weight, addend, output);
  else
    ConvKernel<Simd512x64>::run(shape, input, weight, addend, output);
}

/// Packed weights of 64-bit words. Without pairs they have another form, which the multiplications
/// of 64 bits, faster in pairs everywhere, do not read: not in rings that may need these.
struct FastConvs64 {
  using Single = FastConvs<Simd512x52Single, Simd512x52Single>;
  using Pairs = FastConvs<Simd512x52, Simd512x64>;

  static bool isSingle(const ConvShape &s) {
    return s.ringBits <= 50 && multipliesAsFastAsItAdds();
  }
  static size_t packedBytes(const ConvShape &s) {
    return isSingle(s) ? Single::packedBytes(s) : Pairs::packedBytes(s);
  }
  static void pack(const ConvShape &s, const uint64_t *weight, void *packed) {
    isSingle(s) ? Single::pack(s, weight, packed) : Pairs::pack(s, weight, packed);
  }
  static void run(const ConvShape &s, const uint64_t *input, const void *packed,
                  const uint64_t *addend, uint64_t *output) {
    isSingle(s) ? Single::run(s, input, packed, addend, output)
                : Pairs::run(s, input, packed, addend, output);
  }
};

template <class Word, class Fast>
constexpr RingKernels<Word> ringKernels(decltype(RingKernels<Word>::conv) conv) {
  using Loops = Elementwise<Word, VbmiPacker<Word>>;
  RingKernels<Word> kernels = loopKernels<Word, VbmiPacker<Word>>(conv);
  kernels.maskAndPack = VbmiOpening<Word>::maskAndPack;
  kernels.unpackAndAdd = VbmiOpening<Word>::unpackAndAdd;
  kernels.tableLookup = lookupTables<Word, Loops>;
  kernels.oneHotLookup = lookupOneHots<Word>;
  kernels.reluSelect = reluSelect512<Word>;
  kernels.packedWeightBytes = Fast::packedBytes;
  kernels.packWeights = Fast::pack;
  kernels.convPacked = Fast::run;
  return kernels;
}

} // namespace

const Kernels kernelsAvx512 = {"avx512",
                               ringKernels<uint32_t, FastConvs<Simd512x32, Simd512x32>>(conv32),
                               ringKernels<uint64_t, FastConvs64>(conv64)};

} // namespace gfs
