// SPDX-License-Identifier: Apache-2.0
// How device code is written, so that the same source runs on a GPU and, for tests, on any CPU.
//
// A kernel that needs a whole block of threads is a function of a `Block`. It is written in phases:
// block.each(body) calls body(thread) for every thread, block.barrier() separates phases in which
// threads read what others wrote to shared memory, and what a thread keeps in registers between
// phases is a Block::Own<T>. On a GPU (DeviceBlock, below) each() is the thread's own call; in
// tests (test/unit/cuda/HostBlock.h) it is a loop over the threads, the matrix instruction follows
// the fragment layout of the PTX manual, and asynchronous copies happen as late as the code allows.
//
// Nothing here branches or addresses memory by a share, a mask or a key; masked values are public.
#pragma once

#include <cstddef>
#include <cstdint>

#ifndef GFS_HOST_DEVICE
#ifdef __CUDACC__
#define GFS_HOST_DEVICE __host__ __device__
#else
#define GFS_HOST_DEVICE
#endif
#endif
#ifdef __CUDACC__
#define GFS_DEVICE __device__ __forceinline__
#define GFS_UNROLL _Pragma("unroll")
#else
#define GFS_DEVICE inline
#define GFS_UNROLL
#endif

namespace gfs::cuda {

/// One thread's fragments of sum (16 x 8, int32) += a (16 x 32, uint8) * b (32 x 8, uint8), as
/// mma.sync.m16n8k32 takes them: 4, 4 and 2 registers.
struct MmaFragments {
  uint32_t *sum;
  const uint32_t *a, *b;
};

#ifdef __CUDACC__

/// A block of `threads` threads on a GPU of compute capability 8.0 or later.
template <unsigned threads> struct DeviceBlock {
  template <class T> struct Own {
    T value;
    __device__ __forceinline__ T &operator[](unsigned) { return value; }
  };

  __device__ __forceinline__ unsigned x() const { return blockIdx.x; }
  __device__ __forceinline__ unsigned y() const { return blockIdx.y; }
  __device__ __forceinline__ unsigned z() const { return blockIdx.z; }

  template <class Body> __device__ __forceinline__ void each(Body body) { body(threadIdx.x); }
  __device__ __forceinline__ void barrier() { __syncthreads(); }

  /// Every warp adds one product; fragments(thread) names the thread's operands. Sums wrap.
  template <class Fragments> __device__ __forceinline__ void multiplyAdd(Fragments fragments) {
    const MmaFragments f = fragments(threadIdx.x);
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.u8.u8.s32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+r"(f.sum[0]), "+r"(f.sum[1]), "+r"(f.sum[2]), "+r"(f.sum[3])
                 : "r"(f.a[0]), "r"(f.a[1]), "r"(f.a[2]), "r"(f.a[3]), "r"(f.b[0]), "r"(f.b[1]));
  }

  /// Copies `bytes` (4 or 16, both ends aligned to them) from global to shared memory, or writes
  /// zeros unless `valid`; there for everybody after waitForCopies and a barrier.
  template <unsigned bytes>
  static __device__ __forceinline__ void copyAsync(void *to, const void *from, bool valid) {
    const auto shared = static_cast<uint32_t>(__cvta_generic_to_shared(to));
    const unsigned read = valid ? bytes : 0;
    if constexpr (bytes == 16)
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(from),
                   "r"(read)
                   : "memory");
    else
      asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared), "l"(from),
                   "r"(read)
                   : "memory");
  }
  /// Closes a group of copies: those started since the last call.
  __device__ __forceinline__ void commitCopies() {
    asm volatile("cp.async.commit_group;" ::: "memory");
  }
  /// Waits until at most `pending` groups are still under way.
  template <unsigned pending> __device__ __forceinline__ void waitForCopies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
  }
};

#endif

} // namespace gfs::cuda
