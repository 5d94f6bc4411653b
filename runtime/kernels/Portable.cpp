// SPDX-License-Identifier: Apache-2.0
// Kernels for any CPU: short loops, the definition every other variant is tested against.
#include "runtime/kernels/KernelVariants.h"
#include "runtime/kernels/RescaleKernels.h"

namespace gfs {
namespace {

// First output position whose input position o * stride + offset is >= 0, and the first one past
// `size`.
struct ValidRange {
  int64_t begin, end;
  ValidRange(int64_t offset, int64_t stride, int64_t size, int64_t outSize) {
    begin = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
    end = size <= offset ? 0 : (size - offset + stride - 1) / stride;
    end = end < outSize ? end : outSize;
  }
};

/// Adds one weight's contribution to one output plane: taps shift whole rows, so the inner loop
/// runs along a row.
template <class Word>
void addTap(const ConvShape &s, const Word *inputPlane, Word weight, uint32_t kh, uint32_t kw,
            Word *outputPlane) {
  int64_t offsetH = int64_t(kh) * s.dilationH - s.padTop,
          offsetW = int64_t(kw) * s.dilationW - s.padLeft;
  ValidRange rows(offsetH, s.strideH, s.inH, s.outH), columns(offsetW, s.strideW, s.inW, s.outW);
  for (int64_t oh = rows.begin; oh < rows.end; ++oh) {
    const Word *in = inputPlane + (oh * s.strideH + offsetH) * s.inW;
    Word *out = outputPlane + oh * s.outW;
    for (int64_t ow = columns.begin; ow < columns.end; ++ow)
      out[ow] += weight * in[ow * s.strideW + offsetW];
  }
}

template <class Word>
void conv(const ConvShape &s, const Word *input, const Word *weight, const Word *addend,
          Word *output) {
  const size_t inPlane = size_t(s.inH) * s.inW, outPlane = size_t(s.outH) * s.outW;
  const uint32_t inPerGroup = s.inChannels / s.groups, outPerGroup = s.outChannels / s.groups;
  for (uint32_t n = 0; n < s.batch; ++n)
    for (uint32_t oc = s.firstChannel; oc < s.channelsEnd(); ++oc) {
      const size_t plane = (size_t(n) * s.outChannels + oc) * outPlane;
      Word *out = output + plane;
      if (addend)
        std::memcpy(out, addend + plane, outPlane * sizeof(Word));
      else
        std::memset(out, 0, outPlane * sizeof(Word));
      const Word *w = weight + size_t(oc) * inPerGroup * s.kernelH * s.kernelW;
      const Word *in = input + (size_t(n) * s.inChannels + oc / outPerGroup * inPerGroup) * inPlane;
      for (uint32_t ic = 0; ic < inPerGroup; ++ic, in += inPlane)
        for (uint32_t kh = 0; kh < s.kernelH; ++kh)
          for (uint32_t kw = 0; kw < s.kernelW; ++kw)
            addTap(s, in, *w++, kh, kw, out);
    }
}

} // namespace

const Kernels kernelsPortable = {"portable", loopKernels<uint32_t, ShiftPacker<uint32_t>>(conv),
                                 loopKernels<uint64_t, ShiftPacker<uint64_t>>(conv)};

} // namespace gfs
