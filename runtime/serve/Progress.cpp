// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Progress.h"

#include "runtime/base/Error.h"
#include "runtime/serve/Summary.h"

#include <algorithm>
#include <cstdio>

#include <unistd.h>

namespace gfs::serve {

using std::chrono::steady_clock;

Progress::Progress(std::string label, uint64_t total, uint64_t done, bool quiet)
    : label(std::move(label)), total(total), first(done), shown(!quiet && isatty(STDERR_FILENO)),
      start(steady_clock::now()), last() {}

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (shown)
    fmt::print(stderr, "\r\x1b[K");
}

void Progress::update(uint64_t done, uint64_t bytes) {
  auto now = steady_clock::now();
  if (!shown || (now - last < std::chrono::milliseconds(100) && done < total))
    return;
  last = now;
  constexpr unsigned width = 30;
  auto filled = static_cast<size_t>(total ? done * width / total : width);
  double seconds = std::chrono::duration<double>(now - start).count();
  double left =
      done > first ? seconds * static_cast<double>(total - done) / static_cast<double>(done - first)
                   : 0;
  auto whole = static_cast<uint64_t>(left + 0.5);
  fmt::print(stderr, "\r\x1b[K{} {}/{} [{:#<{}}{:.<{}}] {}, {}/s, {}:{:02} left", label, done,
             total, "", filled, "", width - filled, bytesText(double(bytes)),
             bytesText(double(bytes) / std::max(seconds, 1e-3)), whole / 60, whole % 60);
  std::fflush(stderr);
}

} // namespace gfs::serve
