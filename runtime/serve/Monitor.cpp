// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Monitor.h"

#include "runtime/serve/MetricsText.h"

#include <spdlog/spdlog.h>

namespace gfs::serve {

HttpAnswer monitorAnswer(std::string_view path, const Metrics &metrics, const Vitals &vitals) {
  if (path == "/metrics")
    return {200, metricsText(metrics, vitals), std::string(prometheusType)};
  if (path != "/healthz")
    return {404, "here are /metrics and /healthz\n"};
  const std::string reason = whyNotReady(vitals);
  return reason.empty() ? HttpAnswer{200, "ok\n"} : HttpAnswer{503, reason + "\n"};
}

Monitor::Monitor(const Endpoint &at, const Server &server)
    : http(at, "--metrics", [&server](std::string_view path) {
        return monitorAnswer(path, server.metrics(), server.vitals());
      }) {
  spdlog::info("metrics at http://{}/metrics", local().text());
  if (!http.isLoopback())
    spdlog::warn("--metrics {}: whoever reaches this address reads how many inferences run and "
                 "when; there is neither authentication nor encryption",
                 local().text());
}

} // namespace gfs::serve
