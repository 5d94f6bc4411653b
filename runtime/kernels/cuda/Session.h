// SPDX-License-Identifier: Apache-2.0
// What one thread has on a device, and operations on arrays in host memory: copy in, run, copy out.
//
// `Backend` brings the machine: Memory (device bytes; wiped before they are released), upload(),
// download(), forEach(task) for tasks with count() and operator()(index), and run(kernel) for
// kernels of whole blocks. Device.cuh is a GPU, test/unit/cuda/HostBackend.h imitates one.
#pragma once

#include "runtime/kernels/cuda/RingConv.h"

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
      const Word *plain = uploaded(inputs, weight, shape.weightElements());
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
    const Word *x = uploaded(inputs, input, shape.inputElements());
    Word *z = room<Word>(outputs, shape.outputElements());
    if (layout.usesMatrixUnits) {
      uint8_t *limbs = room<uint8_t>(planes, layout.limbs * layout.planeBytes);
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

private:
  template <class T> T *room(std::unique_ptr<typename Backend::Memory> &memory, uint64_t count) {
    if (!memory || memory->size() < count * sizeof(T)) {
      memory.reset(); // before the larger one is taken
      memory = std::make_unique<typename Backend::Memory>(backend, count * sizeof(T));
    }
    return reinterpret_cast<T *>(memory->data());
  }
  template <class T>
  const T *uploaded(std::unique_ptr<typename Backend::Memory> &memory, const T *data,
                    uint64_t count) {
    T *to = room<T>(memory, count);
    backend.upload(to, data, count * sizeof(T));
    return to;
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
  std::unique_ptr<typename Backend::Memory> inputs, planes, outputs;
};

} // namespace gfs::cuda
