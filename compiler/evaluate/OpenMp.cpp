// SPDX-License-Identifier: Apache-2.0
#include "compiler/evaluate/OpenMp.h"

#include <dlfcn.h>

namespace gfs {

template <class Function> static Function find(const char *name) {
  return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}

int layerThreads() {
  static const auto get = find<int (*)()>("omp_get_max_threads");
  return get ? get() : 1;
}

void setLayerThreads(int threads) {
  static const auto set = find<void (*)(int)>("omp_set_num_threads");
  if (set)
    set(threads);
}

int layerProcessors() {
  static const auto get = find<int (*)()>("omp_get_num_procs");
  return get ? get() : 1;
}

} // namespace gfs
