// SPDX-License-Identifier: Apache-2.0
#include "compiler/evaluate/Heap.h"

#include <malloc.h>

namespace gfs {

void keepFreedBlocks() {
  mallopt(M_MMAP_MAX, 0);        // no block has a mapping of its own
  mallopt(M_TRIM_THRESHOLD, -1); // and the top of the heap is never returned
}

} // namespace gfs
