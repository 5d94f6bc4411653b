// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/MetricsText.h"

#include "runtime/base/CpuVariant.h"

namespace gfs::serve {

/// Codes a request can end with: there from the start, so that their rates are right at once.
static constexpr std::array requestCodes = {
    ExitCode::Failure,       ExitCode::InvalidInput, ExitCode::Network, ExitCode::MaterialExhausted,
    ExitCode::MaterialReuse, ExitCode::Integrity,    ExitCode::Device,  ExitCode::Internal};

/// `quoted`: a label's value, else a HELP text.
static std::string escaped(std::string_view text, bool quoted) {
  std::string out;
  for (char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || (quoted && c == '"'))
      out += '\\';
    out += c;
  }
  return out;
}

void PrometheusText::family(std::string_view name, std::string_view type, std::string_view help) {
  current = name;
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escaped(help, false), name, type);
}

void PrometheusText::line(std::string_view suffix, double value, const Labels &labels) {
  out += current;
  out += suffix;
  for (size_t i = 0; i < labels.size(); ++i)
    out += fmt::format("{}{}=\"{}\"", i == 0 ? "{" : ",", labels[i].first,
                       escaped(labels[i].second, true));
  out += fmt::format("{} {}\n", labels.empty() ? "" : "}", value);
}

void PrometheusText::single(std::string_view name, std::string_view type, std::string_view help,
                            double value) {
  family(name, type, help);
  sample(value);
}

void PrometheusText::histogram(std::string_view name, std::string_view help,
                               const SecondsHistogram &values) {
  family(name, "histogram", help);
  uint64_t upTo = 0;
  for (size_t i = 0; i < SecondsHistogram::bounds.size(); ++i) {
    upTo += values.count(i);
    line("_bucket", static_cast<double>(upTo),
         {{"le", fmt::format("{}", SecondsHistogram::bounds[i])}});
  }
  upTo += values.count(SecondsHistogram::bounds.size());
  line("_bucket", static_cast<double>(upTo), {{"le", "+Inf"}});
  line("_sum", values.sum(), {});
  line("_count", static_cast<double>(upTo), {});
}

static void writeFailures(PrometheusText &text, const Metrics &metrics) {
  text.family("gfs_inferences_failed_total", "counter",
              "Inferences that ended with an error, by exit code.");
  for (size_t code = 0; code < metrics.failed.size(); ++code)
    if (const uint64_t count = metrics.failed[code];
        count > 0 || std::ranges::count(requestCodes, static_cast<ExitCode>(code)) > 0)
      text.sample(static_cast<double>(count), {{"code", fmt::format("{}", code)}});
}

static void writeTraffic(PrometheusText &text, const Metrics &metrics) {
  auto counter = [&](std::string_view name, std::string_view help, double value) {
    text.single(name, "counter", help, value);
  };
  counter("gfs_exchanges_total", "Exchanges with the other server, in passes.",
          static_cast<double>(metrics.exchanges));
  counter("gfs_peer_sent_bytes_total",
          "Bytes sent to the other server in passes, without framing and TLS.",
          static_cast<double>(metrics.sentBytes));
  counter("gfs_peer_received_bytes_total",
          "Bytes received from the other server in passes, without framing and TLS.",
          static_cast<double>(metrics.receivedBytes));
  counter("gfs_peer_wait_seconds_total", "Time that passes waited for the other server.",
          metrics.waitSeconds);
  counter("gfs_material_delivered_total", "Inferences of the sets that a dealer has brought.",
          static_cast<double>(metrics.delivered));
  counter("gfs_peer_links_total", "Times the server was linked to the other one.",
          static_cast<double>(metrics.links));
  text.histogram("gfs_pass_online_seconds",
                 "Time from the first online step of a pass to the last; a pass runs one or more "
                 "inferences.",
                 metrics.onlineSeconds);
}

static void writeVitals(PrometheusText &text, const Vitals &vitals) {
  auto gauge = [&](std::string_view name, std::string_view help, uint64_t value) {
    text.single(name, "gauge", help, static_cast<double>(value));
  };
  gauge("gfs_inferences_waiting", "Inferences that wait for a pass.", vitals.inferencesWaiting);
  gauge("gfs_clients", "Clients connected.", vitals.clients);
  gauge("gfs_linked", "1 while linked to the other server.", vitals.linked);
  gauge("gfs_ready", "1 while requests can be answered: linked, and material is left.",
        whyNotReady(vitals).empty());
  gauge("gfs_records_ready", "Records of material prepared ahead of requests.",
        vitals.recordsReady);
  if (vitals.certificateEnd)
    gauge("gfs_certificate_expiry_timestamp_seconds",
          "When the server's certificate expires, in seconds since 1970.",
          static_cast<uint64_t>(vitals.certificateEnd->time_since_epoch().count()));
  gauge("gfs_material_left", "Inferences that one-time material is left for, in all sets.",
        vitals.materialLeft);
  text.family("gfs_material_set_left", "gauge", "The same by set of material.");
  for (const MaterialLeft &set : vitals.materialSets)
    text.sample(static_cast<double>(set.inferences), {{"set", plan::hex(set.id)}});
}

std::string metricsText(const Metrics &metrics, const Vitals &vitals) {
  PrometheusText text;
  text.family("gfs_build_info", "gauge", "1; version and kind of kernels of the server.");
  text.sample(1, {{"version", GFS_VERSION}, {"kernels", variantName(selectedVariant())}});
  text.family("gfs_plan_info", "gauge", "1; which server this is, and the hash of its plan.");
  text.sample(
      1, {{"party", fmt::format("{}", index(vitals.party))}, {"plan", plan::hex(vitals.planHash)}});
  text.single("gfs_inferences_answered_total", "counter", "Inferences whose results were sent.",
              static_cast<double>(metrics.answered));
  writeFailures(text, metrics);
  text.single("gfs_requests_open", "gauge", "Requests that wait or run.",
              static_cast<double>(metrics.openRequests));
  writeTraffic(text, metrics);
  writeVitals(text, vitals);
  return text.text();
}

std::string whyNotReady(const Vitals &vitals) {
  if (vitals.stopping)
    return "shutting down";
  if (!vitals.linked)
    return "not linked to the other server";
  if (vitals.materialLeft == 0)
    return "no material is left";
  if (vitals.materialSpent)
    return "no material is left that both servers have";
  return {};
}

} // namespace gfs::serve
