// SPDX-License-Identifier: Apache-2.0
// What libgfs-cuda.so offers: a table of C functions, so that the program neither links CUDA nor
// shares exceptions with it. Memory, queues and launches; what to launch is decided by the program.
// Loaded by runtime/kernels/CudaDevice.cpp, used through runtime/kernels/Gpu.h.
#pragma once

#include "runtime/kernels/cuda/Compare.h"
#include "runtime/kernels/cuda/ComparisonDeal.h"
#include "runtime/kernels/cuda/CounterMode.h"
#include "runtime/kernels/cuda/Deal.h"
#include "runtime/kernels/cuda/Elements.h"
#include "runtime/kernels/cuda/Moves.h"
#include "runtime/kernels/cuda/Pieces.h"
#include "runtime/kernels/cuda/RingConv.h"

namespace gfs::cuda {

enum class Status : int {
  Ok = 0,
  DeviceFailed = 1, ///< lastError() says what.
};

struct DeviceDescription {
  char name[256];
  int major, minor; ///< Compute capability.
  uint64_t totalMemory, freeMemory;
};

/// A stream of launches and one of uploads, for one thread at a time.
struct Queue;
/// Launches that were recorded, to be repeated.
struct Recording;

/// One function per task: runs it for all members of the group, behind what was launched before.
template <class Task> struct Launch {
  Status (*function)(Queue *queue, const Task &task, const Group &group);
};
template <class... Tasks> struct Launches : Launch<Tasks>... {
  template <class Task> auto of() const { return this->Launch<Task>::function; }
};
using ByteLaunches = Launches<ExpandTask, SliceKeysTask, OneHotTablesTask, HideOperandsTask,
                              JoinTask, XorTask, WireTask, TripleProductsTask>;
template <class Word>
using WordLaunches =
    Launches<PackTask<Word>, UnpackTask<Word>, CombineTask<Word>, MaskAndPackTask<Word>,
             TableLookupTask<Word>, OneHotLookupTask<Word>, ComparisonKeyTask<Word>,
             TruncateTask<Word>, SquareTask<Word>, ReluSelectTask<Word>, MultiplyTask<Word>,
             PiecesTask<Word>, BiasTask<Word>, TakeTask<Word>, ConcatTask<Word>,
             TransposeTask<Word>, SumPoolTask<Word>, SplitTask<Word>, PackWeightsTask<Word>,
             DirectConvTask<Word>, MaskTermTask<Word>, ProductTask<Word>, TableDealTask<Word>,
             OneHotDealTask<Word>, TopBitsTask<Word>, ComparisonDealTask<Word>>;

/// Functions may be called from any thread; a queue by one at a time. Launches of one queue run in
/// order, and so do its uploads; the two are ordered by `launchesWait` and `uploadsWait` alone.
struct Library {
  static constexpr uint32_t currentVersion = 6;
  uint32_t version;
  /// DeviceFailed if there is no driver.
  Status (*countDevices)(int *count);
  Status (*describe)(int device, DeviceDescription *description);
  /// The device all later calls use.
  void (*select)(int device);

  /// Device memory with arbitrary contents, aligned to 256 bytes.
  Status (*allocate)(uint64_t bytes, void **memory);
  /// Waits for all queues, wipes, releases.
  void (*release)(void *memory, uint64_t bytes);
  /// Host memory that the device reads and writes itself. Wiped when it is released.
  Status (*allocatePinned)(uint64_t bytes, void **memory);
  void (*releasePinned)(void *memory, uint64_t bytes);

  Status (*openQueue)(Queue **queue);
  /// Waits for what is under way.
  void (*closeQueue)(Queue *queue);
  /// Through pinned buffers of the queue, behind earlier uploads; `from` may change on return.
  Status (*upload)(Queue *queue, void *to, const void *from, uint64_t bytes);
  /// Later launches see what was uploaded; later uploads wait for what was launched.
  Status (*launchesWait)(Queue *queue);
  Status (*uploadsWait)(Queue *queue);
  /// Between pinned memory and the device, in line with launches; the pinned memory is the queue's
  /// until finish().
  Status (*put)(Queue *queue, void *to, const void *fromPinned, uint64_t bytes);
  Status (*get)(Queue *queue, void *toPinned, const void *from, uint64_t bytes);
  /// Overwrites with zeros, in line with launches.
  Status (*wipe)(Queue *queue, void *memory, uint64_t bytes);
  Status (*finish)(Queue *queue);

  /// Notes the time at which what was launched before is done, as mark `slot` (from 0, without
  /// large gaps). Not while launches are recorded.
  Status (*mark)(Queue *queue, uint32_t slot);
  /// Waits until mark `slot`, as it was last set, has come.
  Status (*await)(Queue *queue, uint32_t slot);
  /// Between two marks that have come.
  Status (*secondsBetween)(Queue *queue, uint32_t first, uint32_t second, double *seconds);

  /// Launches between the two are recorded and not run; no other function of the queue may be
  /// called then.
  Status (*beginRecording)(Queue *queue);
  Status (*endRecording)(Queue *queue, Recording **recording);
  Status (*replay)(Queue *queue, const Recording *recording);
  void (*discard)(Recording *recording);

  ByteLaunches bytes;
  WordLaunches<uint32_t> words32;
  WordLaunches<uint64_t> words64;
  template <class Task> auto launch() const {
    if constexpr (std::is_base_of_v<Launch<Task>, ByteLaunches>)
      return bytes.template of<Task>();
    else if constexpr (std::is_base_of_v<Launch<Task>, WordLaunches<uint32_t>>)
      return words32.template of<Task>();
    else
      return words64.template of<Task>();
  }
  /// The product of limb planes and packed weights.
  Status (*multiply32)(Queue *queue, const ConvTask<uint32_t> &task);
  Status (*multiply64)(Queue *queue, const ConvTask<uint64_t> &task);

  /// Of this thread's latest failure.
  const char *(*lastError)();
};

} // namespace gfs::cuda

/// The only exported symbol.
extern "C" const gfs::cuda::Library *gfsCudaLibrary();
