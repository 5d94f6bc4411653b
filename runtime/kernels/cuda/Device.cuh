// SPDX-License-Identifier: Apache-2.0
// A GPU behind LibraryTable.h: memory, streams, launches, graphs, and uploads through pinned
// memory.
#pragma once

#include "runtime/kernels/cuda/CudaLibrary.h"

#include <cstring>
#include <string>
#include <vector>

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

template <class Task> __global__ void taskKernel(Task task, uint64_t count, const Bases *bases) {
  const uint64_t index = uint64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index < count)
    task(index, Member{bases + blockIdx.y, blockIdx.y});
}

template <class Kernel>
__global__ void __launch_bounds__(Kernel::threads) blockKernel(Kernel kernel) {
  extern __shared__ __align__(16) uint8_t shared[];
  DeviceBlock<Kernel::threads> block;
  kernel(block, shared);
}

/// Host memory that the device copies from and to by itself.
inline void *allocatePinnedBytes(uint64_t bytes) {
  void *memory = nullptr;
  require(cudaMallocHost(&memory, bytes ? bytes : 1), "pinned memory");
  return memory;
}
inline void releasePinnedBytes(void *memory, uint64_t bytes) {
  std::memset(memory, 0, bytes);
  asm volatile("" ::"r"(memory) : "memory"); // the wipe stays
  cudaFreeHost(memory);
}

/// One stream of launches and one of uploads.
class DeviceQueue {
public:
  using Graph = cudaGraphExec_t;

  explicit DeviceQueue(int device) : number(device) {
    adopt();
    for (cudaStream_t *stream : {&launches, &uploads})
      require(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), "stream");
    for (cudaEvent_t *event : {&launched, &uploaded})
      require(cudaEventCreateWithFlags(event, cudaEventDisableTiming), "event");
    for (Staging &buffer : staging) {
      buffer.data = allocatePinnedBytes(stagingBytes);
      require(cudaEventCreateWithFlags(&buffer.done, cudaEventDisableTiming), "event");
    }
  }
  ~DeviceQueue() {
    cudaSetDevice(number);
    for (cudaStream_t stream : {launches, uploads})
      if (stream) {
        cudaStreamSynchronize(stream);
        cudaStreamDestroy(stream);
      }
    for (cudaEvent_t event : {launched, uploaded, staging[0].done, staging[1].done})
      if (event)
        cudaEventDestroy(event);
    for (cudaEvent_t event : marks)
      cudaEventDestroy(event);
    for (Staging &buffer : staging)
      if (buffer.data)
        releasePinnedBytes(buffer.data, stagingBytes);
  }
  DeviceQueue(const DeviceQueue &) = delete;
  DeviceQueue &operator=(const DeviceQueue &) = delete;

  cudaStream_t stream() const { return launches; }

  /// While the device copies from one pinned buffer, this thread fills the other; many small pieces
  /// share one.
  void upload(void *to, const void *from, uint64_t bytes) {
    adopt();
    for (uint64_t done = 0, part = 0; done < bytes; done += part) {
      if (filled == stagingBytes)
        turnStaging();
      part = bytes - done < stagingBytes - filled ? bytes - done : stagingBytes - filled;
      uint8_t *const place = static_cast<uint8_t *>(staging[turn].data) + filled;
      std::memcpy(place, static_cast<const uint8_t *>(from) + done, part);
      require(cudaMemcpyAsync(static_cast<uint8_t *>(to) + done, place, part,
                              cudaMemcpyHostToDevice, uploads),
              "upload");
      filled = paddedBytes(filled + part);
    }
  }
  void launchesWait() { wait(launches, uploads, uploaded); }
  void uploadsWait() { wait(uploads, launches, launched); }

  void put(void *to, const void *from, uint64_t bytes) {
    copy(to, from, bytes, cudaMemcpyHostToDevice);
  }
  void get(void *to, const void *from, uint64_t bytes) {
    copy(to, from, bytes, cudaMemcpyDeviceToHost);
  }
  void wipe(void *memory, uint64_t bytes) {
    adopt();
    require(cudaMemsetAsync(memory, 0, bytes, launches), "wipe");
  }
  void finish() {
    adopt();
    require(cudaStreamSynchronize(uploads), "upload");
    require(cudaStreamSynchronize(launches), "kernel");
  }

  void mark(uint32_t slot) {
    adopt();
    while (marks.size() <= slot) {
      cudaEvent_t event = nullptr;
      require(cudaEventCreate(&event), "event");
      marks.push_back(event);
    }
    require(cudaEventRecord(marks[slot], launches), "event");
  }
  void await(uint32_t slot) {
    adopt();
    require(cudaEventSynchronize(marks.at(slot)), "kernel");
  }
  double secondsBetween(uint32_t first, uint32_t second) const {
    float milliseconds = 0;
    require(cudaEventElapsedTime(&milliseconds, marks.at(first), marks.at(second)), "event");
    return 1e-3 * double(milliseconds);
  }

  /// Relaxed: this thread and others may go on allocating, and kernels may be loaded.
  void beginRecording() {
    adopt();
    require(cudaStreamBeginCapture(launches, cudaStreamCaptureModeRelaxed), "recording");
  }
  Graph recorded() {
    cudaGraph_t graph = nullptr;
    require(cudaStreamEndCapture(launches, &graph), "recording");
    Graph made = nullptr;
    const cudaError_t result = cudaGraphInstantiate(&made, graph, 0);
    cudaGraphDestroy(graph);
    require(result, "recording");
    return made;
  }
  void replay(Graph graph) {
    adopt();
    require(cudaGraphLaunch(graph, launches), "graph launch");
  }

  template <class Task> void forEach(const Task &task, const Group &group) {
    adopt();
    constexpr unsigned threads = 256;
    const uint64_t count = task.count();
    const dim3 grid(static_cast<unsigned>((count + threads - 1) / threads), group.members);
    taskKernel<<<grid, threads, 0, launches>>>(task, count, group.bases);
    require(cudaGetLastError(), "kernel launch");
  }
  template <class Kernel> void run(const Kernel &kernel) {
    adopt();
    require(cudaFuncSetAttribute(blockKernel<Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(Kernel::sharedBytes)),
            "shared memory");
    const dim3 grid(kernel.gridX(), kernel.gridY(), kernel.gridZ());
    blockKernel<<<grid, Kernel::threads, Kernel::sharedBytes, launches>>>(kernel);
    require(cudaGetLastError(), "kernel launch");
  }

private:
  static constexpr uint64_t stagingBytes = uint64_t(4) << 20;
  struct Staging {
    void *data = nullptr;
    cudaEvent_t done = nullptr; ///< The device is through with the buffer.
  };

  /// Goes on with the other buffer, once the device is through with it.
  void turnStaging() {
    require(cudaEventRecord(staging[turn].done, uploads), "upload");
    turn ^= 1;
    require(cudaEventSynchronize(staging[turn].done), "upload");
    filled = 0;
  }
  /// A thread has no device until it chooses one.
  void adopt() { require(cudaSetDevice(number), "choosing the device"); }
  void wait(cudaStream_t waiting, cudaStream_t first, cudaEvent_t event) {
    adopt();
    require(cudaEventRecord(event, first), "event");
    require(cudaStreamWaitEvent(waiting, event, 0), "event");
  }
  void copy(void *to, const void *from, uint64_t bytes, cudaMemcpyKind kind) {
    adopt();
    require(cudaMemcpyAsync(to, from, bytes, kind, launches), "copy");
  }

  int number;
  unsigned turn = 0;
  uint64_t filled = 0; ///< Bytes of staging[turn] that are taken.
  cudaStream_t launches = nullptr, uploads = nullptr;
  cudaEvent_t launched = nullptr, uploaded = nullptr;
  Staging staging[2];
  std::vector<cudaEvent_t> marks;
};

/// The backend.
struct Device {
  using Error = DeviceError;
  struct Recording {
    cudaGraphExec_t graph;
    explicit Recording(cudaGraphExec_t graph) : graph(graph) {}
    ~Recording() { cudaGraphExecDestroy(graph); }
    Recording(const Recording &) = delete;
    Recording &operator=(const Recording &) = delete;
  };
  struct Queue : DeviceQueue {
    using DeviceQueue::DeviceQueue;
    Recording *endRecording() { return new Recording(recorded()); }
    void replay(const Recording &recording) { DeviceQueue::replay(recording.graph); }
  };

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

  static void *allocate(int number, uint64_t bytes) {
    require(cudaSetDevice(number), "choosing the device");
    void *memory = nullptr;
    require(cudaMalloc(&memory, bytes ? bytes : 1), "device memory");
    return memory;
  }
  /// Wipes: shares and masks were in it. Fails silently when the driver is going down.
  static void release(int number, void *memory, uint64_t bytes) {
    cudaSetDevice(number);
    cudaDeviceSynchronize();
    cudaMemset(memory, 0, bytes);
    cudaFree(memory);
  }
  static void *allocatePinned(int number, uint64_t bytes) {
    require(cudaSetDevice(number), "choosing the device");
    return allocatePinnedBytes(bytes);
  }
  static void releasePinned(int number, void *memory, uint64_t bytes) {
    cudaSetDevice(number);
    releasePinnedBytes(memory, bytes);
  }
};

} // namespace gfs::cuda
