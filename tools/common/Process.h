// SPDX-License-Identifier: Apache-2.0
// Process-wide settings of tools that hold secrets or run for long.
#pragma once

#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <functional>
#include <optional>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace gfs {

/// Keeps seeds and material out of core files, and out of the reach of other processes of the same
/// user (ptrace, /proc/PID/mem). The limit alone would not do: where the system pipes core files
/// into a program, it does not hold.
inline void keepMemoryPrivate() {
  rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

/// What to warn of where a key can be read or replaced by everybody on the machine; nothing if it
/// cannot, or is not there.
inline std::optional<std::string> keyExposure(const std::filesystem::path &key) {
  struct stat status{};
  if (::stat(key.c_str(), &status) != 0 || (status.st_mode & (S_IROTH | S_IWOTH)) == 0)
    return std::nullopt;
  return fmt::format("WARNING: {}: every user of this machine can {} this key (chmod 600 {})",
                     key.string(), (status.st_mode & S_IWOTH) ? "replace" : "read", key.string());
}

inline void warnIfExposed(const char *tool, const std::filesystem::path &key) {
  if (const std::optional<std::string> exposure = keyExposure(key))
    fmt::print(stderr, "{}: {}\n", tool, *exposure);
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
    return std::jthread([watched = watched,
                         onSignal = std::move(onSignal)](const std::stop_token &stop) {
      // What wakes us at the end is for this thread only.
      const std::stop_callback wake(stop, [self = pthread_self()] { pthread_kill(self, SIGTERM); });
      for (int received = 0;;) {
        const int signal = sigwaitinfo(&watched, nullptr);
        if (stop.stop_requested())
          return;
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
