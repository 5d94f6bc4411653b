// SPDX-License-Identifier: Apache-2.0
// Loads libgfs-cuda.so and puts it behind the kernel interface: convolutions run on the GPU, all
// else on the CPU.
#include "runtime/kernels/CudaDevice.h"

#include "runtime/base/Error.h"
#include "runtime/kernels/cuda/ConvLayout.h"
#include "runtime/kernels/cuda/CudaLibrary.h"

#include <charconv>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <mutex>

namespace gfs {
namespace {

using cuda::Library;
using cuda::Status;

const char *const useTheCpu = "--device cpu runs without a GPU";

/// Loaded once, never unloaded: kernels point into it.
const Library *loaded = nullptr;

void require(Status status, const char *what) {
  if (status == Status::Ok)
    return;
  check(status == Status::DeviceFailed, "weights were packed for a convolution of another shape");
  throw Error(ExitCode::Device, fmt::format("{}: {}", what, loaded->lastError()), useTheCpu);
}

std::filesystem::path libraryPath() {
  if (const char *path = std::getenv("GFS_CUDA_LIBRARY"); path && *path)
    return path;
  std::error_code failure;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failure);
  return program.parent_path().parent_path() / "lib" / "libgfs-cuda.so";
}

const Library &loadLibrary() {
  if (loaded)
    return *loaded;
  const std::filesystem::path path = std::filesystem::absolute(libraryPath());
  auto unusable = [&](const std::string &cause) {
    return Error(ExitCode::Device, fmt::format("{}: {}", path.string(), cause),
                 fmt::format("build it on a machine with nvcc; {}", useTheCpu));
  };
  if (!std::filesystem::exists(path))
    throw unusable("no such file");
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *cause = dlerror();
    throw unusable(cause ? cause : "cannot be loaded");
  }
  auto *entry = reinterpret_cast<const Library *(*)()>(dlsym(handle, "gfsCudaLibrary"));
  if (!entry)
    throw unusable("is not the CUDA library of GFS");
  if (entry()->version != Library::currentVersion)
    throw unusable("belongs to another version of GFS");
  return *(loaded = entry());
}

template <class Word> const cuda::RingFunctions<Word> &functions() {
  if constexpr (sizeof(Word) == 4)
    return loaded->words32;
  else
    return loaded->words64;
}

/// Packed weights are a handle: the bytes are on the device.
struct Handle {
  void *weights;
};

template <class Word> struct OnDevice {
  static size_t packedWeightBytes(const ConvShape &) { return sizeof(Handle); }
  static void packWeights(const ConvShape &shape, const Word *weight, void *packed) {
    require(functions<Word>().makeWeights(shape, weight, &static_cast<Handle *>(packed)->weights),
            "bringing weights to the GPU");
  }
  static void convPacked(const ConvShape &shape, const Word *input, const void *packed,
                         Word *output) {
    require(functions<Word>().convolve(shape, input, static_cast<const Handle *>(packed)->weights,
                                       output),
            "convolution on the GPU");
  }
  static void releaseWeights(void *packed) {
    loaded->releaseWeights(static_cast<Handle *>(packed)->weights);
  }
  static void conv(const ConvShape &shape, const Word *input, const Word *weight, Word *output) {
    struct Temporary : Handle {
      ~Temporary() { releaseWeights(this); }
    } packed;
    packed.weights = nullptr;
    packWeights(shape, weight, &packed);
    convPacked(shape, input, &packed, output);
  }

  static RingKernels<Word> convolutions(RingKernels<Word> kernels) {
    kernels.conv = conv;
    kernels.packedWeightBytes = packedWeightBytes;
    kernels.packWeights = packWeights;
    kernels.convPacked = convPacked;
    kernels.releaseWeights = releaseWeights;
    return kernels;
  }

  static RingKernels<Word> everything(const RingKernels<Word> &others) {
    RingKernels<Word> kernels = convolutions(others);
    kernels.pack = call<&Functions::pack>;
    kernels.unpack = call<&Functions::unpack>;
    kernels.maskAndPack = call<&Functions::maskAndPack>;
    kernels.unpackAndOpen = call<&Functions::unpackAndOpen>;
    kernels.tableLookup = call<&Functions::tableLookup>;
    kernels.truncate = call<&Functions::truncate>;
    kernels.square = call<&Functions::square>;
    kernels.reluSelect = call<&Functions::reluSelect>;
    return kernels;
  }

private:
  using Functions = cuda::RingFunctions<Word>;
  template <auto function, class... Arguments> static void call(Arguments... arguments) {
    require((functions<Word>().*function)(arguments...), "kernel on the GPU");
  }
};

ComputeDevice cpu(std::string reason = {}) {
  const Kernels &kernels = bestKernels();
  return {&kernels, fmt::format("cpu ({}){}", kernels.name, reason)};
}

ComputeDevice openGpu(int number) {
  static std::mutex mutex;
  static int opened = -1;
  std::lock_guard guard(mutex);
  const Library &library = loadLibrary();
  int count = 0;
  require(library.countDevices(&count), "no usable GPU");
  if (number >= count)
    throw Error(ExitCode::Device, fmt::format("--device cuda:{}: there are {} GPUs", number, count),
                count > 0 ? fmt::format("cuda:0 to cuda:{}", count - 1) : useTheCpu);
  if (opened >= 0 && opened != number)
    throw Error(ExitCode::Usage, fmt::format("GPU {} is in use by this process", opened),
                "one GPU per process");
  cuda::DeviceDescription description;
  require(library.describe(number, &description), "looking at the GPU");
  if (description.major < 8)
    throw Error(ExitCode::Device,
                fmt::format("{} has compute capability {}.{}; 8.0 is the least", description.name,
                            description.major, description.minor),
                useTheCpu);
  library.select(number);
  opened = number;
  static const Kernels kernels = {"cuda", OnDevice<uint32_t>::convolutions(bestKernels().words32),
                                  OnDevice<uint64_t>::convolutions(bestKernels().words64),
                                  false};
  return {&kernels,
          fmt::format("cuda:{} ({}, {:.1f} of {:.1f} GB free)", number, description.name,
                      1e-9 * double(description.freeMemory),
                      1e-9 * double(description.totalMemory)),
          true, description.freeMemory};
}

} // namespace

ComputeDevice openDevice(std::string_view choice) {
  if (choice == "cpu")
    return cpu();
  if (choice == "auto") {
    try {
      return openGpu(0);
    } catch (const Error &error) {
      return cpu(fmt::format("; no GPU: {}", error.what()));
    }
  }
  int number = 0;
  bool valid = choice == "cuda";
  if (choice.starts_with("cuda:")) {
    const char *end = choice.data() + choice.size();
    auto [rest, failure] = std::from_chars(choice.data() + 5, end, number);
    valid = failure == std::errc() && rest == end && number >= 0;
  }
  if (!valid)
    throw Error(ExitCode::Usage, fmt::format("--device {}: unknown", choice),
                "cpu, cuda, cuda:N or auto");
  return openGpu(number);
}

const Kernels &everyKernelOnGpu() {
  check(loaded != nullptr, "no GPU was opened");
  static const Kernels kernels = {"cuda_everything",
                                  OnDevice<uint32_t>::everything(bestKernels().words32),
                                  OnDevice<uint64_t>::everything(bestKernels().words64),
                                  false};
  return kernels;
}

void counterModeOnGpu(const uint8_t roundKeys[176], uint64_t nonce, uint64_t firstBlock,
                      uint8_t *out, size_t count) {
  check(loaded != nullptr, "no GPU was opened");
  require(loaded->counterMode(roundKeys, nonce, firstBlock, out, count), "stream on the GPU");
}

DeviceBytes deviceBytes(const ConvShape &shape, unsigned wordBytes) {
  const cuda::ConvLayout layout(shape, wordBytes);
  const bool limbs = layout.usesMatrixUnits;
  return {limbs ? layout.weightBytes : shape.weightElements() * wordBytes,
          shape.inputElements() * wordBytes, limbs ? layout.limbs * layout.planeBytes : 0,
          shape.outputElements() * wordBytes};
}

} // namespace gfs
