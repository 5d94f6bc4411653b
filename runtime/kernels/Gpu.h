// SPDX-License-Identifier: Apache-2.0
// The GPU that openDevice() opened, as objects: memory, queues of launches, and convolutions whose
// operands are there already. Every failure of the GPU is an Error of ExitCode::Device.
#pragma once

#include "runtime/kernels/cuda/CudaLibrary.h"

#include <memory>
#include <span>
#include <utility>

namespace gfs::gpu {

using cuda::Array;
using cuda::Bases;
using cuda::Group;
using cuda::Region;

/// The loaded library; only after openDevice() opened a GPU.
const cuda::Library &library();
/// Throws Device unless `status` is Ok.
void require(cuda::Status status, const char *what);

/// Device memory with arbitrary contents, wiped before it is released. Whatever was launched on it
/// must have finished by then.
class Memory {
public:
  Memory() = default;
  explicit Memory(uint64_t bytes) : bytes(bytes) {
    require(library().allocate(bytes, &block), "device memory");
  }
  Memory(Memory &&other) noexcept
      : bytes(std::exchange(other.bytes, 0)), block(std::exchange(other.block, nullptr)) {}
  Memory &operator=(Memory &&other) noexcept {
    std::swap(bytes, other.bytes);
    std::swap(block, other.block);
    return *this;
  }
  ~Memory() {
    if (block)
      library().release(block, bytes);
  }
  uint64_t size() const { return bytes; }
  uint8_t *data() const { return static_cast<uint8_t *>(block); }
  /// Words of it that all members share.
  template <class T> Array<T> array(uint64_t offset = 0) const {
    return Array<T>::at(reinterpret_cast<T *>(data() + offset));
  }

private:
  uint64_t bytes = 0;
  void *block = nullptr;
};

/// Host memory that the GPU copies from and to by itself; wiped when it is released.
class Pinned {
public:
  Pinned() = default;
  explicit Pinned(uint64_t bytes) : bytes(bytes) {
    require(library().allocatePinned(bytes, &block), "pinned memory");
  }
  Pinned(Pinned &&other) noexcept
      : bytes(std::exchange(other.bytes, 0)), block(std::exchange(other.block, nullptr)) {}
  Pinned &operator=(Pinned &&other) noexcept {
    std::swap(bytes, other.bytes);
    std::swap(block, other.block);
    return *this;
  }
  ~Pinned() {
    if (block)
      library().releasePinned(block, bytes);
  }
  std::span<uint8_t> span() { return {static_cast<uint8_t *>(block), bytes}; }

private:
  uint64_t bytes = 0;
  void *block = nullptr;
};

/// Launches that were recorded: they name the same arrays at every replay.
class Recording {
public:
  Recording() = default;
  explicit Recording(cuda::Recording *recording) : recording(recording) {}
  Recording(Recording &&other) noexcept : recording(std::exchange(other.recording, nullptr)) {}
  Recording &operator=(Recording &&other) noexcept {
    std::swap(recording, other.recording);
    return *this;
  }
  ~Recording() {
    if (recording)
      library().discard(recording);
  }
  const cuda::Recording *get() const { return recording; }

private:
  cuda::Recording *recording = nullptr;
};

/// See CudaLibrary.h for what runs when. Used by one thread at a time.
class Queue {
public:
  Queue() { require(library().openQueue(&queue), "opening a queue"); }
  ~Queue() { library().closeQueue(queue); }
  Queue(const Queue &) = delete;
  Queue &operator=(const Queue &) = delete;

  void upload(void *to, const void *from, uint64_t bytes) {
    require(library().upload(queue, to, from, bytes), "upload");
  }
  template <class T> void upload(const Memory &to, std::span<const T> from) {
    upload(to.data(), from.data(), from.size_bytes());
  }
  void launchesWait() { require(library().launchesWait(queue), "upload"); }
  void uploadsWait() { require(library().uploadsWait(queue), "upload"); }
  void put(void *to, std::span<const uint8_t> fromPinned) {
    require(library().put(queue, to, fromPinned.data(), fromPinned.size()), "upload");
  }
  void get(std::span<uint8_t> toPinned, const void *from) {
    require(library().get(queue, toPinned.data(), from, toPinned.size()), "download");
  }
  void wipe(const Memory &memory) {
    require(library().wipe(queue, memory.data(), memory.size()), "wipe");
  }
  void finish() { require(library().finish(queue), "computing"); }
  void mark(uint32_t slot) { require(library().mark(queue, slot), "taking the time"); }
  void await(uint32_t slot) { require(library().await(queue, slot), "computing"); }
  double secondsBetween(uint32_t first, uint32_t second) const {
    double seconds = 0;
    require(library().secondsBetween(queue, first, second, &seconds), "taking the time");
    return seconds;
  }

  template <class Task> void launch(const Task &task, const Group &group) {
    require(library().launch<Task>()(queue, task, group), "launch");
  }
  void multiply(const cuda::ConvTask<uint32_t> &task) {
    require(library().multiply32(queue, task), "convolution");
  }
  void multiply(const cuda::ConvTask<uint64_t> &task) {
    require(library().multiply64(queue, task), "convolution");
  }

  /// Records what `body` launches, without running it.
  template <class Body> Recording record(Body &&body) {
    require(library().beginRecording(queue), "recording");
    cuda::Recording *made = nullptr;
    try {
      body();
    } catch (...) {
      if (library().endRecording(queue, &made) == cuda::Status::Ok)
        library().discard(made);
      throw;
    }
    require(library().endRecording(queue, &made), "recording");
    return Recording(made);
  }
  void replay(const Recording &recording) {
    require(library().replay(queue, recording.get()), "replay");
  }

private:
  cuda::Queue *queue = nullptr;
};

/// Weights of one layer on the device, in the form its convolution reads.
struct ConvWeights {
  cuda::ConvLayout layout;
  Memory memory;
};
template <class Word>
std::unique_ptr<ConvWeights> makeConvWeights(const ConvShape &shape, const Word *weight);
extern template std::unique_ptr<ConvWeights> makeConvWeights(const ConvShape &, const uint32_t *);
extern template std::unique_ptr<ConvWeights> makeConvWeights(const ConvShape &, const uint64_t *);

template <class Word> struct ConvOperands {
  Array<const Word> input, addend; ///< `addend` none: zeros.
  Array<Word> output;
  Array<uint8_t> limbs; ///< limbBytes() of scratch, the same for all members.
};
/// output = input * weights + addend mod 2^ringBits, for all members of a group; bits above are
/// arbitrary. Throws Internal if the weights were packed for another shape.
template <class Word>
void convolve(Queue &queue, const Group &group, const ConvShape &shape, const ConvWeights &weights,
              const ConvOperands<Word> &operands);
extern template void convolve(Queue &, const Group &, const ConvShape &, const ConvWeights &,
                              const ConvOperands<uint32_t> &);
extern template void convolve(Queue &, const Group &, const ConvShape &, const ConvWeights &,
                              const ConvOperands<uint64_t> &);
/// Scratch that convolve() needs for `members` requests.
uint64_t limbBytes(const ConvShape &shape, unsigned wordBytes, uint32_t members);

} // namespace gfs::gpu
