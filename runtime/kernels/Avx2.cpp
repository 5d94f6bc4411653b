// SPDX-License-Identifier: Apache-2.0
// Kernels for AVX2 and BMI2.
#include "runtime/kernels/ConvKernel.h"
#include "runtime/kernels/FastConvs.h"
#include "runtime/kernels/KernelVariants.h"
#include "runtime/kernels/LookupAvx2.h"
#include "runtime/kernels/RescaleKernels.h"
#include "runtime/kernels/Simd256.h"

namespace gfs {
namespace {

template <class Simd> constexpr RingKernels<typename Simd::Word> ringKernels() {
  using Word = typename Simd::Word;
  using Fast = FastConvs<Simd, Simd>;
  using Loops = Elementwise<Word, Avx2Packer<Word>>;
  RingKernels<Word> kernels = loopKernels<Word, Avx2Packer<Word>>(ConvKernel<Simd>::run);
  kernels.tableLookup = lookupTables<Word, Loops>;
  kernels.oneHotLookup = lookupOneHots<Word, Loops>;
  kernels.packedWeightBytes = Fast::packedBytes;
  kernels.packWeights = Fast::pack;
  kernels.convPacked = Fast::run;
  return kernels;
}

} // namespace

const Kernels kernelsAvx2 = {"avx2", ringKernels<Simd256x32>(), ringKernels<Simd256x64>()};

} // namespace gfs
