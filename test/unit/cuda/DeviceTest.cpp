// SPDX-License-Identifier: Apache-2.0
// Choosing a device, and what goes wrong. Cases build on each other's state in one process: the
// library is loaded once.
#include "runtime/base/Error.h"
#include "test/unit/cuda/EmulatedDevice.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>

namespace gfs {
namespace {

/// The error of openDevice(choice).
Error failure(const char *choice) {
  try {
    openDevice(choice);
  } catch (const Error &error) {
    return error;
  }
  return Error(ExitCode::Ok, "no error");
}

void useLibrary(const std::filesystem::path &path) { setenv("GFS_CUDA_LIBRARY", path.c_str(), 1); }

TEST(DeviceTest, TheCpuNeedsNoLibrary) {
  useLibrary("/nowhere/libgfs-cuda.so");
  ComputeDevice device = openDevice("cpu");
  EXPECT_EQ(device.kernels, &bestKernels());
  EXPECT_FALSE(device.isGpu);
}

TEST(DeviceTest, RefusesUnknownChoices) {
  for (const char *choice :
       {"", "gpu", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "cuda:99999999999"})
    EXPECT_EQ(failure(choice).code(), ExitCode::Usage) << choice;
}

TEST(DeviceTest, SaysWhyTheLibraryCannotBeUsed) {
  useLibrary("/nowhere/libgfs-cuda.so");
  Error missing = failure("cuda");
  EXPECT_EQ(missing.code(), ExitCode::Device);
  EXPECT_THAT(missing.what(), testing::HasSubstr("/nowhere/libgfs-cuda.so: no such file"));
  EXPECT_THAT(missing.hint(), testing::HasSubstr("--device cpu"));

  const std::filesystem::path text = testing::TempDir() + "/not-a-library.so";
  std::ofstream(text) << "text";
  useLibrary(text);
  EXPECT_EQ(failure("cuda").code(), ExitCode::Device);

  useLibrary(GFS_UNRELATED_LIBRARY);
  EXPECT_THAT(failure("cuda").what(), testing::HasSubstr("is not the CUDA library"));
  useLibrary(GFS_OTHER_VERSION_LIBRARY);
  EXPECT_THAT(failure("cuda").what(), testing::HasSubstr("another version"));
}

TEST(DeviceTest, AutoFallsBackToTheCpuAndSaysSo) {
  useLibrary("/nowhere/libgfs-cuda.so");
  ComputeDevice device = openDevice("auto");
  EXPECT_FALSE(device.isGpu);
  EXPECT_EQ(device.kernels, &bestKernels());
  EXPECT_THAT(device.text, testing::HasSubstr("no GPU: "));
}

TEST(DeviceTest, OpensTheGpuThatIsThere) {
  useLibrary(GFS_EMULATED_CUDA_LIBRARY);
  for (const char *choice : {"cuda", "cuda:0", "auto"}) {
    ComputeDevice device = openDevice(choice);
    EXPECT_TRUE(device.isGpu) << choice;
    EXPECT_STREQ(device.kernels->name, "cuda");
    EXPECT_GT(device.freeMemory, 0u);
    EXPECT_THAT(device.text, testing::HasSubstr("cuda:0 (emulated"));
  }
  EXPECT_EQ(failure("cuda:7").code(), ExitCode::Device);
}

// Sizes that can be counted by hand: 64 rows, 9 taps of 16 channels in chunks of 32, 4 limbs.
TEST(DeviceTest, PlansItsMemory) {
  ConvShape s = {.batch = 1,
                 .inChannels = 16,
                 .inH = 8,
                 .inW = 8,
                 .outChannels = 64,
                 .outH = 8,
                 .outW = 8,
                 .kernelH = 3,
                 .kernelW = 3,
                 .strideH = 1,
                 .strideW = 1,
                 .dilationH = 1,
                 .dilationW = 1,
                 .padTop = 1,
                 .padLeft = 1,
                 .groups = 1,
                 .ringBits = 32};
  EXPECT_EQ(deviceBytes(s, 4).weights, 64u * 160 * 4); // 144 taps fill five chunks
  EXPECT_EQ(deviceBytes(s, 4).input, 4u * 16 * 64);
  EXPECT_EQ(deviceBytes(s, 4).limbs, 4u * 16 * 64);
  EXPECT_EQ(deviceBytes(s, 4).output, 4u * 64 * 64);
  s.groups = 16; // four rows per group: no matrix product
  EXPECT_EQ(deviceBytes(s, 4).weights, 4u * 64 * 9);
}

TEST(DeviceTest, SaysThatMemoryRanOut) {
  useLibrary(GFS_EMULATED_CUDA_LIBRARY);
  openDevice("cuda");
  try {
    gpu::Memory tooMuch(uint64_t(2) << 30);
    FAIL() << "the emulated device has 1 GiB";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::Device);
    EXPECT_STREQ(error.what(), "device memory: out of memory");
    EXPECT_THAT(error.hint(), testing::HasSubstr("--device cpu"));
  }
}

// Recorded launches run at every replay, and not when they are recorded.
TEST(DeviceTest, ReplaysWhatWasRecorded) {
  useLibrary(GFS_EMULATED_CUDA_LIBRARY);
  openDevice("cuda");
  gpu::Memory table(sizeof(gpu::Bases)), words(256);
  gpu::Pinned seen(256);
  gpu::Queue queue;
  const gpu::Bases none = {};
  const std::vector<uint32_t> ones(64, 1);
  queue.upload(table, std::span<const gpu::Bases>(&none, 1));
  queue.upload(words, std::span<const uint32_t>(ones));
  queue.launchesWait();
  const gpu::Recording doubling = queue.record([&] {
    const auto array = words.array<uint32_t>();
    queue.launch(cuda::CombineTask<uint32_t>{32, array, {}, 2, 0, ones.size(), array},
                 {reinterpret_cast<const gpu::Bases *>(table.data()), 1});
  });
  auto first = [&] {
    queue.get(seen.span(), words.data());
    queue.finish();
    uint32_t word;
    std::memcpy(&word, seen.span().data(), sizeof word);
    return word;
  };
  EXPECT_EQ(first(), 1u);
  queue.replay(doubling);
  queue.replay(doubling);
  EXPECT_EQ(first(), 4u);
}

// A mark is taken when what was launched before it is done, however late that is.
TEST(DeviceTest, MeasuresBetweenMarks) {
  useLibrary(GFS_EMULATED_CUDA_LIBRARY);
  openDevice("cuda");
  gpu::Memory block(4096);
  gpu::Queue queue;
  for (int round = 0; round < 2; ++round) {
    queue.mark(0);
    queue.wipe(block);
    queue.mark(1);
    queue.mark(2);
    queue.finish();
    EXPECT_GT(queue.secondsBetween(0, 1), 0);
    EXPECT_GE(queue.secondsBetween(0, 2), queue.secondsBetween(0, 1));
    EXPECT_LT(queue.secondsBetween(0, 2), 60);
  }
}

// A handle of one layer given to another is a bug, never wrong numbers.
TEST(DeviceTest, WeightsOfAnotherShapeAreRefused) {
  useLibrary(GFS_EMULATED_CUDA_LIBRARY);
  const RingKernels<uint32_t> &ring = openDevice("cuda").kernels->words32;
  ConvShape s = {.batch = 1,
                 .inChannels = 16,
                 .inH = 1,
                 .inW = 1,
                 .outChannels = 64,
                 .outH = 1,
                 .outW = 1,
                 .kernelH = 1,
                 .kernelW = 1,
                 .strideH = 1,
                 .strideW = 1,
                 .dilationH = 1,
                 .dilationW = 1,
                 .padTop = 0,
                 .padLeft = 0,
                 .groups = 1,
                 .ringBits = 32};
  std::vector<uint32_t> weight(s.weightElements()), input(1024), output(1024);
  std::vector<std::byte> packed(ring.packedWeightBytes(s));
  ring.packWeights(s, weight.data(), packed.data());
  s.inChannels = 80;
  try {
    ring.convPacked(s, input.data(), packed.data(), nullptr, output.data());
    FAIL();
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::Internal);
  }
  ring.releaseWeights(packed.data());
}

} // namespace
} // namespace gfs
