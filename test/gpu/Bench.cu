// SPDX-License-Identifier: Apache-2.0
// How fast ring convolutions run on this GPU, beside what its matrix units give: kernels alone, on
// resident operands. Usage: gfs-gpu-bench [batch …], or --peak for the matrix units' TOPS alone.
#include "runtime/kernels/cuda/Device.cuh"
#include "runtime/kernels/cuda/RingConv.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

using namespace gfs;
using namespace gfs::cuda;

namespace {

/// Device memory of this program.
class Memory {
public:
  explicit Memory(uint64_t bytes) : bytes(bytes), block(Device::allocate(0, bytes)) {}
  ~Memory() { Device::release(0, block, bytes); }
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;
  uint8_t *data() const { return static_cast<uint8_t *>(block); }
  uint64_t size() const { return bytes; }
  template <class T> Array<T> array() const { return Array<T>::at(reinterpret_cast<T *>(block)); }

private:
  uint64_t bytes;
  void *block;
};

/// A group of one, whose arrays are absolute.
struct Single {
  Memory bases{sizeof(Bases)};
  Single() { require(cudaMemset(bases.data(), 0, sizeof(Bases)), "bases"); }
  Group group() const { return {reinterpret_cast<const Bases *>(bases.data()), 1}; }
};

/// Operands without structure: time may depend on how many bits flip.
struct ScrambleTask {
  uint32_t *words, salt;
  uint64_t elements;
  uint64_t count() const { return elements; }
  __device__ void operator()(uint64_t i, Member) const {
    uint32_t x = static_cast<uint32_t>(i) * 0x9e3779b9u + salt;
    x = (x ^ x >> 15) * 0x85ebca6bu;
    words[i] = (x ^ x >> 13) * 0xc2b2ae35u;
  }
};

/// Only matrix instructions, on registers.
struct PeakKernel {
  static constexpr unsigned threads = 256, sharedBytes = 0, chains = 8, rounds = 4096;
  uint32_t *out;
  uint32_t blocks;
  unsigned gridX() const { return blocks; }
  unsigned gridY() const { return 1; }
  unsigned gridZ() const { return 1; }
  template <class Block> __device__ void operator()(Block &block, uint8_t *) const {
    uint32_t sum[chains][4] = {}, a[4], b[2];
    for (unsigned i = 0; i < 4; ++i)
      a[i] = threadIdx.x * 0x01234567u + i;
    b[0] = threadIdx.x * 0x89abcdefu;
    b[1] = ~b[0];
    for (unsigned round = 0; round < rounds; ++round)
      GFS_UNROLL
    for (unsigned chain = 0; chain < chains; ++chain)
      block.multiplyAdd([&](unsigned) { return MmaFragments{sum[chain], a, b}; });
    uint32_t all = 0;
    for (unsigned chain = 0; chain < chains; ++chain)
      for (unsigned i = 0; i < 4; ++i)
        all ^= sum[chain][i];
    out[blockIdx.x * threads + threadIdx.x] = all;
  }
  double multiplications() const {
    return double(blocks) * (threads / 32) * rounds * chains * 16 * 8 * 32;
  }
};

/// Median milliseconds of `runs` runs, after two that do not count.
template <class Body> double medianMs(Device::Queue &device, Body body, int runs = 11) {
  cudaEvent_t start, stop;
  require(cudaEventCreate(&start), "event");
  require(cudaEventCreate(&stop), "event");
  std::vector<float> times;
  for (int run = -2; run < runs; ++run) {
    require(cudaEventRecord(start, device.stream()), "event");
    body();
    require(cudaEventRecord(stop, device.stream()), "event");
    require(cudaEventSynchronize(stop), "kernel");
    float ms = 0;
    require(cudaEventElapsedTime(&ms, start, stop), "event");
    if (run >= 0)
      times.push_back(ms);
  }
  cudaEventDestroy(start);
  cudaEventDestroy(stop);
  std::nth_element(times.begin(), times.begin() + runs / 2, times.end());
  return times[runs / 2];
}

struct Layer {
  uint32_t channels, size, outChannels, kernel;
};

template <class Word, uint32_t limbs>
void measure(Device::Queue &device, const Layer &layer, uint32_t batch, double peak) {
  const uint32_t pad = layer.kernel / 2;
  const ConvShape shape = {batch,
                           layer.channels,
                           layer.size,
                           layer.size,
                           layer.outChannels,
                           layer.size,
                           layer.size,
                           layer.kernel,
                           layer.kernel,
                           1,
                           1,
                           1,
                           1,
                           pad,
                           pad,
                           1,
                           8 * limbs};
  const ConvLayout layout(shape, sizeof(Word));
  const Memory input(shape.inputElements() * sizeof(Word)),
      planes(layout.limbs * layout.planeBytes), weights(layout.weightBytes),
      output(shape.outputElements() * sizeof(Word));
  const Single single;
  const auto scramble = [&](const Memory &memory, uint32_t salt) {
    device.forEach(
        ScrambleTask{reinterpret_cast<uint32_t *>(memory.data()), salt, memory.size() / 4},
        single.group());
  };
  scramble(input, 1);
  scramble(weights, 2);
  const double split = medianMs(device, [&] {
    device.forEach(
        SplitTask<Word>{shape, layout, 1, input.array<const Word>(), planes.array<uint8_t>()},
        single.group());
  });
  const ConvTask<Word> task = {shape,
                               layout,
                               shape.batch,
                               single.group().bases,
                               planes.array<const uint8_t>(),
                               weights.data(),
                               {},
                               output.array<Word>()};
  const double product =
      medianMs(device, [&] { device.run(RingConvKernel<Word, limbs, 16>{task}); });
  const double bytes = double(shape.multiplications()) * limbs * (limbs + 1) / 2;
  const double rate = bytes / (product * 1e-3);
  std::printf("%4u x %3u^2 -> %4u, %ux%u  batch %3u  l = %2u  split %8.3f ms  product %8.3f ms  "
              "%7.1f TMAC/s of bytes  %5.1f %% of the measured peak\n",
              layer.channels, layer.size, layer.outChannels, layer.kernel, layer.kernel, batch,
              8 * limbs, split, product, rate * 1e-12, 100 * rate / peak);
}

} // namespace

int main(int argc, char **argv) {
  try {
    Device::Queue device(0);
    const DeviceDescription about = Device::describe(0);
    cudaDeviceProp properties;
    require(cudaGetDeviceProperties(&properties, 0), "device properties");
    const PeakKernel kernel = {nullptr, static_cast<uint32_t>(properties.multiProcessorCount) * 8};
    const Memory out(uint64_t(kernel.blocks) * PeakKernel::threads * 4);
    PeakKernel peakKernel = kernel;
    peakKernel.out = reinterpret_cast<uint32_t *>(out.data());
    const double peakMs = medianMs(device, [&] { device.run(peakKernel); });
    const double peak = peakKernel.multiplications() / (peakMs * 1e-3);
    if (argc == 2 && std::strcmp(argv[1], "--peak") == 0) {
      std::printf("%.1f\n", 2 * peak * 1e-12);
      return 0;
    }
    std::printf("%s: mma.sync m16n8k32 on registers gives %.1f TMAC/s of bytes (%.1f TOPS)\n",
                about.name, peak * 1e-12, 2 * peak * 1e-12);
    std::vector<uint32_t> batches;
    for (int i = 1; i < argc; ++i)
      batches.push_back(static_cast<uint32_t>(std::atoi(argv[i])));
    if (batches.empty())
      batches = {1, 8, 64};
    for (uint32_t batch : batches)
      for (const Layer &layer :
           {Layer{64, 56, 64, 3}, Layer{128, 28, 128, 3}, Layer{256, 14, 256, 3},
            Layer{512, 7, 512, 3}, Layer{256, 56, 64, 1}, Layer{512, 32, 512, 3}}) {
        measure<uint32_t, 4>(device, layer, batch, peak);
        measure<uint64_t, 5>(device, layer, batch, peak);
      }
  } catch (const DeviceError &error) {
    std::fprintf(stderr, "gfs-gpu-bench: error: %s\n", error.message.c_str());
    return 20;
  }
}
