// SPDX-License-Identifier: Apache-2.0
// Loads libgfs-cuda.so and opens a GPU.
#include "runtime/kernels/CudaDevice.h"

#include "runtime/base/Error.h"
#include "runtime/kernels/Gpu.h"
#include "runtime/kernels/GpuHostArrays.h"

#include <charconv>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <mutex>

namespace gfs {
namespace {

using cuda::Library;

const char *const useTheCpu = "--device cpu runs without a GPU";

/// Loaded once, never unloaded: kernels point into it.
const Library *loaded = nullptr;

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
  gpu::require(library.countDevices(&count), "no usable GPU");
  if (number >= count)
    throw Error(ExitCode::Device, fmt::format("--device cuda:{}: there are {} GPUs", number, count),
                count > 0 ? fmt::format("cuda:0 to cuda:{}", count - 1) : useTheCpu);
  if (opened >= 0 && opened != number)
    throw Error(ExitCode::Usage, fmt::format("GPU {} is in use by this process", opened),
                "one GPU per process");
  cuda::DeviceDescription description;
  gpu::require(library.describe(number, &description), "looking at the GPU");
  if (description.major < 8)
    throw Error(ExitCode::Device,
                fmt::format("{} has compute capability {}.{}; 8.0 is the least", description.name,
                            description.major, description.minor),
                useTheCpu);
  library.select(number);
  opened = number;
  return {&gpu::convolutionKernels(),
          fmt::format("cuda:{} ({}, {:.1f} of {:.1f} GB free)", number, description.name,
                      1e-9 * double(description.freeMemory),
                      1e-9 * double(description.totalMemory)),
          true, description.freeMemory};
}

} // namespace

const Library &gpu::library() {
  check(loaded != nullptr, "no GPU was opened");
  return *loaded;
}

void gpu::require(cuda::Status status, const char *what) {
  if (status != cuda::Status::Ok)
    throw Error(ExitCode::Device, fmt::format("{}: {}", what, loaded->lastError()), useTheCpu);
}

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

DeviceBytes deviceBytes(const ConvShape &shape, unsigned wordBytes) {
  const cuda::ConvLayout layout(shape, wordBytes);
  const bool limbs = layout.usesMatrixUnits;
  return {limbs ? layout.weightBytes : shape.weightElements() * wordBytes,
          shape.inputElements() * wordBytes, limbs ? layout.limbs * layout.planeBytes : 0,
          shape.outputElements() * wordBytes};
}

} // namespace gfs
