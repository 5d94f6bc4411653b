// SPDX-License-Identifier: Apache-2.0
// One exception type for everything a user can cause, and the exit code that goes with it.
#pragma once

#include <fmt/format.h>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

namespace gfs {

/// Process exit codes; stable, documented in docs/exit-codes.md.
enum class ExitCode : int {
  Ok = 0,
  Failure = 1,          ///< Anything not listed below.
  Usage = 2,            ///< A flag is wrong, missing or contradicts another.
  InputUnreadable = 3,  ///< A file cannot be opened or read.
  OutputUnwritable = 4, ///< A file cannot be created or written.
  InvalidInput = 5,    ///< A file was read but is not a valid model, plan, key, material or tensor.
  Unsupported = 6,     ///< The model uses something GFS cannot run privately.
  RangeCheck = 7,      ///< A range, accuracy or budget demand cannot be met.
  VerifyMismatch = 8,  ///< Outputs differ from the expected ones.
  Network = 10,        ///< The peer or a server cannot be reached, was lost, or timed out.
  Authentication = 11, ///< TLS or certificate failure.
  PlanMismatch = 12,   ///< Plan, weights, keys or material do not belong together, or to the peer.
  MaterialExhausted = 13, ///< No unused one-time material is left.
  MaterialReuse = 14,     ///< Re-use of one-time material was refused.
  Integrity = 15,         ///< A checksum or authentication tag does not match.
  Device = 20,            ///< No usable accelerator, or it failed.
  Internal = 70,          ///< A bug in GFS.
};

/// An error a user can act on: `message` names the place and the cause, `hint` the next step.
/// Never put secret values (shares, masks, keys, weights, inputs) in either.
class Error : public std::runtime_error {
public:
  Error(ExitCode code, const std::string &message, std::string hint = {})
      : std::runtime_error(message), exitCode(code), nextStep(std::move(hint)) {}

  ExitCode code() const { return exitCode; }
  const std::string &hint() const { return nextStep; }

private:
  ExitCode exitCode;
  std::string nextStep;
};

/// Throws Internal unless `condition`: for our own invariants, never for input from outside.
inline void check(bool condition, const char *what) {
  if (!condition)
    throw Error(ExitCode::Internal, fmt::format("internal error: {}", what),
                "please report this with the command that led to it");
}

/// Runs a tool's body, prints `tool: error: message` and `  hint: …` to stderr, returns the exit code.
/// Every main() is `return gfs::runTool("gfscc", [&] { … });`.
int runTool(const char *tool, const std::function<void()> &body);

} // namespace gfs
