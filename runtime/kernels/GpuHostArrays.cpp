// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/GpuHostArrays.h"

#include <array>
#include <cstring>
#include <mutex>
#include <vector>

namespace gfs::gpu {
namespace {

/// A queue with scratch memory. Lanes outlive the threads that use them: making one takes longer
/// than a layer.
class Lane {
public:
  Lane() {
    const Bases none = {};
    queue.upload(bases.data(), &none, sizeof none);
  }

  /// Device memory of slot `slot`, arbitrary contents.
  template <class T> Array<T> room(size_t slot, uint64_t count) {
    if (slots[slot].size() < count * sizeof(T) + sizeof(uint64_t)) {
      slots[slot] = Memory(); // before the larger one is taken
      slots[slot] = Memory(cuda::paddedBytes(count * sizeof(T) + sizeof(uint64_t)));
    }
    return slots[slot].array<T>();
  }
  template <class T> Array<const T> uploaded(size_t slot, const T *data, uint64_t count) {
    const Array<T> to = room<T>(slot, count);
    queue.upload(slots[slot].data(), data, count * sizeof(T));
    return to;
  }
  template <class Task> void launch(const Task &task) {
    queue.launchesWait();
    queue.launch(task, group());
  }
  /// Waits, and brings `bytes` of a slot to the host.
  void download(size_t slot, void *to, uint64_t bytes) {
    if (pinned.span().size() < bytes)
      pinned = Pinned(bytes);
    queue.get(pinned.span().first(bytes), slots[slot].data());
    queue.finish();
    if (bytes > 0)
      std::memcpy(to, pinned.span().data(), bytes);
  }
  Group group() const { return {reinterpret_cast<const Bases *>(bases.data()), 1}; }

  Memory bases{sizeof(Bases)};
  std::array<Memory, 8> slots;
  Pinned pinned;
  Queue queue; ///< Waits for what is under way before the memory goes.
};

std::mutex idleMutex;
std::vector<std::unique_ptr<Lane>> &idleLanes() {
  static auto &lanes = *new std::vector<std::unique_ptr<Lane>>; // the driver may be gone at exit
  return lanes;
}

/// Calls body(lane); a lane that failed is not used again.
template <class Body> void withLane(Body body) {
  std::unique_ptr<Lane> lane;
  {
    std::lock_guard guard(idleMutex);
    if (!idleLanes().empty()) {
      lane = std::move(idleLanes().back());
      idleLanes().pop_back();
    }
  }
  if (!lane)
    lane = std::make_unique<Lane>();
  body(*lane);
  std::lock_guard guard(idleMutex);
  idleLanes().push_back(std::move(lane));
}

/// Packed weights are a handle: the bytes are on the device.
struct Handle {
  ConvWeights *weights;
};

template <class Word> struct HostArrays {
  static constexpr size_t result = 7;

  static size_t packedWeightBytes(const ConvShape &) { return sizeof(Handle); }
  static void packWeights(const ConvShape &shape, const Word *weight, void *packed) {
    static_cast<Handle *>(packed)->weights = makeConvWeights(shape, weight).release();
  }
  static void releaseWeights(void *packed) { delete static_cast<Handle *>(packed)->weights; }
  static void convPacked(const ConvShape &shape, const Word *input, const void *packed,
                         const Word *addend, Word *output) {
    convolveHere(shape, input, weightsOf(packed), addend, output);
  }
  static void conv(const ConvShape &shape, const Word *input, const Word *weight,
                   const Word *addend, Word *output) {
    convolveHere(shape, input, *makeConvWeights(shape, weight), addend, output);
  }
  static void convolveHere(const ConvShape &shape, const Word *input, const ConvWeights &weights,
                           const Word *addend, Word *output) {
    withLane([&](Lane &lane) {
      const ConvOperands<Word> operands = {
          lane.uploaded(0, input, shape.inputElements()),
          addend ? lane.uploaded(2, addend, shape.outputElements()) : Array<const Word>(),
          lane.room<Word>(result, shape.outputElements()),
          lane.room<uint8_t>(1, limbBytes(shape, sizeof(Word), 1))};
      lane.queue.launchesWait();
      convolve(lane.queue, lane.group(), shape, weights, operands);
      lane.download(result, output, shape.outputElements() * sizeof(Word));
    });
  }

  static void pack(unsigned bits, const Word *in, size_t n, uint8_t *out) {
    withLane([&](Lane &lane) {
      lane.launch(cuda::PackTask<Word>{bits, lane.uploaded(0, in, n), n,
                                       lane.room<uint32_t>(result, cuda::packedWords(n, bits))});
      lane.download(result, out, (n * bits + 7) / 8);
    });
  }
  static void unpack(unsigned bits, const uint8_t *in, size_t n, Word *out) {
    withLane([&](Lane &lane) {
      const auto message = lane.uploaded(0, in, (n * bits + 7) / 8);
      lane.launch(cuda::UnpackTask<Word>{
          {bits, 0}, message.template as<const uint32_t>(), {}, n, lane.room<Word>(result, n)});
      lane.download(result, out, n * sizeof(Word));
    });
  }
  static void tableLookup(WindowShape window, unsigned ringBits, const Word *masked,
                          const uint8_t *tables, size_t n, uint8_t *out) {
    withLane([&](Lane &lane) {
      const uint64_t tableBytes = window.bits() < 3 ? 1 : uint64_t(1) << (window.bits() - 3);
      const std::vector<uint8_t> zeros((n + 7) / 8);
      lane.uploaded(result, zeros.data(), zeros.size());
      lane.launch(cuda::TableLookupTask<Word>{window,
                                              ringBits,
                                              1,
                                              false,
                                              {},
                                              lane.uploaded(0, masked, n),
                                              lane.uploaded(1, tables, n * tableBytes),
                                              n,
                                              lane.room<uint8_t>(result, zeros.size())});
      lane.download(result, out, zeros.size());
    });
  }
  static void truncate(RescaleShape shape, bool addsPublic, const Word *masked,
                       const TruncateShares<Word> &s, size_t n, Word *out) {
    run(n, out, [&](Lane &lane, auto at, Array<Word> to) {
      lane.launch(cuda::TruncateTask<Word>{shape, addsPublic, at(masked), at(s.v), at(s.u), n, to});
    });
  }
  static void square(RescaleShape shape, bool addsPublic, const Word *masked,
                     const SquareShares<Word> &s, size_t n, Word *out) {
    run(n, out, [&](Lane &lane, auto at, Array<Word> to) {
      lane.launch(cuda::SquareTask<Word>{shape, addsPublic, at(masked), at(s.v), at(s.vv), at(s.u),
                                         at(s.q), n, to});
    });
  }
  static void reluSelect(RescaleShape shape, bool addsPublic, const Word *masked, const uint8_t *g,
                         const ReluShares<Word> &s, size_t n, Word *out) {
    run(n, out, [&](Lane &lane, auto at, Array<Word> to) {
      lane.launch(cuda::ReluSelectTask<Word>{shape, addsPublic, at(masked),
                                             lane.uploaded(6, g, (n + 7) / 8), at(s.rho), at(s.v),
                                             at(s.rhoV), at(s.u), at(s.rhoU), n, to});
    });
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
    kernels.pack = pack;
    kernels.unpack = unpack;
    kernels.tableLookup = tableLookup;
    kernels.truncate = truncate;
    kernels.square = square;
    kernels.reluSelect = reluSelect;
    return kernels;
  }

private:
  /// For tasks on arrays of `n` words: body(lane, at, to) with at(array) bringing one to the GPU.
  template <class Body> static void run(size_t n, Word *out, Body body) {
    withLane([&](Lane &lane) {
      size_t slot = 0;
      auto at = [&](const Word *words) { return lane.uploaded(slot++, words, n); };
      body(lane, at, lane.room<Word>(result, n));
      lane.download(result, out, n * sizeof(Word));
    });
  }
};

} // namespace

const Kernels &convolutionKernels() {
  static const Kernels kernels = {"cuda", HostArrays<uint32_t>::convolutions(bestKernels().words32),
                                  HostArrays<uint64_t>::convolutions(bestKernels().words64), false};
  return kernels;
}
bool onGpu(const Kernels &kernels) {
  return kernels.words32.convPacked == HostArrays<uint32_t>::convPacked;
}
const ConvWeights &weightsOf(const void *packed) {
  return *static_cast<const Handle *>(packed)->weights;
}

const Kernels &everyKernel() {
  static const Kernels kernels = {"cuda_everything",
                                  HostArrays<uint32_t>::everything(bestKernels().words32),
                                  HostArrays<uint64_t>::everything(bestKernels().words64), false};
  return kernels;
}

void counterMode(const uint8_t roundKeys[176], uint64_t nonce, uint64_t firstBlock, uint8_t *out,
                 size_t count) {
  withLane([&](Lane &lane) {
    const auto keys = lane.uploaded(0, roundKeys, 176).as<const uint64_t>();
    const auto sliced = lane.room<cuda::SlicedRoundKeys>(1, 1);
    lane.launch(cuda::SliceKeysTask{keys, sliced});
    const uint64_t padded = cuda::paddedBytes(16 * count);
    lane.launch(cuda::ExpandTask{
        {sliced, nonce, firstBlock}, 16 * count, lane.room<uint64_t>(2, padded / 8)});
    lane.download(2, out, 16 * count);
  });
}

} // namespace gfs::gpu
