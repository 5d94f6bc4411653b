// SPDX-License-Identifier: Apache-2.0
// A GPU behind Session.h: memory, streams, launches, and copies through pinned memory.
#pragma once

#include "runtime/kernels/cuda/CudaLibrary.h"
#include "runtime/kernels/cuda/Simt.h"

#include <cstring>
#include <string>

namespace gfs::cuda {

/// Thrown inside the library only.
struct DeviceError {
  std::string message;
};

inline void require(cudaError_t result, const char *what) {
  if (result == cudaSuccess)
    return;
  cudaGetLastError(); // an error that is not sticky must not surface at the next call
  throw DeviceError{std::string(what) + ": " + cudaGetErrorString(result)};
}

template <class Task> __global__ void taskKernel(Task task, uint64_t count) {
  const uint64_t index = uint64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index < count)
    task(index);
}

template <class Kernel>
__global__ void __launch_bounds__(Kernel::threads) blockKernel(Kernel kernel) {
  extern __shared__ __align__(16) uint8_t shared[];
  DeviceBlock<Kernel::threads> block;
  kernel(block, shared);
}

/// One stream, used by one thread at a time. Copies to and from pageable memory go through two
/// pinned buffers: while the device copies one, this thread fills or empties the other.
class Device {
public:
  using Error = DeviceError;

  static int countDevices() {
    int count = 0;
    require(cudaGetDeviceCount(&count), "looking for devices");
    return count;
  }

  static DeviceDescription describe(int number) {
    cudaDeviceProp properties;
    require(cudaGetDeviceProperties(&properties, number), "device properties");
    DeviceDescription description{};
    std::strncpy(description.name, properties.name, sizeof description.name - 1);
    description.major = properties.major;
    description.minor = properties.minor;
    require(cudaSetDevice(number), "choosing the device");
    size_t free = 0, total = 0;
    require(cudaMemGetInfo(&free, &total), "device memory");
    description.freeMemory = free;
    description.totalMemory = total;
    return description;
  }

  class Memory {
  public:
    Memory(Device &device, uint64_t bytes) : number(device.number), bytes(bytes) {
      require(cudaMalloc(&block, bytes ? bytes : 1), "device memory");
    }
    /// Wipes: shares and masks were in it. Fails silently when the driver is going down.
    ~Memory() {
      cudaSetDevice(number);
      cudaMemset(block, 0, bytes);
      cudaFree(block);
    }
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;
    uint8_t *data() { return static_cast<uint8_t *>(block); }
    const uint8_t *data() const { return static_cast<const uint8_t *>(block); }
    uint64_t size() const { return bytes; }

  private:
    int number;
    uint64_t bytes;
    void *block = nullptr;
  };

  explicit Device(int device) : number(device) {
    require(cudaSetDevice(number), "choosing the device");
    require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
    for (Staging &buffer : staging) {
      require(cudaMallocHost(&buffer.data, stagingBytes), "pinned memory");
      require(cudaEventCreateWithFlags(&buffer.done, cudaEventDisableTiming), "event");
    }
  }
  ~Device() {
    cudaSetDevice(number);
    cudaStreamSynchronize(stream);
    for (Staging &buffer : staging) {
      std::memset(buffer.data, 0, stagingBytes);
      asm volatile("" ::"r"(buffer.data) : "memory"); // the wipe stays
      cudaFreeHost(buffer.data);
      cudaEventDestroy(buffer.done);
    }
    cudaStreamDestroy(stream);
  }
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;

  cudaStream_t queue() const { return stream; }

  /// Returns when `from` may change.
  void upload(void *to, const void *from, uint64_t bytes) {
    for (uint64_t done = 0; done < bytes; done += stagingBytes) {
      Staging &buffer = next();
      require(cudaEventSynchronize(buffer.done), "upload");
      const uint64_t part = partOf(bytes - done);
      std::memcpy(buffer.data, static_cast<const uint8_t *>(from) + done, part);
      require(cudaMemcpyAsync(static_cast<uint8_t *>(to) + done, buffer.data, part,
                              cudaMemcpyHostToDevice, stream),
              "upload");
      require(cudaEventRecord(buffer.done, stream), "upload");
    }
  }

  /// Returns when `to` is written.
  void download(void *to, const void *from, uint64_t bytes) {
    Staging *previous = nullptr;
    for (uint64_t done = 0; done < bytes; done += stagingBytes) {
      Staging &buffer = next();
      require(cudaMemcpyAsync(buffer.data, static_cast<const uint8_t *>(from) + done,
                              partOf(bytes - done), cudaMemcpyDeviceToHost, stream),
              "download");
      require(cudaEventRecord(buffer.done, stream), "download");
      if (previous)
        emptied(*previous, static_cast<uint8_t *>(to) + done - stagingBytes, stagingBytes);
      previous = &buffer;
    }
    if (previous) {
      const uint64_t last = (bytes - 1) / stagingBytes * stagingBytes;
      emptied(*previous, static_cast<uint8_t *>(to) + last, bytes - last);
    }
  }

  /// To be called first by a thread that did not make this stream.
  void adopt() { require(cudaSetDevice(number), "choosing the device"); }
  /// Waits for everything before.
  void finish() { require(cudaStreamSynchronize(stream), "kernel"); }

  template <class Task> void forEach(const Task &task) {
    constexpr unsigned threads = 256;
    const uint64_t count = task.count();
    if (count == 0)
      return;
    taskKernel<<<static_cast<unsigned>((count + threads - 1) / threads), threads, 0, stream>>>(
        task, count);
    require(cudaGetLastError(), "kernel launch");
  }

  template <class Kernel> void run(const Kernel &kernel) {
    require(cudaFuncSetAttribute(blockKernel<Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(Kernel::sharedBytes)),
            "shared memory");
    const dim3 grid(kernel.gridX(), kernel.gridY(), kernel.gridZ());
    blockKernel<<<grid, Kernel::threads, Kernel::sharedBytes, stream>>>(kernel);
    require(cudaGetLastError(), "kernel launch");
  }

private:
  static constexpr uint64_t stagingBytes = uint64_t(4) << 20;
  struct Staging {
    void *data = nullptr;
    cudaEvent_t done = nullptr; ///< The device is through with the buffer.
  };

  static uint64_t partOf(uint64_t left) { return left < stagingBytes ? left : stagingBytes; }
  Staging &next() {
    turn ^= 1;
    return staging[turn];
  }
  static void emptied(Staging &buffer, uint8_t *to, uint64_t bytes) {
    require(cudaEventSynchronize(buffer.done), "download");
    std::memcpy(to, buffer.data, bytes);
  }

  int number;
  unsigned turn = 0;
  cudaStream_t stream = nullptr;
  Staging staging[2];
};

} // namespace gfs::cuda
