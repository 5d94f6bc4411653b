// SPDX-License-Identifier: Apache-2.0
// Metrics as text that Prometheus reads (exposition format 0.0.4).
#pragma once

#include "runtime/serve/Metrics.h"

#include <string>
#include <string_view>
#include <utility>

namespace gfs::serve {

/// Builds such a text, family by family.
class PrometheusText {
public:
  using Labels = std::vector<std::pair<std::string_view, std::string>>;

  /// Begins a family. `type`: counter, gauge or histogram.
  void family(std::string_view name, std::string_view type, std::string_view help);
  /// A sample of the family begun last.
  void sample(double value, const Labels &labels = {}) { line({}, value, labels); }
  /// Family and only sample.
  void single(std::string_view name, std::string_view type, std::string_view help, double value);
  void histogram(std::string_view name, std::string_view help, const SecondsHistogram &values);

  const std::string &text() const { return out; }

private:
  void line(std::string_view suffix, double value, const Labels &labels);

  std::string current, out;
};

/// The content type that belongs to it.
inline constexpr std::string_view prometheusType = "text/plain; version=0.0.4; charset=utf-8";

std::string metricsText(const Metrics &metrics, const Vitals &vitals);

/// Why a server cannot answer requests now; empty if it can.
std::string whyNotReady(const Vitals &vitals);

} // namespace gfs::serve
