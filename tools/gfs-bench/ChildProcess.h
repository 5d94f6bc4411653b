// SPDX-License-Identifier: Apache-2.0
// Another program that a benchmark runs.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace gfs {

struct ChildOptions {
  std::vector<std::string> command; ///< Path of the program and its arguments.
  std::filesystem::path output;     ///< Where standard output goes; empty: with our own.
  std::filesystem::path errors;     ///< Where standard error goes; empty: with our own.
  std::optional<unsigned> core;     ///< The one processor it may use.
};

/// Ends with the object, and with us if we are killed.
class ChildProcess {
public:
  /// Errors: InputUnreadable (no such program), OutputUnwritable, Failure.
  explicit ChildProcess(ChildOptions options);
  ~ChildProcess();
  ChildProcess(const ChildProcess &) = delete;
  ChildProcess &operator=(const ChildProcess &) = delete;

  bool running();
  /// Waits for its end. Returns the exit code, 128 + signal if a signal ended it.
  int wait();
  /// The most memory it has held so far, in bytes; 0 if it has ended.
  uint64_t peakBytes() const;
  /// The end of what it wrote to `errors`: why it failed.
  std::string lastError() const;

private:
  ChildOptions options;
  pid_t pid = -1; ///< -1 after its end.
  int exitCode = 0;
};

/// Where a program that is installed with us lies. Errors: InputUnreadable.
std::filesystem::path siblingProgram(const std::string &name);

/// The processor for server `party` if there is one for each, so that they do not move.
std::optional<unsigned> coreOf(unsigned party);

} // namespace gfs
