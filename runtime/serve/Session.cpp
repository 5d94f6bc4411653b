// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Session.h"

#include <spdlog/spdlog.h>

namespace gfs::serve {

void Session::run() noexcept {
  const std::string who = connection->peerText();
  try {
    greet();
    spdlog::info("{}: connected", who);
    while (serveOne()) {
    }
    spdlog::info("{}: left", who);
  } catch (const Error &error) {
    spdlog::warn("{}: {}", who, error.what());
    connection->closeWith(error);
  } catch (const std::exception &error) {
    spdlog::error("{}: {}", who, error.what());
    connection->closeWith(Error(ExitCode::Failure, "the server failed", "see its log"));
  }
}

void Session::shutdown() noexcept {
  std::lock_guard lock(mutex);
  stopping = true;
  if (idle)
    connection->interrupt();
}

bool Session::enterIdle() {
  std::lock_guard lock(mutex);
  idle = std::chrono::steady_clock::now();
  return !stopping;
}

void Session::leaveIdle() {
  std::lock_guard lock(mutex);
  idle.reset();
}

std::optional<std::chrono::steady_clock::time_point> Session::idleSince() const {
  std::lock_guard lock(mutex);
  return idle;
}

bool Session::isLeaving() const {
  std::lock_guard lock(mutex);
  return stopping;
}

void Session::logLeaving(const Error &error) { spdlog::debug("{}", error.what()); }

} // namespace gfs::serve
