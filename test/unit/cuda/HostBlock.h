// SPDX-License-Identifier: Apache-2.0
// A block of GPU threads on a CPU (see runtime/kernels/cuda/Simt.h), strict where a GPU is: in one
// phase threads run in an order the code cannot rely on, copies arrive when they must and no
// earlier, and shared memory starts with rubbish.
#pragma once

#include "runtime/kernels/cuda/Simt.h"

#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <vector>

namespace gfs::cuda {

/// In which order the threads of a phase run.
enum class ThreadOrder { Ascending, Descending };

template <unsigned threads> class HostBlock {
public:
  static_assert(threads % 32 == 0);
  template <class T> class Own {
  public:
    T &operator[](unsigned thread) { return values[thread]; }

  private:
    std::vector<T> values = std::vector<T>(threads);
  };

  HostBlock(unsigned x, unsigned y, unsigned z, ThreadOrder order)
      : position{x, y, z}, order(order) {}
  unsigned x() const { return position[0]; }
  unsigned y() const { return position[1]; }
  unsigned z() const { return position[2]; }

  template <class Body> void each(Body body) {
    for (unsigned i = 0; i < threads; ++i)
      body(order == ThreadOrder::Ascending ? i : threads - 1 - i);
  }
  void barrier() {}

  /// mma.sync.m16n8k32, row.col, s32.u8.u8.s32 by the PTX manual: lane = 4 * group + member;
  /// byte i of register r of a: row group + 8 (r mod 2), k = 4 member + i + 16 (r / 2);
  /// byte i of register r of b: k = 4 member + i + 16 r, column group;
  /// register r of the sum: row group + 8 (r / 2), column 2 member + r mod 2.
  template <class Fragments> void multiplyAdd(Fragments fragments) {
    for (unsigned warp = 0; warp < threads; warp += 32) {
      uint8_t a[16][32], b[8][32]; // b by column
      for (unsigned lane = 0; lane < 32; ++lane) {
        const unsigned group = lane / 4, member = lane % 4;
        const MmaFragments f = fragments(warp + lane);
        for (unsigned i = 0; i < 4; ++i) {
          for (unsigned r = 0; r < 4; ++r)
            a[group + 8 * (r % 2)][4 * member + i + 16 * (r / 2)] = byteOf(f.a[r], i);
          for (unsigned r = 0; r < 2; ++r)
            b[group][4 * member + i + 16 * r] = byteOf(f.b[r], i);
        }
      }
      for (unsigned lane = 0; lane < 32; ++lane) {
        const MmaFragments f = fragments(warp + lane);
        for (unsigned r = 0; r < 4; ++r)
          for (unsigned k = 0; k < 32; ++k)
            f.sum[r] += uint32_t(a[lane / 4 + 8 * (r / 2)][k]) * b[2 * (lane % 4) + r % 2][k];
      }
    }
  }

  template <unsigned bytes> void copyAsync(void *to, const void *from, bool valid) {
    if (reinterpret_cast<uintptr_t>(to) % bytes || reinterpret_cast<uintptr_t>(from) % bytes)
      std::abort(); // a GPU would fault
    copies.push_back([=] {
      if (valid)
        std::memcpy(to, from, bytes);
      else
        std::memset(to, 0, bytes);
    });
  }
  void commitCopies() {
    groups.push_back(std::move(copies));
    copies.clear();
  }
  template <unsigned pending> void waitForCopies() {
    for (; groups.size() > pending; groups.pop_front())
      for (const auto &copy : groups.front())
        copy();
  }

private:
  static uint8_t byteOf(uint32_t word, unsigned i) { return static_cast<uint8_t>(word >> (8 * i)); }

  unsigned position[3];
  ThreadOrder order;
  std::vector<std::function<void()>> copies;
  std::deque<std::vector<std::function<void()>>> groups;
};

/// Calls body(block, shared memory) for every block of a grid, in an order that depends on nothing.
template <unsigned threads, class Body>
void runGrid(unsigned x, unsigned y, unsigned z, size_t sharedBytes, ThreadOrder order,
             const Body &body) {
  struct alignas(16) Line {
    uint8_t bytes[16];
  };
  std::vector<Line> shared((sharedBytes + 15) / 16);
  for (unsigned k = 0; k < z; ++k)
    for (unsigned j = 0; j < y; ++j)
      for (unsigned i = 0; i < x; ++i) {
        std::memset(shared.data(), 0xa5, shared.size() * sizeof(Line));
        HostBlock<threads> block(i, j, k, order);
        body(block, reinterpret_cast<uint8_t *>(shared.data()));
      }
}

} // namespace gfs::cuda
