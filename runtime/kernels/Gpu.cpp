// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/Gpu.h"

#include "runtime/base/Error.h"

namespace gfs::gpu {
namespace {

/// The shape of all members' images as one batch.
ConvShape together(ConvShape shape, uint32_t members) {
  shape.batch *= members;
  return shape;
}

/// What a layer's packed weights depend on.
bool packedAlike(const cuda::ConvLayout &a, const cuda::ConvLayout &b) {
  return a.usesMatrixUnits == b.usesMatrixUnits && a.weightBytes == b.weightBytes &&
         a.limbs == b.limbs && a.channels == b.channels && a.rows == b.rows;
}

} // namespace

template <class Word>
std::unique_ptr<ConvWeights> makeConvWeights(const ConvShape &shape, const Word *weight) {
  const cuda::ConvLayout layout(shape, sizeof(Word));
  const uint64_t words = shape.weightElements() * sizeof(Word);
  auto made = std::make_unique<ConvWeights>(
      layout, Memory(layout.usesMatrixUnits ? layout.weightBytes : words));
  const Memory bases(sizeof(Bases)), plain(layout.usesMatrixUnits ? words : 0);
  Queue queue;
  const Bases none = {};
  queue.upload(bases.data(), &none, sizeof none);
  queue.upload(layout.usesMatrixUnits ? plain.data() : made->memory.data(), weight, words);
  if (layout.usesMatrixUnits) {
    queue.launchesWait();
    queue.launch(cuda::PackWeightsTask<Word>{shape, layout, plain.array<const Word>(),
                                             made->memory.array<uint8_t>()},
                 Group{reinterpret_cast<const Bases *>(bases.data()), 1});
  }
  queue.finish();
  return made;
}
template std::unique_ptr<ConvWeights> makeConvWeights(const ConvShape &, const uint32_t *);
template std::unique_ptr<ConvWeights> makeConvWeights(const ConvShape &, const uint64_t *);

template <class Word>
void convolve(Queue &queue, const Group &group, const ConvShape &shape, const ConvWeights &weights,
              const ConvOperands<Word> &operands) {
  const cuda::ConvLayout one(shape, sizeof(Word));
  check(packedAlike(one, weights.layout), "weights were packed for a convolution of another shape");
  if (shape.outputElements() == 0)
    return;
  if (!one.usesMatrixUnits) {
    queue.launch(cuda::DirectConvTask<Word>{shape, operands.input,
                                            weights.memory.array<const Word>(), operands.addend,
                                            operands.output},
                 group);
    return;
  }
  const ConvShape all = together(shape, group.members);
  const cuda::ConvLayout layout(all, sizeof(Word));
  queue.launch(cuda::SplitTask<Word>{shape, layout, group.members, operands.input, operands.limbs},
               group);
  queue.multiply(cuda::ConvTask<Word>{all, layout, shape.batch, group.bases, operands.limbs,
                                      weights.memory.data(), operands.addend, operands.output});
}
template void convolve(Queue &, const Group &, const ConvShape &, const ConvWeights &,
                       const ConvOperands<uint32_t> &);
template void convolve(Queue &, const Group &, const ConvShape &, const ConvWeights &,
                       const ConvOperands<uint64_t> &);

uint64_t limbBytes(const ConvShape &shape, unsigned wordBytes, uint32_t members) {
  const cuda::ConvLayout layout(together(shape, members), wordBytes);
  return layout.usesMatrixUnits ? layout.limbs * layout.planeBytes : 0;
}

} // namespace gfs::gpu
