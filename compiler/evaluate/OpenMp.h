// SPDX-License-Identifier: Apache-2.0
// How many threads oneDNN gives to a layer. OpenMP is asked at run time, since oneDNN can be built
// without it; a number of threads holds for layers that the calling thread runs.
#pragma once

namespace gfs {

/// The number for the calling thread; 1 without OpenMP.
int layerThreads();
void setLayerThreads(int threads);
/// Processors that OpenMP may use.
int layerProcessors();

/// While it lives, the layers that this thread runs are not divided.
class LayersInThisThread {
public:
  LayersInThisThread() : before(layerThreads()) { setLayerThreads(1); }
  ~LayersInThisThread() { setLayerThreads(before); }
  LayersInThisThread(const LayersInThisThread &) = delete;
  LayersInThisThread &operator=(const LayersInThisThread &) = delete;

private:
  int before;
};

} // namespace gfs
