// SPDX-License-Identifier: Apache-2.0
// CudaLibrary.h on any backend: Device.cuh is a GPU, test/unit/cuda/HostBackend.h imitates one.
//
// A backend brings Error, countDevices(), describe(), memory functions, and a Queue with the
// functions of the table, forEach(task, group) for tasks and run(kernel) for kernels of blocks.
#pragma once

#include "runtime/kernels/cuda/CudaLibrary.h"

#include <atomic>
#include <exception>
#include <string>

namespace gfs::cuda {

template <class Backend> class LibraryTable {
  using Own = typename Backend::Queue;
  using OwnRecording = typename Backend::Recording;

public:
  static constexpr Library make() {
    return {
        .version = Library::currentVersion,
        .countDevices =
            [](int *count) { return guarded([&] { *count = Backend::countDevices(); }); },
        .describe =
            [](int device, DeviceDescription *description) {
              return guarded([&] { *description = Backend::describe(device); });
            },
        .select = [](int device) { selected() = device; },
        .allocate =
            [](uint64_t bytes, void **memory) {
              return guarded([&] { *memory = Backend::allocate(selected(), bytes); });
            },
        .release = [](void *memory,
                      uint64_t bytes) { Backend::release(selected(), memory, bytes); },
        .allocatePinned =
            [](uint64_t bytes, void **memory) {
              return guarded([&] { *memory = Backend::allocatePinned(selected(), bytes); });
            },
        .releasePinned = [](void *memory,
                            uint64_t bytes) { Backend::releasePinned(selected(), memory, bytes); },
        .openQueue =
            [](Queue **queue) {
              return guarded([&] { *queue = reinterpret_cast<Queue *>(new Own(selected())); });
            },
        .closeQueue = [](Queue *queue) { delete &own(queue); },
        .upload =
            [](Queue *queue, void *to, const void *from, uint64_t bytes) {
              return guarded([&] { own(queue).upload(to, from, bytes); });
            },
        .launchesWait = [](Queue *queue) { return guarded([&] { own(queue).launchesWait(); }); },
        .uploadsWait = [](Queue *queue) { return guarded([&] { own(queue).uploadsWait(); }); },
        .put = [](Queue *queue, void *to, const void *from,
                  uint64_t bytes) { return guarded([&] { own(queue).put(to, from, bytes); }); },
        .get = [](Queue *queue, void *to, const void *from,
                  uint64_t bytes) { return guarded([&] { own(queue).get(to, from, bytes); }); },
        .wipe = [](Queue *queue, void *memory,
                   uint64_t bytes) { return guarded([&] { own(queue).wipe(memory, bytes); }); },
        .finish = [](Queue *queue) { return guarded([&] { own(queue).finish(); }); },
        .mark = [](Queue *queue, uint32_t slot) { return guarded([&] { own(queue).mark(slot); }); },
        .await = [](Queue *queue,
                    uint32_t slot) { return guarded([&] { own(queue).await(slot); }); },
        .secondsBetween =
            [](Queue *queue, uint32_t first, uint32_t second, double *seconds) {
              return guarded([&] { *seconds = own(queue).secondsBetween(first, second); });
            },
        .beginRecording =
            [](Queue *queue) { return guarded([&] { own(queue).beginRecording(); }); },
        .endRecording =
            [](Queue *queue, Recording **recording) {
              return guarded(
                  [&] { *recording = reinterpret_cast<Recording *>(own(queue).endRecording()); });
            },
        .replay =
            [](Queue *queue, const Recording *recording) {
              return guarded(
                  [&] { own(queue).replay(*reinterpret_cast<const OwnRecording *>(recording)); });
            },
        .discard = [](Recording *recording) { delete reinterpret_cast<OwnRecording *>(recording); },
        .bytes = launches(static_cast<ByteLaunches *>(nullptr)),
        .words32 = launches(static_cast<WordLaunches<uint32_t> *>(nullptr)),
        .words64 = launches(static_cast<WordLaunches<uint64_t> *>(nullptr)),
        .multiply32 = multiply<uint32_t>,
        .multiply64 = multiply<uint64_t>,
        .lastError = [] { return latestError().c_str(); }};
  }

private:
  static Own &own(Queue *queue) { return *reinterpret_cast<Own *>(queue); }
  static std::atomic<int> &selected() {
    static std::atomic<int> device = 0;
    return device;
  }
  static std::string &latestError() {
    thread_local std::string text;
    return text;
  }

  /// Exceptions end here: the caller may be built by another compiler.
  template <class Body> static Status guarded(Body body) {
    try {
      body();
      return Status::Ok;
    } catch (const typename Backend::Error &error) {
      latestError() = error.message;
    } catch (const std::exception &error) {
      latestError() = error.what();
    }
    return Status::DeviceFailed;
  }

  template <class Task>
  static Status launchTask(Queue *queue, const Task &task, const Group &group) {
    return guarded([&] {
      if (task.count() > 0 && group.members > 0)
        own(queue).forEach(task, group);
    });
  }
  template <class... Tasks> static constexpr Launches<Tasks...> launches(Launches<Tasks...> *) {
    return {Launch<Tasks>{launchTask<Tasks>}...};
  }

  template <class Word> static Status multiply(Queue *queue, const ConvTask<Word> &task) {
    return guarded([&] { multiplyWords(own(queue), task); });
  }
  static void multiplyWords(Own &queue, const ConvTask<uint32_t> &task) {
    switch (task.layout.limbs) {
    case 2:
      return multiplyLimbs<2>(queue, task);
    case 3:
      return multiplyLimbs<3>(queue, task);
    default:
      return multiplyLimbs<4>(queue, task);
    }
  }
  static void multiplyWords(Own &queue, const ConvTask<uint64_t> &task) {
    switch (task.layout.limbs) {
    case 5:
      return multiplyLimbs<5>(queue, task);
    case 6:
      return multiplyLimbs<6>(queue, task);
    case 7:
      return multiplyLimbs<7>(queue, task);
    default:
      return multiplyLimbs<8>(queue, task);
    }
  }
  template <uint32_t limbs, class Word>
  static void multiplyLimbs(Own &queue, const ConvTask<Word> &task) {
    if (task.layout.pieceBytes == 16)
      queue.run(RingConvKernel<Word, limbs, 16>{task});
    else
      queue.run(RingConvKernel<Word, limbs, 4>{task});
  }
};

} // namespace gfs::cuda
