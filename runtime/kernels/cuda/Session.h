// SPDX-License-Identifier: Apache-2.0
// What one thread has on a device, and operations on arrays in host memory: copy in, run, copy out.
//
// `Backend` brings the machine: Memory (device bytes; wiped before they are released), upload(),
// download(), forEach(task) for tasks with count() and operator()(index), and run(kernel) for
// kernels of whole blocks. Device.cuh is a GPU, test/unit/cuda/HostBackend.h imitates one.
#pragma once

#include "runtime/kernels/cuda/CounterMode.h"
#include "runtime/kernels/cuda/Elements.h"
#include "runtime/kernels/cuda/RingConv.h"

#include <array>
#include <memory>

namespace gfs::cuda {

/// Weights of one layer on the device, in the form its convolution reads.
template <class Backend> struct ResidentWeights {
  ConvLayout layout;
  typename Backend::Memory memory;
  ResidentWeights(Backend &backend, const ConvLayout &layout, uint64_t bytes)
      : layout(layout), memory(backend, bytes) {}
};

template <class Backend> class Session {
public:
  explicit Session(Backend &backend) : backend(backend) {}

  template <class Word>
  std::unique_ptr<ResidentWeights<Backend>> makeWeights(const ConvShape &shape,
                                                        const Word *weight) {
    const ConvLayout layout(shape, sizeof(Word));
    const uint64_t words = shape.weightElements() * sizeof(Word);
    auto made = std::make_unique<ResidentWeights<Backend>>(
        backend, layout, layout.usesMatrixUnits ? layout.weightBytes : words);
    if (!layout.usesMatrixUnits) {
      backend.upload(made->memory.data(), weight, words);
    } else {
      const Word *plain = uploaded(0, weight, shape.weightElements());
      backend.forEach(PackWeightsTask<Word>{shape, layout, plain, made->memory.data()});
    }
    backend.finish();
    return made;
  }

  /// output = input * weights mod 2^ringBits; bits above arbitrary. False if the weights were
  /// packed for another shape.
  template <class Word>
  bool convolve(const ConvShape &shape, const Word *input, const ResidentWeights<Backend> &weights,
                Word *output) {
    const ConvLayout layout(shape, sizeof(Word));
    if (layout.usesMatrixUnits != weights.layout.usesMatrixUnits ||
        layout.weightBytes != weights.layout.weightBytes || layout.limbs != weights.layout.limbs ||
        layout.channels != weights.layout.channels || layout.rows != weights.layout.rows)
      return false;
    if (shape.outputElements() == 0)
      return true;
    const Word *x = uploaded(0, input, shape.inputElements());
    Word *z = room<Word>(1, shape.outputElements());
    if (layout.usesMatrixUnits) {
      uint8_t *limbs = room<uint8_t>(2, layout.limbs * layout.planeBytes);
      backend.forEach(SplitTask<Word>{shape, layout, x, limbs});
      multiply(ConvTask<Word>{shape, layout, limbs, weights.memory.data(), nullptr, z});
    } else {
      const Word *plain = reinterpret_cast<const Word *>(weights.memory.data());
      backend.forEach(DirectConvTask<Word>{shape, x, plain, nullptr, z});
    }
    backend.download(output, z, shape.outputElements() * sizeof(Word));
    backend.finish();
    return true;
  }

  /// AesImplementation::counterMode; `out` is `count` blocks of 16 bytes.
  void counterMode(const uint8_t *roundKeys, uint64_t nonce, uint64_t firstBlock, uint8_t *out,
                   size_t count) {
    const auto *keys = reinterpret_cast<const uint64_t *>(uploaded(0, roundKeys, 176));
    auto *sliced = room<SlicedRoundKeys>(1, 1);
    backend.forEach(SliceKeysTask{keys, sliced});
    uint64_t *blocks = room<uint64_t>(2, 2 * count);
    runTask(CounterModeTask{sliced, nonce, firstBlock, count, blocks}, blocks, out, 16 * count);
  }

  // Element-wise kernels, as in RingKernels. `maskShare` may be null: pack. Both shares: unpack.
  template <class Word>
  void maskAndPack(unsigned bits, const Word *share, const Word *maskShare, size_t n,
                   uint8_t *out) {
    const Word *first = uploaded(0, share, n), *second = nullptr;
    if (maskShare)
      second = uploaded(1, maskShare, n);
    uint32_t *packed = room<uint32_t>(2, packedWords(n, bits));
    runTask(MaskAndPackTask<Word>{bits, first, second, n, packed}, packed, out, (n * bits + 7) / 8);
  }
  template <class Word>
  void unpackAndOpen(unsigned bits, const Word *share, const Word *maskShare, const uint8_t *peer,
                     size_t n, Word *masked) {
    const Word *first = nullptr, *second = nullptr;
    if (share) {
      first = uploaded(0, share, n);
      second = uploaded(1, maskShare, n);
    }
    uint32_t *message = room<uint32_t>(2, packedWords(n, bits));
    backend.upload(message, peer, (n * bits + 7) / 8);
    Word *out = room<Word>(3, n);
    runTask(UnpackAndOpenTask<Word>{bits, first, second, message, n, out}, out, masked,
            n * sizeof(Word));
  }
  template <class Word>
  void tableLookup(WindowShape window, const Word *masked, const uint8_t *tables, size_t n,
                   uint8_t *out) {
    const Word *values = uploaded(0, masked, n);
    const uint64_t tableBytes = window.bits() < 3 ? 1 : uint64_t(1) << (window.bits() - 3);
    const uint8_t *bits = uploaded(1, tables, n * tableBytes);
    uint8_t *found = room<uint8_t>(2, (n + 7) / 8);
    runTask(TableLookupTask<Word>{window, values, bits, n, found}, found, out, (n + 7) / 8);
  }
  template <class Word>
  void truncate(RescaleShape shape, bool addsPublic, const Word *masked,
                const TruncateShares<Word> &s, size_t n, Word *out) {
    const Word *values = uploaded(0, masked, n);
    const TruncateShares<Word> shares = {uploaded(1, s.v, n), uploaded(2, s.u, n)};
    Word *result = room<Word>(6, n);
    runTask(TruncateTask<Word>{shape, addsPublic, values, shares, n, result}, result, out,
            n * sizeof(Word));
  }
  template <class Word>
  void square(RescaleShape shape, bool addsPublic, const Word *masked, const SquareShares<Word> &s,
              size_t n, Word *out) {
    const Word *values = uploaded(0, masked, n);
    const SquareShares<Word> shares = {uploaded(1, s.v, n), uploaded(2, s.vv, n),
                                       uploaded(3, s.u, n), uploaded(4, s.q, n)};
    Word *result = room<Word>(6, n);
    runTask(SquareTask<Word>{shape, addsPublic, values, shares, n, result}, result, out,
            n * sizeof(Word));
  }
  template <class Word>
  void reluSelect(RescaleShape shape, bool addsPublic, const Word *masked, const uint8_t *g,
                  const ReluShares<Word> &s, size_t n, Word *out) {
    const Word *values = uploaded(0, masked, n);
    const ReluShares<Word> shares = {uploaded(1, s.rho, n), uploaded(2, s.v, n),
                                     uploaded(3, s.rhoV, n), uploaded(4, s.u, n),
                                     uploaded(5, s.rhoU, n)};
    const uint8_t *opened = uploaded(7, g, (n + 7) / 8);
    Word *result = room<Word>(6, n);
    runTask(ReluSelectTask<Word>{shape, addsPublic, values, opened, shares, n, result}, result, out,
            n * sizeof(Word));
  }

private:
  /// Device memory of slot `slot`, rubbish in it.
  template <class T> T *room(size_t slot, uint64_t count) {
    auto &memory = slots[slot];
    if (!memory || memory->size() < count * sizeof(T)) {
      memory.reset(); // before the larger one is taken
      memory = std::make_unique<typename Backend::Memory>(backend, count * sizeof(T));
    }
    return reinterpret_cast<T *>(memory->data());
  }
  template <class T> const T *uploaded(size_t slot, const T *data, uint64_t count) {
    T *to = room<T>(slot, count);
    backend.upload(to, data, count * sizeof(T));
    return to;
  }
  /// Runs a task and brings `bytes` of what it wrote to `from` back to `to`.
  template <class Task> void runTask(const Task &task, const void *from, void *to, uint64_t bytes) {
    backend.forEach(task);
    backend.download(to, from, bytes);
    backend.finish();
  }

  template <class Word> void multiply(const ConvTask<Word> &task) {
    if constexpr (sizeof(Word) == 4)
      switch (task.layout.limbs) {
      case 2:
        return multiplyLimbs<2>(task);
      case 3:
        return multiplyLimbs<3>(task);
      default:
        return multiplyLimbs<4>(task);
      }
    else
      switch (task.layout.limbs) {
      case 5:
        return multiplyLimbs<5>(task);
      case 6:
        return multiplyLimbs<6>(task);
      case 7:
        return multiplyLimbs<7>(task);
      default:
        return multiplyLimbs<8>(task);
      }
  }
  template <uint32_t limbs, class Word> void multiplyLimbs(const ConvTask<Word> &task) {
    if (task.layout.pieceBytes == 16)
      backend.run(RingConvKernel<Word, limbs, 16>{task});
    else
      backend.run(RingConvKernel<Word, limbs, 4>{task});
  }

  Backend &backend;
  std::array<std::unique_ptr<typename Backend::Memory>, 8> slots; ///< Grow as needed, and stay.
};

} // namespace gfs::cuda
