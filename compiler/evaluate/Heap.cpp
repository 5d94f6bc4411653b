// SPDX-License-Identifier: Apache-2.0
#include "compiler/evaluate/Heap.h"

#include <fstream>
#include <malloc.h>
#include <string>
#include <sys/resource.h>

namespace gfs {

void keepFreedBlocks() {
  mallopt(M_MMAP_MAX, 0);        // no block has a mapping of its own
  mallopt(M_TRIM_THRESHOLD, -1); // and the top of the heap is never returned
}

/// Bytes that a line "name: N kB" of a file of proc(5) states, 0 if there is none.
static rlim_t bytesOf(const char *file, const std::string &name) {
  std::ifstream lines(file);
  rlim_t kibibytes = 0;
  for (std::string word; lines >> word;)
    if (word == name + ":" && lines >> kibibytes)
      break;
  return kibibytes * 1024;
}

void refuseMoreThanFreeMemory() {
  const rlim_t free =
                   bytesOf("/proc/meminfo", "MemAvailable") + bytesOf("/proc/meminfo", "SwapFree"),
               bytes = bytesOf("/proc/self/status", "VmData") + free;
  rlimit limit;
  if (free == 0 || getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur < bytes)
    return;
  limit.rlim_cur = bytes;
  setrlimit(RLIMIT_DATA, &limit);
}

} // namespace gfs
