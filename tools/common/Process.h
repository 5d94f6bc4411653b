// SPDX-License-Identifier: Apache-2.0
// Process-wide settings of tools that hold secrets or run for long.
#pragma once

#include <chrono>
#include <csignal>
#include <functional>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

namespace gfs {

/// Keeps seeds and material out of core files.
inline void forbidCoreDumps() {
  rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
}

/// Ends a program in order. To be made before any other thread, which inherits that the signals are
/// blocked.
class SignalWatch {
public:
  SignalWatch() {
    sigemptyset(&watched);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &watched, nullptr);
  }

  /// Calls `onSignal` at the first SIGINT or SIGTERM, on the thread returned; the second ends the
  /// process at once.
  std::jthread start(std::function<void()> onSignal) const {
    return std::jthread(
        [watched = watched, onSignal = std::move(onSignal)](const std::stop_token &stop) {
          for (int received = 0; !stop.stop_requested();) {
            timespec slice{0, 100'000'000};
            int signal = sigtimedwait(&watched, nullptr, &slice);
            if (signal <= 0)
              continue;
            if (received++ > 0)
              _exit(128 + signal);
            onSignal();
          }
        });
  }

private:
  sigset_t watched;
};

} // namespace gfs
