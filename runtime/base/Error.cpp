// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/Error.h"

#include <csignal>
#include <cstdio>
#include <new>

namespace gfs {

static int report(const char *tool, ExitCode code, const std::string &message,
                  const std::string &hint) {
  fmt::print(stderr, "{}: error: {}\n", tool, message);
  if (!hint.empty())
    fmt::print(stderr, "  hint: {}\n", hint);
  return static_cast<int>(code);
}

int runTool(const char *tool, const std::function<void()> &body) {
  std::signal(SIGXFSZ, SIG_IGN); // a file beyond the limit of sizes is an error of its write
  auto outputFailed = [&] {
    return report(tool, ExitCode::OutputUnwritable, "standard output: cannot be written",
                  "check where it goes, and the space there");
  };
  try {
    body();
    // What is printed is buffered: a full disk shows here.
    if (std::fflush(stdout) != 0 || std::ferror(stdout))
      return outputFailed();
    return static_cast<int>(ExitCode::Ok);
  } catch (const Error &error) {
    return report(tool, error.code(), error.what(), error.hint());
  } catch (const std::bad_alloc &) {
    return report(tool, ExitCode::Failure, "out of memory",
                  "use a smaller model or batch (gfscc --shape), or a larger machine");
  } catch (const std::exception &error) {
    if (std::ferror(stdout))
      return outputFailed();
    return report(tool, ExitCode::Internal, fmt::format("internal error: {}", error.what()),
                  "please report this with the command that led to it");
  }
}

} // namespace gfs
