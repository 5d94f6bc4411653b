// SPDX-License-Identifier: Apache-2.0
// Tells whoever watches a server how it is: /metrics for Prometheus, /healthz for a supervisor.
#pragma once

#include "runtime/net/HttpServer.h"
#include "runtime/serve/Server.h"

namespace gfs::serve {

/// What GET `path` gets: /metrics, the text of MetricsText.h; /healthz, 200 if requests can be
/// answered, 503 with the reason if not (any answer means that the process lives); else 404.
HttpAnswer monitorAnswer(std::string_view path, const Metrics &metrics, const Vitals &vitals);

class Monitor {
public:
  /// Answers at `at` until destroyed, on a thread of its own that only reads what `server` counts;
  /// logs where, and a warning if other machines reach it. `server` must outlive it. Errors:
  /// Network (the address cannot be bound).
  Monitor(const Endpoint &at, const Server &server);

  Endpoint local() const { return http.local(); }

private:
  HttpServer http;
};

} // namespace gfs::serve
