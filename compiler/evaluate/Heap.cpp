// SPDX-License-Identifier: Apache-2.0
#include "compiler/evaluate/Heap.h"

#if defined(__GLIBC__) || __has_include(<malloc.h>)
#include <malloc.h>
#endif

namespace gfs {

void keepFreedBlocks() {
#ifdef M_MMAP_MAX
  mallopt(M_MMAP_MAX, 0);        // no block has a mapping of its own
  mallopt(M_TRIM_THRESHOLD, -1); // and the top of the heap is never returned
#endif
}

} // namespace gfs
