// SPDX-License-Identifier: Apache-2.0
// What the heap does with large blocks.
#pragma once

namespace gfs {

/// From now on, large blocks that are freed stay with the process. The C library gives them back to
/// the kernel instead, which fills each page with zeros when it is touched again: a third of the
/// time of an evaluation whose values of all samples come and go layer by layer.
void keepFreedBlocks();

/// From now on, an allocation beyond the memory that the machine has free now throws std::bad_alloc.
/// The kernel would grant it, and end the process without a word once it is used.
void refuseMoreThanFreeMemory();

} // namespace gfs
