// SPDX-License-Identifier: Apache-2.0
// Ring convolution against its definition.
#include "runtime/base/Ring.h"
#include "test/unit/cuda/EmulatedDevice.h"
#include "test/unit/kernels/EmulatedTiles.h"
#include "test/unit/kernels/KernelTest.h"

namespace gfs {
namespace {

using ConvTest = KernelTest;

/// out[n][oc][oh][ow] = sum over ic, kh, kw of in[n][g + ic][oh*s + kh*d - p][…] *
/// w[oc][ic][kh][kw].
template <class Word>
std::vector<Word> referenceConv(const ConvShape &s, const std::vector<Word> &in,
                                const std::vector<Word> &w) {
  std::vector<Word> out(s.outputElements());
  const uint32_t perGroup = s.inChannels / s.groups;
  size_t o = 0;
  for (uint32_t n = 0; n < s.batch; ++n)
    for (uint32_t oc = 0; oc < s.outChannels; ++oc)
      for (uint32_t oh = 0; oh < s.outH; ++oh)
        for (uint32_t ow = 0; ow < s.outW; ++ow, ++o) {
          uint64_t sum = 0;
          for (uint32_t ic = 0; ic < perGroup; ++ic)
            for (uint32_t kh = 0; kh < s.kernelH; ++kh)
              for (uint32_t kw = 0; kw < s.kernelW; ++kw) {
                int64_t ih = int64_t(oh) * s.strideH + int64_t(kh) * s.dilationH - s.padTop;
                int64_t iw = int64_t(ow) * s.strideW + int64_t(kw) * s.dilationW - s.padLeft;
                if (ih < 0 || ih >= s.inH || iw < 0 || iw >= s.inW)
                  continue;
                uint64_t channel = oc / (s.outChannels / s.groups) * perGroup + ic;
                sum += uint64_t(in[((n * s.inChannels + channel) * s.inH + ih) * s.inW + iw]) *
                       w[((uint64_t(oc) * perGroup + ic) * s.kernelH + kh) * s.kernelW + kw];
              }
          out[o] = static_cast<Word>(sum);
        }
  return out;
}

/// Geometry by the usual parameters; output sizes follow with the same padding on both sides.
struct Geometry {
  uint32_t batch = 1, inChannels = 1, in = 1, outChannels = 1, kernel = 1, stride = 1, pad = 0,
           dilation = 1, groups = 1;
  uint32_t inW = 0; // as `in` if 0
  ConvShape shape() const {
    uint32_t width = inW ? inW : in, extent = dilation * (kernel - 1) + 1;
    return {batch,
            inChannels,
            in,
            width,
            outChannels,
            (in + 2 * pad - extent) / stride + 1,
            (width + 2 * pad - extent) / stride + 1,
            kernel,
            kernel,
            stride,
            stride,
            dilation,
            dilation,
            pad,
            pad,
            groups};
  }
};

const Geometry geometries[] = {
    {.inChannels = 1, .in = 1},
    {.inChannels = 3, .in = 5, .outChannels = 4, .kernel = 3, .pad = 1},
    {.inChannels = 3, .in = 17, .outChannels = 9, .kernel = 3, .pad = 1},
    {.inChannels = 3, .in = 31, .outChannels = 16, .kernel = 7, .stride = 2, .pad = 3},
    {.inChannels = 64, .in = 9, .outChannels = 33, .kernel = 1},
    {.inChannels = 20, .in = 8, .outChannels = 12, .kernel = 1, .stride = 2},
    {.batch = 3, .inChannels = 5, .in = 7, .outChannels = 13, .kernel = 5, .pad = 2},
    {.inChannels = 8, .in = 13, .outChannels = 6, .kernel = 3, .pad = 2, .dilation = 2},
    {.inChannels = 6, .in = 10, .outChannels = 9, .kernel = 3, .pad = 1, .groups = 3},
    {.inChannels = 19, .in = 12, .outChannels = 19, .kernel = 3, .pad = 1, .groups = 19},
    {.batch = 2,
     .inChannels = 7,
     .in = 15,
     .outChannels = 14,
     .kernel = 5,
     .stride = 2,
     .pad = 2,
     .groups = 7},
    {.inChannels = 4,
     .in = 11,
     .outChannels = 4,
     .kernel = 3,
     .stride = 3,
     .dilation = 2,
     .groups = 4},
    {.inChannels = 300, .in = 1, .outChannels = 10},             // fully connected
    {.batch = 5, .inChannels = 131, .in = 1, .outChannels = 33}, // fully connected, several images
    {.inChannels = 130, .in = 4, .outChannels = 40, .kernel = 3, .pad = 1},
    {.inChannels = 37, .in = 2, .outChannels = 65, .kernel = 3, .pad = 1},
    {.inChannels = 2, .in = 3, .outChannels = 3, .kernel = 3, .pad = 1, .inW = 100},
    {.inChannels = 2, .in = 40, .outChannels = 3, .kernel = 1, .pad = 2}, // border of zeros only
    // Odd numbers of taps in pairs, several strips of pixels, panels of taps, groups.
    {.inChannels = 37, .in = 19, .outChannels = 18, .kernel = 1},
    {.inChannels = 131, .in = 9, .outChannels = 21, .kernel = 1},
    {.batch = 2,
     .inChannels = 46,
     .in = 13,
     .outChannels = 34,
     .kernel = 3,
     .stride = 2,
     .groups = 2},
    // Whole and partial blocks of channels, pixels and taps, for matrix units.
    {.inChannels = 64, .in = 8, .outChannels = 16, .kernel = 3, .pad = 1},
    {.batch = 2, .inChannels = 128, .in = 5, .outChannels = 24, .kernel = 3, .pad = 1},
    {.inChannels = 64, .in = 15, .outChannels = 8, .kernel = 3, .stride = 2, .pad = 1},
    {.batch = 9, .inChannels = 192, .in = 1, .outChannels = 20},
    {.inChannels = 16, .in = 11, .outChannels = 16, .kernel = 3, .pad = 1},
    // Rows of tiles: several bands, strides, dilation with taps of more than one step.
    {.inChannels = 64, .in = 44, .outChannels = 12, .kernel = 3, .pad = 1, .inW = 20},
    {.batch = 2,
     .inChannels = 5,
     .in = 23,
     .outChannels = 20,
     .kernel = 5,
     .stride = 3,
     .pad = 2,
     .inW = 60},
    {.inChannels = 33,
     .in = 14,
     .outChannels = 18,
     .kernel = 3,
     .pad = 2,
     .dilation = 2,
     .inW = 21},
    // Tiles of 2x2 or 3x3 outputs, as the ring allows: whole and broken rows, all kinds of borders,
    // partial blocks of channels, one vector of tiles at a time.
    {.inChannels = 40, .in = 12, .outChannels = 23, .kernel = 3, .inW = 74},
    {.batch = 2, .inChannels = 24, .in = 16, .outChannels = 31, .kernel = 3, .pad = 2, .inW = 15},
    {.inChannels = 260, .in = 11, .outChannels = 24, .kernel = 3, .pad = 1, .inW = 14},
    {.inChannels = 9, .in = 6, .outChannels = 11, .kernel = 3, .inW = 73},
    {.batch = 2, .inChannels = 8, .in = 9, .outChannels = 17, .kernel = 3, .pad = 2},
    {.inChannels = 260, .in = 8, .outChannels = 9, .kernel = 3, .pad = 1, .inW = 9},
};

struct alignas(64) PackedLine {
  uint8_t bytes[64];
};

/// `ringBits`: how many low bits of the result are compared.
template <class Word>
void compareWithReference(const Kernels &kernels, uint32_t ringBits = 8 * sizeof(Word)) {
  auto reduce = [&](std::vector<Word> words) {
    for (Word &word : words)
      word &= Ring{ringBits}.mask<Word>();
    return words;
  };

  uint64_t stream = 0;
  for (const Geometry &geometry : geometries)
    for (Pattern pattern : {Pattern::Random, Pattern::Ones, Pattern::TopBit}) {
      ConvShape shape = geometry.shape();
      shape.ringBits = ringBits;
      auto input = makeWords<Word>(shape.inputElements(), pattern, ++stream);
      auto weight = makeWords<Word>(
          shape.weightElements(), pattern == Pattern::TopBit ? Pattern::Random : pattern, ++stream);
      const auto addends = makeWords<Word>(shape.outputElements(), Pattern::Random, ++stream);
      const Word *addend = pattern == Pattern::Ones ? nullptr : addends.data();
      auto expected = referenceConv(shape, input, weight);
      for (size_t i = 0; addend && i < expected.size(); ++i)
        expected[i] += addend[i];
      expected = reduce(expected);
      // Results overwrite whatever was there.
      auto output = makeWords<Word>(shape.outputElements() + 1, Pattern::Random, ++stream);
      Word guard = output.back();
      kernels.ring<Word>().conv(shape, input.data(), weight.data(), addend, output.data());
      ASSERT_EQ(output.back(), guard) << "wrote past the end";
      output.pop_back();
      ASSERT_EQ(reduce(output), expected) << "geometry " << &geometry - geometries;

      const auto &ring = kernels.ring<Word>();
      const size_t packedBytes = ring.packedWeightBytes ? ring.packedWeightBytes(shape) : 0;
      if (packedBytes == 0)
        continue;
      std::vector<PackedLine> packed((packedBytes + sizeof(PackedLine) - 1) / sizeof(PackedLine));
      ring.packWeights(shape, weight.data(), packed.data());
      output = makeWords<Word>(shape.outputElements() + 1, Pattern::Random, ++stream);
      guard = output.back();
      ring.convPacked(shape, input.data(), packed.data(), addend, output.data());
      if (ring.releaseWeights)
        ring.releaseWeights(packed.data());
      ASSERT_EQ(output.back(), guard) << "packed: wrote past the end";
      output.pop_back();
      ASSERT_EQ(reduce(output), expected) << "packed: geometry " << &geometry - geometries;
    }
}

TEST_P(ConvTest, EqualsTheDefinition32) { compareWithReference<uint32_t>(*GetParam()); }
TEST_P(ConvTest, EqualsTheDefinitionInSmallRings) {
  compareWithReference<uint32_t>(*GetParam(), 17);
  compareWithReference<uint32_t>(*GetParam(), 24);
  compareWithReference<uint32_t>(*GetParam(), 30); // all that Winograd's filters leave of 32
  compareWithReference<uint32_t>(*GetParam(), 31);
  for (uint32_t ringBits : {33, 40, 41, 48, 50, 51, 52, 53, 56, 62, 63})
    compareWithReference<uint64_t>(*GetParam(), ringBits);
}

// Tiles of 2x2 outputs take 16 products, of 4x4 outputs 36, and both two bits of the word; tiles of
// 3x3 outputs 36 and none.
TEST(FastConvTest, TilesAreAsLargeAsTheRingAsksFor) {
  size_t tested = 0;
  for (const Kernels *kernels : availableKernels()) {
    if (std::string_view(kernels->name) != "avx512" && std::string_view(kernels->name) != "avx2")
      continue;
    ++tested;
    ConvShape shape =
        Geometry{.inChannels = 48, .in = 32, .outChannels = 24, .kernel = 3, .pad = 1}.shape();
    auto points = [&]<class Word>(const RingKernels<Word> &ring, uint32_t ringBits) {
      shape.ringBits = ringBits;
      // What pairs of channels add is stored beside them, as if it were one channel more.
      return ring.packedWeightBytes(shape) /
             (size_t(shape.inChannels) * shape.outChannels * sizeof(Word));
    };
    EXPECT_EQ(points(kernels->words32, 30), 36u);
    EXPECT_EQ(points(kernels->words32, 31), 36u);
    EXPECT_EQ(points(kernels->words32, 32), 36u);
    EXPECT_EQ(points(kernels->words64, 62), 36u);
    // Few tiles of 4x4 outputs: most lanes would be empty.
    shape = Geometry{.inChannels = 48, .in = 10, .outChannels = 24, .kernel = 3, .pad = 1}.shape();
    EXPECT_EQ(points(kernels->words32, 30), 16u);
    EXPECT_EQ(points(kernels->words64, 64), 36u);
    shape.strideW = 2;
    EXPECT_EQ(points(kernels->words32, 30), 0u);
    // Transforming must pay: not with few channels, nor for tiles that are mostly border.
    shape = Geometry{.inChannels = 2, .in = 30, .outChannels = 24, .kernel = 3, .pad = 1}.shape();
    EXPECT_EQ(points(kernels->words32, 30), 0u);
    shape =
        Geometry{.batch = 4, .inChannels = 24, .in = 4, .outChannels = 24, .kernel = 3, .pad = 1}
            .shape();
    EXPECT_EQ(points(kernels->words32, 32), 0u);
  }
  if (tested == 0)
    GTEST_SKIP() << "no AVX2";
}

TEST_P(ConvTest, EqualsTheDefinition64) { compareWithReference<uint64_t>(*GetParam()); }

// In parts by output channels: each part writes its own planes only (but GPUs all of them),
// together they are the whole.
template <class Word> void compareParts(const Kernels &kernels, uint32_t ringBits) {
  const auto &ring = kernels.ring<Word>();
  const Word mask = Ring{ringBits}.mask<Word>();
  const bool computesAll = std::string_view(kernels.name).starts_with("cuda");
  uint64_t stream = 0;
  for (const Geometry &geometry : geometries) {
    ConvShape shape = geometry.shape();
    shape.ringBits = ringBits;
    const auto input = makeWords<Word>(shape.inputElements(), Pattern::Random, ++stream),
               weight = makeWords<Word>(shape.weightElements(), Pattern::Random, ++stream),
               before = makeWords<Word>(shape.outputElements(), Pattern::Random, ++stream);
    const auto expected = referenceConv(shape, input, weight);
    const size_t packedBytes = ring.packedWeightBytes ? ring.packedWeightBytes(shape) : 0;
    std::vector<PackedLine> packed((packedBytes + sizeof(PackedLine) - 1) / sizeof(PackedLine));
    if (packedBytes > 0)
      ring.packWeights(shape, weight.data(), packed.data());
    const size_t plane = size_t(shape.outH) * shape.outW;
    for (bool usesPacked : {false, true}) {
      if (usesPacked && packedBytes == 0)
        continue;
      for (auto [first, end] : {std::pair(0u, 5u), std::pair(5u, 6u), std::pair(6u, 17u),
                                std::pair(17u, 4000u), std::pair(3u, 3u)}) {
        ConvShape part = shape;
        part.firstChannel = first;
        part.endChannel = end;
        auto output = before;
        if (usesPacked)
          ring.convPacked(part, input.data(), packed.data(), nullptr, output.data());
        else
          ring.conv(part, input.data(), weight.data(), nullptr, output.data());
        for (size_t i = 0; i < output.size(); ++i) {
          const size_t channel = i / plane % shape.outChannels;
          const bool wanted = computesAll || (channel >= first && channel < end);
          ASSERT_EQ(wanted ? output[i] & mask : output[i], wanted ? expected[i] & mask : before[i])
              << "geometry " << &geometry - geometries << ", channels " << first << " to " << end
              << ", channel " << channel;
        }
        if (computesAll)
          break;
      }
    }
    if (packedBytes > 0 && ring.releaseWeights)
      ring.releaseWeights(packed.data());
  }
}

TEST_P(ConvTest, EqualsTheDefinitionInParts) {
  compareParts<uint32_t>(*GetParam(), 30);
  compareParts<uint32_t>(*GetParam(), 32);
  compareParts<uint64_t>(*GetParam(), 48);
  compareParts<uint64_t>(*GetParam(), 64);
}

// Kernel, stride, dilation and padding that differ between the two directions.
TEST_P(ConvTest, KeepsTheTwoDirectionsApart) {
  ConvShape s = {.batch = 2,
                 .inChannels = 4,
                 .inH = 14,
                 .inW = 9,
                 .outChannels = 5,
                 .outH = 6,
                 .outW = 8,
                 .kernelH = 2,
                 .kernelW = 3,
                 .strideH = 2,
                 .strideW = 1,
                 .dilationH = 3,
                 .dilationW = 1,
                 .padTop = 1,
                 .padLeft = 0,
                 .groups = 1};
  auto input = makeWords<uint64_t>(s.inputElements(), Pattern::Random, 1);
  auto weight = makeWords<uint64_t>(s.weightElements(), Pattern::Random, 2);
  std::vector<uint64_t> output(s.outputElements());
  kernels<uint64_t>().conv(s, input.data(), weight.data(), nullptr, output.data());
  EXPECT_EQ(output, referenceConv(s, input, weight));
}

INSTANTIATE_TEST_SUITE_P(All, ConvTest, everyVariant(), variantName);

// The matrix unit's algorithm, with a unit in C++: where there is no AMX, it is tested still.
INSTANTIATE_TEST_SUITE_P(EmulatedTiles, ConvTest, testing::ValuesIn(emulatedTileVariants()),
                         variantName);
// Likewise the GPU's.
INSTANTIATE_TEST_SUITE_P(EmulatedCuda, ConvTest, testing::ValuesIn(emulatedCudaVariants()),
                         variantName);

// So many taps that 32-bit accumulators would overflow if they were not folded in between.
TEST(PackedConv, FoldsBeforeAccumulatorsOverflow) {
  std::vector<const Kernels *> variants = emulatedTileVariants();
  variants.push_back(emulatedCudaVariants().front());
  size_t tested = 0;
  for (const Kernels *kernels : variants) {
    Geometry geometry{.batch = 8, .inChannels = 16576, .in = 1, .outChannels = 17};
    ConvShape shape = geometry.shape();
    std::vector<uint64_t> input(shape.inputElements(), ~uint64_t(0)),
        weight(shape.weightElements(), ~uint64_t(0)), output(shape.outputElements());
    const auto &ring = kernels->ring<uint64_t>();
    if (ring.packedWeightBytes(shape) == 0) // always with a filter of 3x3
      continue;
    ++tested;
    std::vector<PackedLine> packed(ring.packedWeightBytes(shape) / sizeof(PackedLine) + 1);
    ring.packWeights(shape, weight.data(), packed.data());
    ring.convPacked(shape, input.data(), packed.data(), nullptr, output.data());
    if (ring.releaseWeights)
      ring.releaseWeights(packed.data());
    EXPECT_EQ(output, std::vector<uint64_t>(output.size(), 16576)); // (-1)(-1), so many times
  }
  // Tiles as they choose, plain ones and rows; a GPU.
  EXPECT_EQ(tested, variants.size() < 3 ? 1u : 4u);
}

} // namespace
} // namespace gfs
