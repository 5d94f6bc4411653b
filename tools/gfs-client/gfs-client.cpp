// SPDX-License-Identifier: Apache-2.0
// gfs-client: shares an input to both servers and joins their answers; or asks how they are.
#include "runtime/serve/InferAll.h"
#include "runtime/serve/Progress.h"
#include "tools/common/CostFlags.h"
#include "tools/common/LinkFlags.h"
#include "tools/common/Process.h"
#include "tools/common/WorkloadFlags.h"
#include "tools/gfs-client/Check.h"

using namespace gfs;

namespace {

struct Options {
  std::filesystem::path plan;
  std::array<std::string, 2> servers, fingerprints;
  LinkFlags link;
  CostFlags costs;
  WorkloadFlags workload;
  unsigned timeoutMs = 60000, connectMs = 10000;
  serve::Pace pace;
  unsigned retrySeconds = 60;
  bool quiet = false;
};

} // namespace

static serve::ClientOptions clientOptions(const Options &options) {
  serve::ClientOptions client;
  for (size_t i : {0, 1}) {
    client.servers[i] = parseEndpoint(options.servers[i], fmt::format("--server{}", i));
    if (!options.fingerprints[i].empty())
      client.fingerprints[i] =
          parseFingerprint(options.fingerprints[i], fmt::format("--fingerprint{}", i));
  }
  client.security = options.link.make("gfs-client", "client:plaintext");
  if (const std::string &role = client.security->ownRole(); !role.starts_with("client:"))
    throw Error(
        ExitCode::Authentication,
        fmt::format("the certificate is for \"{}\", but clients need one for client:NAME", role),
        "gfs-ca issue DIR --role client:NAME");
  client.timeout = Milliseconds(options.timeoutMs);
  client.connectFor = Milliseconds(options.connectMs);
  return client;
}

/// Infers all; a lost connection is told, and tried again. The answers of a run that fails are
/// kept.
static serve::InferredAll inferAll(const Options &options, const plan::LoadedPlan &plan,
                                   const serve::ClientOptions &client, serve::Workload &workload) {
  serve::Progress progress("inferring", workload.requests(), 0,
                           options.quiet || workload.requests() == 1);
  const serve::InferEvents events{
      [&](uint64_t done, uint64_t bytes) { progress.update(done, bytes); },
      [&](const Error &error) {
        progress.clear();
        fmt::print(stderr, "gfs-client: warning: {}; trying again for {} s\n", error.what(),
                   options.retrySeconds);
      }};
  try {
    return serve::inferAll(plan, client, workload, options.pace, events);
  } catch (const Error &error) {
    throw options.workload.keepAnswers(workload, error);
  }
}

static void infer(Options &options) {
  const Environment environment = options.costs.environment();
  plan::LoadedPlan plan = plan::readPlan(options.plan);
  options.pace.retryFor = std::chrono::seconds(options.retrySeconds);
  SignalWatch signals;
  std::stop_source stop;
  serve::ClientOptions client = clientOptions(options);
  client.stop = stop.get_token();
  serve::Workload workload = options.workload.load(plan.plan);
  std::jthread watcher = signals.start([&] { stop.request_stop(); });
  const serve::InferredAll inferred = inferAll(options, plan, client, workload);
  // What is predicted is one inference alone.
  std::optional<serve::PredictedTime> predicted;
  if (options.pace.together == 1 && options.pace.inFlight == 1)
    predicted = serve::PredictedTime{1e3 * predictTime(Program(plan), environment).seconds(),
                                     environment.text()};
  const double perSecond =
      static_cast<double>(workload.requests()) / std::max(inferred.seconds, 1e-9);
  options.workload.report(plan, workload, inferred.costs, {}, predicted, options.quiet, perSecond);
}

/// What reaching the servers takes, for every subcommand, before or behind its name.
static void addServerFlags(CLI::App &app, Options &options) {
  const char *servers = "Servers (of every subcommand)", *connection = "Connection";
  app.add_option("--plan", options.plan, "plan.bin, the same as the servers'")
      ->required()
      ->group(servers);
  for (size_t i : {0, 1}) {
    app.add_option(fmt::format("--server{}", i), options.servers[i], "HOST:PORT of this server")
        ->required()
        ->group(servers);
    app.add_option(fmt::format("--fingerprint{}", i), options.fingerprints[i],
                   "SHA-256 this server's certificate must have")
        ->group(connection);
  }
  options.link.addTo(app);
  app.add_option("--timeout-ms", options.timeoutMs, "How long to wait for an answer")
      ->check(CLI::Range(1u, 86400000u))
      ->capture_default_str()
      ->group(connection);
  app.add_option("--connect-ms", options.connectMs, "How long to try to reach a server")
      ->check(CLI::Range(0u, 86400000u))
      ->capture_default_str()
      ->group(connection);
}

/// `name` and flags of its own; what it does not know is the app's.
static CLI::App *addSubcommand(CLI::App &app, const char *name, const char *purpose,
                               const char *examples) {
  CLI::App *command = app.add_subcommand(name, purpose);
  command->fallthrough();
  command->footer(
      fmt::format("Servers, certificates and --config: see gfs-client --help.\n{}", examples));
  return command;
}

static CLI::App *addInfer(CLI::App &app, Options &options) {
  CLI::App *command = addSubcommand(
      app, "infer", "Infer one input, or many with --batch",
      "Examples:\n"
      "  gfs-client infer --plan plan.bin --server0 s0.example.org:7000 --server1 "
      "s1.example.org:7001 \\\n"
      "             --cert alice.crt --cert-key alice.key --ca ca.crt --input digit.npy --top 3\n"
      "  gfs-client infer --config client.toml --input test.npz:images --batch --labels "
      "test.npz:labels --json stats.json");
  options.costs.addTo(*command);
  options.workload.addTo(*command);
  command
      ->add_option("--together", options.pace.together,
                   "With --batch: so many of them in one request, with as many exchanges as for "
                   "one (no more than the servers' --max-group)")
      ->check(CLI::Range(1u, 1000000u))
      ->capture_default_str()
      ->group("Inputs and outputs");
  command
      ->add_option("--in-flight", options.pace.inFlight,
                   "With --batch: so many requests at the same time, each on connections of its "
                   "own; those that wait together run together (no more than the servers' "
                   "--max-clients)")
      ->check(CLI::Range(1u, 1024u))
      ->capture_default_str()
      ->group("Inputs and outputs");
  command
      ->add_option("--retry-s", options.retrySeconds,
                   "Seconds for which a request whose connection was lost is made anew, while a "
                   "server restarts for example; it may take new material; 0: not at all")
      ->check(CLI::Range(0u, 86400u))
      ->capture_default_str()
      ->group("Inputs and outputs");
  command->add_flag("-q,--quiet", options.quiet, "Print no summary");
  return command;
}

static void addCheck(CLI::App &app) {
  addSubcommand(app, "check",
                "Ask both servers whether they are ready: connection, certificate, plan, link "
                "between them, material left. Uses no material",
                "Examples:\n"
                "  gfs-client check --plan plan.bin --server0 s0.example.org:7000 --server1 "
                "s1.example.org:7001 \\\n"
                "             --cert alice.crt --cert-key alice.key --ca ca.crt\n"
                "  gfs-client check --config client.toml");
}

int main(int argc, char **argv) {
  Options options;
  CLI::App app{"Asks two gfsrun servers for private inferences.", "gfs-client"};
  app.require_subcommand(1);
  addServerFlags(app, options);
  takeConfigFile(app, "plan = \"plan.bin\"");
  const CLI::App *inferCommand = addInfer(app, options);
  addCheck(app);
  if (std::optional<int> exitCode = parseCommandLine(app, argc, argv))
    return *exitCode;
  return runTool("gfs-client", [&] {
    keepMemoryPrivate();
    if (*inferCommand)
      infer(options);
    else
      checkServers(plan::readPlan(options.plan), clientOptions(options));
  });
}
