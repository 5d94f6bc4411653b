// SPDX-License-Identifier: Apache-2.0
// What servers count and how they say it.
#include "runtime/serve/MetricsText.h"
#include "runtime/serve/Monitor.h"
#include "test/unit/net/RawSocket.h"
#include "test/unit/serve/Deployment.h"

#include <gmock/gmock.h>
#include <sstream>

using namespace gfs;
using namespace gfs::testing;
using serve::Client;
using serve::Metrics;
using serve::Vitals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

namespace {

/// A server that can work.
Vitals wellVitals() {
  Vitals vitals;
  vitals.linked = true;
  vitals.materialLeft = 7;
  vitals.certificateEnd = std::chrono::sys_days(std::chrono::year(2030) / 1 / 1);
  vitals.materialSets = {{plan::Id16{0xab}, 3}, {plan::Id16{0xcd}, 4}};
  return vitals;
}

std::string textOf(const RunningServer &server) {
  return metricsText(server.server->metrics(), server.server->vitals());
}

/// What is counted after an answer was sent is there a moment later.
void awaitLine(const RunningServer &server, const std::string &line) {
  for (int i = 0; i < 1000 && textOf(server).find("\n" + line + "\n") == std::string::npos; ++i)
    std::this_thread::sleep_for(Milliseconds(2));
  EXPECT_THAT(textOf(server), HasSubstr("\n" + line + "\n"));
}

} // namespace

TEST(Metrics, EscapesHelpAndLabels) {
  serve::PrometheusText text;
  text.family("a_total", "counter", "back\\slash \"quoted\"\nline");
  text.sample(3, {{"x", "a\\b\"c\nd"}, {"y", "plain"}});
  text.single("b", "gauge", "B.", 0.25);
  EXPECT_EQ(text.text(), "# HELP a_total back\\\\slash \"quoted\"\\nline\n"
                         "# TYPE a_total counter\n"
                         "a_total{x=\"a\\\\b\\\"c\\nd\",y=\"plain\"} 3\n"
                         "# HELP b B.\n# TYPE b gauge\nb 0.25\n");
}

TEST(Metrics, HistogramsAddUp) {
  serve::SecondsHistogram times;
  for (double seconds : {0.0005, 0.001, 0.002, 100.0})
    times.observe(seconds);
  serve::PrometheusText text;
  text.histogram("t_seconds", "T.", times);
  EXPECT_THAT(text.text(), HasSubstr("t_seconds_bucket{le=\"0.001\"} 2\n"
                                     "t_seconds_bucket{le=\"0.0025\"} 3\n"));
  EXPECT_THAT(text.text(), EndsWith("t_seconds_bucket{le=\"60\"} 3\n"
                                    "t_seconds_bucket{le=\"+Inf\"} 4\n"
                                    "t_seconds_sum 100.0035\nt_seconds_count 4\n"));
}

TEST(Metrics, EveryFamilyIsDescribedOnce) {
  Metrics metrics;
  metrics.countFailed(ExitCode::Authentication, 2);
  std::istringstream lines(metricsText(metrics, wellVitals()));
  std::map<std::string, std::string> types;
  std::string family;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first, second, name, type;
    words >> first >> second >> name >> type;
    if (first != "#") {
      const std::string sample = line.substr(0, line.find_first_of("{ "));
      EXPECT_THAT(sample, StartsWith(family)) << "samples stand with their family";
      EXPECT_EQ(sample != family, types[family] == "histogram") << line;
    } else if (second == "HELP") {
      EXPECT_FALSE(types.contains(name)) << name;
      family = name;
    } else {
      EXPECT_EQ(name, family);
      EXPECT_EQ(type == "counter", name.ends_with("_total")) << line;
      types[name] = type;
    }
  }
  EXPECT_EQ(types.at("gfs_material_left"), "gauge");
  EXPECT_EQ(types.at("gfs_inferences_answered_total"), "counter");
}

TEST(Metrics, SaysWhatItIsGiven) {
  Metrics metrics;
  metrics.answered = 12;
  metrics.countFailed(ExitCode::Authentication, 2);
  const std::string text = metricsText(metrics, wellVitals());
  for (const char *line :
       {"gfs_inferences_answered_total 12", "gfs_inferences_failed_total{code=\"10\"} 0",
        "gfs_inferences_failed_total{code=\"11\"} 2", "gfs_linked 1", "gfs_ready 1",
        "gfs_material_left 7", "gfs_certificate_expiry_timestamp_seconds 1893456000",
        "gfs_material_set_left{set=\"ab000000000000000000000000000000\"} 3",
        "gfs_material_set_left{set=\"cd000000000000000000000000000000\"} 4"})
    EXPECT_THAT(text, HasSubstr(std::string("\n") + line + "\n"));
}

TEST(Metrics, HealthSaysWhyNot) {
  const Metrics metrics;
  Vitals vitals = wellVitals();
  EXPECT_EQ(monitorAnswer("/healthz", metrics, vitals).status, 200u);
  vitals.materialSpent = true;
  EXPECT_EQ(monitorAnswer("/healthz", metrics, vitals).status, 503u);
  EXPECT_EQ(monitorAnswer("/healthz", metrics, vitals).body,
            "no material is left that both servers have\n");
  vitals.materialLeft = 0;
  EXPECT_EQ(monitorAnswer("/healthz", metrics, vitals).status, 503u);
  EXPECT_EQ(monitorAnswer("/healthz", metrics, vitals).body, "no material is left\n");
  vitals.linked = false;
  EXPECT_EQ(monitorAnswer("/healthz", metrics, vitals).body, "not linked to the other server\n");
  vitals.stopping = true;
  EXPECT_EQ(monitorAnswer("/healthz", metrics, vitals).body, "shutting down\n");
  EXPECT_EQ(monitorAnswer("/metrics", metrics, vitals).status, 200u);
  EXPECT_EQ(monitorAnswer("/", metrics, vitals).status, 404u);
}

TEST(Metrics, CountsWhatServersDo) {
  Deployment deployment;
  RunningServer zero(deployment, Party::Zero, quick());
  const serve::Monitor monitor({"127.0.0.1", 0}, *zero.server);
  EXPECT_THAT(httpGet(monitor.local(), "/healthz"), EndsWith("not linked to the other server\n"));
  {
    RunningServer one(deployment, Party::One, quick(zero.address()));
    Client client(deployment.loaded, clientOf(zero.address(), one.address()));
    const std::vector<int64_t> x = {1, 2, 3, 4};
    infer(client, deployment, x);
    const std::vector<std::vector<ClearWords>> five = [&] {
      std::vector<std::vector<ClearWords>> batch(5);
      for (std::vector<ClearWords> &inputs : batch)
        inputs.push_back(wordsOf(deployment.loaded.ring(), x));
      return batch;
    }();
    client.infer(five);
    for (const RunningServer *server : {&zero, &one}) {
      awaitLine(*server, "gfs_inferences_answered_total 6");
      awaitLine(*server, "gfs_requests_open 0");
      awaitLine(*server, "gfs_exchanges_total 2");
      awaitLine(*server, "gfs_peer_sent_bytes_total 96");
      awaitLine(*server, "gfs_peer_received_bytes_total 96");
      awaitLine(*server, "gfs_peer_links_total 1");
      awaitLine(*server, "gfs_pass_online_seconds_count 2");
      awaitLine(*server, "gfs_material_left 2");
      awaitLine(*server, "gfs_records_ready 2");
      awaitLine(*server, "gfs_clients 1");
    }
    EXPECT_THAT(httpGet(monitor.local(), "/healthz"), StartsWith("HTTP/1.1 200 OK"));
    EXPECT_THAT(httpGet(monitor.local(), "/metrics"), HasSubstr("\ngfs_material_left 2\n"));
    // What can run runs, but the request is answered as a whole.
    EXPECT_THROW(client.infer(five), Error);
    for (const RunningServer *server : {&zero, &one}) {
      awaitLine(*server, "gfs_inferences_failed_total{code=\"13\"} 5");
      awaitLine(*server, "gfs_inferences_answered_total 6");
      awaitLine(*server, "gfs_material_left 0");
    }
    EXPECT_THAT(httpGet(monitor.local(), "/healthz"), EndsWith("no material is left\n"));
  }
  awaitLine(zero, "gfs_linked 0");
}

TEST(Metrics, CountsRefusedRequests) {
  Deployment deployment;
  serve::ServerOptions few = quick();
  few.maxGroup = 2;
  RunningServer zero(deployment, Party::Zero, few);
  few.peer = zero.address();
  RunningServer one(deployment, Party::One, few);
  Client client(deployment.loaded, clientOf(zero.address(), one.address()));
  std::vector<std::vector<ClearWords>> three(3);
  for (std::vector<ClearWords> &inputs : three)
    inputs.push_back(wordsOf(deployment.loaded.ring(), std::vector<int64_t>{1, 2, 3, 4}));
  EXPECT_THROW(client.infer(three), Error);
  awaitLine(zero, "gfs_inferences_failed_total{code=\"5\"} 2"); // as many as it may ask for
}
