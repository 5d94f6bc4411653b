// SPDX-License-Identifier: Apache-2.0
// Element-wise ring kernels on every variant, on arrays that stay in L2: what one element costs
// beyond memory.
#include "tools/gfs-bench/Bench.h"

#include "runtime/base/Ring.h"
#include "runtime/kernels/Kernels.h"

#include <fmt/format.h>

namespace gfs {
namespace {

constexpr size_t count = 1 << 14;

/// Registers `kernel(kernels, state-independent operands)` for every variant under
/// kernel/word/variant.
template <class Word, class Prepare> void registerOnEach(const std::string &name, Prepare prepare) {
  for (const Kernels *kernels : availableKernels())
    benchmark::RegisterBenchmark(
        fmt::format("{}/u{}/{}", name, 8 * sizeof(Word), kernels->name).c_str(),
        [=](benchmark::State &state) {
          auto body = prepare(kernels->ring<Word>());
          for (auto _ : state) {
            body();
            benchmark::ClobberMemory();
          }
          countTimePerItem(state, "element", count);
        });
}

template <class Word> void registerPacking(unsigned bits) {
  using Kernel = RingKernels<Word>;
  auto words = [] { return benchWords<Word>(count); };
  auto bytes = [=] { return benchWords<uint8_t>(packedBytes(count, bits)); };
  registerOnEach<Word>(fmt::format("pack/{}", bits), [=](const Kernel &k) {
    return
        [=, in = words(), out = bytes()]() mutable { k.pack(bits, in.data(), count, out.data()); };
  });
  registerOnEach<Word>(fmt::format("unpack/{}", bits), [=](const Kernel &k) {
    return [=, in = bytes(), out = words()]() mutable {
      k.unpack(bits, in.data(), count, out.data());
    };
  });
  if (bits < Ring::minBits)
    return;
  registerOnEach<Word>(fmt::format("mask-and-pack/{}", bits), [=](const Kernel &k) {
    return [=, a = words(), b = words(), out = bytes()]() mutable {
      k.maskAndPack({bits, 0}, 0, a.data(), b.data(), count, out.data());
    };
  });
  registerOnEach<Word>(fmt::format("unpack-and-add/{}", bits), [=](const Kernel &k) {
    return [=, a = bytes(), b = bytes(), out = words()]() mutable {
      k.unpackAndAdd({bits, 0}, a.data(), b.data(), count, out.data());
    };
  });
}

template <class Word> void registerLookup(unsigned bits) {
  registerOnEach<Word>(fmt::format("table-lookup/{}", bits), [=](const RingKernels<Word> &k) {
    return [=, masked = benchWords<Word>(count), tables = benchWords<uint8_t>((count << bits) / 8),
            out = std::vector<uint8_t>(count / 8)]() mutable {
      k.tableLookup({8, 8 + bits}, 32, masked.data(), tables.data(), count, out.data());
    };
  });
}

/// A chunk of a one-hot comparison, vectors of 2^bits bits.
template <class Word> void registerOneHot(unsigned bits) {
  registerOnEach<Word>(fmt::format("one-hot-lookup/{}", bits), [=](const RingKernels<Word> &k) {
    return [=, index = benchWords<Word>(count), oneHot = benchWords<uint8_t>((count << bits) / 8),
            less = std::vector<uint8_t>(count / 8),
            equal = std::vector<uint8_t>(count / 8)]() mutable {
      k.oneHotLookup(4, bits, index.data(), oneHot.data(), count, less.data(), equal.data());
    };
  });
}

/// The online loops of the gates, tile by tile: dealt shares are in the first cache, where they
/// were unpacked or expanded. A share is a word of random bits.
template <class Word> void registerRescales(unsigned ringBits) {
  using Kernel = RingKernels<Word>;
  constexpr size_t tile = 512;
  const RescaleShape shape = {ringBits, 12};
  auto words = [] { return benchWords<Word>(count); };
  auto share = [] { return benchWords<Word>(tile); };
  auto onTiles = [](auto &&run) {
    for (size_t first = 0; first < count; first += tile)
      run(first);
  };
  registerOnEach<Word>(fmt::format("truncate/{}", ringBits), [=](const Kernel &k) {
    return [=, z = words(), v = share(), u = share(), out = words()]() mutable {
      onTiles([&](size_t at) {
        k.truncate(shape, true, &z[at], {v.data(), u.data()}, tile, &out[at]);
      });
    };
  });
  registerOnEach<Word>(fmt::format("square/{}", ringBits), [=](const Kernel &k) {
    return [=, z = words(), v = share(), vv = share(), u = share(), q = share(),
            out = words()]() mutable {
      onTiles([&](size_t at) {
        k.square(shape, true, &z[at], {v.data(), vv.data(), u.data(), q.data()}, tile, &out[at]);
      });
    };
  });
  registerOnEach<Word>(fmt::format("relu-select/{}", ringBits), [=](const Kernel &k) {
    return [=, z = words(), rho = share(), v = share(), rhoV = share(), u = share(), rhoU = share(),
            g = benchWords<uint8_t>(count / 8), out = words()]() mutable {
      onTiles([&](size_t at) {
        k.reluSelect(shape, true, &z[at], &g[at / 8],
                     {rho.data(), v.data(), rhoV.data(), u.data(), rhoU.data()}, tile, &out[at]);
      });
    };
  });
}

} // namespace

void registerElementwiseBenchmarks() {
  for (unsigned bits : {1, 13, 16, 24, 30, 31, 32})
    registerPacking<uint32_t>(bits);
  for (unsigned bits : {1, 13, 40, 48, 64})
    registerPacking<uint64_t>(bits);
  for (unsigned bits : {5, 6, 7, 8})
    registerLookup<uint32_t>(bits);
  registerLookup<uint64_t>(7);
  for (unsigned bits : {2, 4})
    registerOneHot<uint32_t>(bits);
  registerOneHot<uint64_t>(4);
  registerRescales<uint32_t>(32);
  registerRescales<uint64_t>(40);
}

} // namespace gfs
