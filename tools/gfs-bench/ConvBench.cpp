// SPDX-License-Identifier: Apache-2.0
// Ring convolutions of real networks, batch 1, on every kernel variant. "MAC" counts useful
// multiply-accumulates; everything a call does (borders, packing of the input) is inside the time.
// "packed": with weights packed once, as servers run a layer whose shape has such a form.
#include "tools/gfs-bench/Bench.h"

#include "runtime/kernels/Kernels.h"

#include <cstdlib>
#include <fmt/format.h>
#include <memory>

namespace gfs {
namespace {

struct Layer {
  const char *name;
  uint32_t channels, size, outChannels, kernel, stride, groups;

  ConvShape shape() const {
    const uint32_t pad = kernel / 2, out = (size + 2 * pad - kernel) / stride + 1;
    return {.batch = 1,
            .inChannels = channels,
            .inH = size,
            .inW = size,
            .outChannels = outChannels,
            .outH = out,
            .outW = out,
            .kernelH = kernel,
            .kernelW = kernel,
            .strideH = stride,
            .strideW = stride,
            .dilationH = 1,
            .dilationW = 1,
            .padTop = pad,
            .padLeft = pad,
            .groups = groups};
  }
};

// ResNet-20 on 32x32, ResNet-50 on 224x224, VGG-16 on 32x32, MobileNet's depthwise layers, a fully
// connected layer.
constexpr Layer layers[] = {
    {"resnet20-conv1", 3, 32, 16, 3, 1, 1},
    {"resnet20-c1", 16, 32, 16, 3, 1, 1},
    {"resnet20-c2", 32, 16, 32, 3, 1, 1},
    {"resnet20-c2-s2", 16, 32, 32, 3, 2, 1},
    {"resnet20-c3", 64, 8, 64, 3, 1, 1},
    {"resnet50-conv1", 3, 224, 64, 7, 2, 1},
    {"resnet50-c2-1x1", 64, 56, 64, 1, 1, 1},
    {"resnet50-c2-3x3", 64, 56, 64, 3, 1, 1},
    {"resnet50-c2-expand", 64, 56, 256, 1, 1, 1},
    {"resnet50-c3-1x1", 512, 28, 128, 1, 1, 1},
    {"resnet50-c3-3x3", 128, 28, 128, 3, 1, 1},
    {"resnet50-c4-1x1", 1024, 14, 256, 1, 1, 1},
    {"resnet50-c4-3x3", 256, 14, 256, 3, 1, 1},
    {"resnet50-c4-3x3-s2", 256, 28, 256, 3, 2, 1},
    {"resnet50-c5-1x1", 2048, 7, 512, 1, 1, 1},
    {"resnet50-c5-3x3", 512, 7, 512, 3, 1, 1},
    {"vgg16-conv1", 3, 32, 64, 3, 1, 1},
    {"vgg16-conv2", 64, 32, 64, 3, 1, 1},
    {"vgg16-conv4", 128, 16, 128, 3, 1, 1},
    {"vgg16-conv6", 256, 8, 256, 3, 1, 1},
    {"vgg16-conv8", 512, 4, 512, 3, 1, 1},
    {"vgg16-conv11", 512, 2, 512, 3, 1, 1},
    {"mobilenet-depthwise", 256, 28, 256, 3, 1, 256},
    {"fully-connected", 2048, 1, 1000, 1, 1, 1},
};

template <class Word>
void benchConv(benchmark::State &state, const Kernels &kernels, const Layer &layer,
               uint32_t ringBits) {
  ConvShape shape = layer.shape();
  shape.ringBits = ringBits;
  auto input = benchWords<Word>(shape.inputElements()),
       weight = benchWords<Word>(shape.weightElements());
  std::vector<Word> output(shape.outputElements());
  for (auto _ : state) {
    kernels.ring<Word>().conv(shape, input.data(), weight.data(), nullptr, output.data());
    benchmark::DoNotOptimize(output.data());
    benchmark::ClobberMemory();
  }
  countRate(state, "MAC", static_cast<double>(shape.multiplications()));
}

template <class Word>
void benchPackedConv(benchmark::State &state, const Kernels &kernels, const Layer &layer,
                     uint32_t ringBits) {
  const RingKernels<Word> &ring = kernels.ring<Word>();
  ConvShape shape = layer.shape();
  shape.ringBits = ringBits;
  auto input = benchWords<Word>(shape.inputElements()),
       weight = benchWords<Word>(shape.weightElements());
  std::vector<Word> output(shape.outputElements());
  std::unique_ptr<void, decltype(&std::free)> packed(
      std::aligned_alloc(64, (ring.packedWeightBytes(shape) + 63) / 64 * 64), &std::free);
  ring.packWeights(shape, weight.data(), packed.get());
  for (auto _ : state) {
    ring.convPacked(shape, input.data(), packed.get(), nullptr, output.data());
    benchmark::DoNotOptimize(output.data());
    benchmark::ClobberMemory();
  }
  if (ring.releaseWeights)
    ring.releaseWeights(packed.get());
  countRate(state, "MAC", static_cast<double>(shape.multiplications()));
}

template <class Word>
void registerConv(const Kernels &kernels, const Layer &layer, uint32_t ringBits) {
  auto name = [&](const char *form) {
    return fmt::format("{}/{}/{}/{}", form, layer.name, ringBits, kernels.name);
  };
  benchmark::RegisterBenchmark(name("conv").c_str(), benchConv<Word>, kernels, layer, ringBits);
  ConvShape shape = layer.shape();
  shape.ringBits = ringBits;
  const RingKernels<Word> &ring = kernels.ring<Word>();
  if (ring.packedWeightBytes && ring.packedWeightBytes(shape) > 0)
    benchmark::RegisterBenchmark(name("packed").c_str(), benchPackedConv<Word>, kernels, layer,
                                 ringBits);
}

} // namespace

void registerConvBenchmarks() {
  for (const Kernels *kernels : availableKernels())
    for (const Layer &layer : layers) {
      for (uint32_t bits : {16, 24, 30, 32})
        registerConv<uint32_t>(*kernels, layer, bits);
      for (uint32_t bits : {40, 48, 64})
        registerConv<uint64_t>(*kernels, layer, bits);
    }
}

} // namespace gfs
