// SPDX-License-Identifier: Apache-2.0
// gfsrun: one of the two servers; with --local, both in one process.
#include "runtime/base/StagedFiles.h"
#include "runtime/base/ThreadPool.h"
#include "runtime/serve/Dealing.h"
#include "runtime/serve/Local.h"
#include "runtime/serve/Logging.h"
#include "runtime/serve/Monitor.h"
#include "runtime/serve/Server.h"
#include "tools/common/LinkFlags.h"
#include "tools/common/Process.h"
#include "tools/common/WorkloadFlags.h"

using namespace gfs;

namespace {

struct Options {
  serve::EngineFiles files;
  LinkFlags link;
  WorkloadFlags workload;
  int party = -1;
  std::string listen, metrics, peer, peerFingerprint, logLevel = "info", logFormat = "text",
                                                      throttle;
  std::filesystem::path portFile, machine;
  serve::ServerOptions server;
  unsigned timeoutMs = 60000, spinUs = Spin::usual.count(), aheadMb = 256, repeat = 1, threads = 0;
  bool local = false, profile = false, quiet = false;
};

} // namespace

static void addCommonFlags(CLI::App &app, Options &options) {
  app.add_option("plan", options.files.plan, "plan.bin")->required();
  app.add_option("--weights", options.files.weights, "Weights (default PLAN.weights)");
  app.add_option("--key", options.files.key,
                 "Key (default PLAN.s0.key or PLAN.s1.key; with --local PLAN.dealer.key)");
  app.add_option("--device", options.files.device,
                 "Where passes run: cpu, cuda, cuda:N (GPU N) or auto (a GPU if there is one)")
      ->capture_default_str();
  app.add_option("--throttle", options.throttle,
                 "Imitate a network between the servers, for measurements on one machine: lan, wan "
                 "or rtt=MS,bw=MBIT");
  app.add_option("--threads", options.threads,
                 "Threads of each server that work on a request (default: one per processor it may "
                 "use; with --local half of them)")
      ->check(CLI::Range(1u, 1024u));
  app.add_flag("-q,--quiet", options.quiet, "Log warnings only; with --local print no summary");
}

static void addServerFlags(CLI::App &app, Options &options) {
  const char *server = "Server";
  app.add_option("--party", options.party, "Which server this is: 0 or 1")
      ->check(CLI::Range(0, 1))
      ->group(server);
  app.add_option(
         "--material", options.files.material,
         "One-time material: a file, or a folder that may get more (default PLAN.s0.material or "
         ".s1.)")
      ->group(server);
  app.add_option("--listen", options.listen, "HOST:PORT to listen on; port 0 takes a free one")
      ->group(server);
  app.add_option("--peer", options.peer,
                 "HOST:PORT where the other server listens (server 1 needs it)")
      ->group(server);
  app.add_option("--peer-fingerprint", options.peerFingerprint,
                 "SHA-256 the other server's certificate must have")
      ->group(server);
  app.add_option("--requests", options.server.requests, "Stop after so many requests")
      ->group(server);
  app.add_option("--timeout-ms", options.timeoutMs,
                 "How long to wait for the other side in any step")
      ->check(CLI::Range(1u, 86400000u))
      ->capture_default_str()
      ->group(server);
  app.add_option("--spin-us", options.spinUs,
                 "How long an exchange polls at most before it sleeps, while nothing else is to do "
                 "and it has paid; 0: never")
      ->check(CLI::Range(0u, 1000000u))
      ->capture_default_str()
      ->group(server);
  app.add_option("--low-material", options.files.lowMaterial,
                 "Warn when material for fewer inferences than this is left")
      ->group(server);
  app.add_option("--max-queue", options.server.maxQueue, "Requests that may wait")
      ->capture_default_str()
      ->group(server);
  app.add_option("--max-group", options.server.maxGroup,
                 "Waiting inferences that run in one pass; also the most in one request")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str()
      ->group(server);
  app.add_option("--ahead-mb", options.aheadMb,
                 "Memory in MB for records read and prepared before anybody asks: one record "
                 "whatever its size, none with 0")
      ->check(CLI::Range(0u, 1u << 20))
      ->capture_default_str()
      ->group(server);
  app.add_option("--max-clients", options.server.maxClients,
                 "Connections of clients; one more takes the place of the one that has asked "
                 "nothing for longest, 10 s at least")
      ->capture_default_str()
      ->group(server);
  app.add_option("--port-file", options.portFile, "Write the port to this file once it is open")
      ->group(server);
  app.add_option("--metrics", options.metrics,
                 "HOST:PORT for /metrics (Prometheus) and /healthz; off unless given; neither "
                 "authenticated nor encrypted: keep it to this machine")
      ->group(server);
  app.add_option("--log-level", options.logLevel, "trace, debug, info, warn, error or off")
      ->capture_default_str()
      ->group(server);
  app.add_option("--log-format", options.logFormat, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str()
      ->group(server);
  options.link.addTo(app);
}

static void addLocalFlags(CLI::App &app, Options &options) {
  const char *local = "Local run";
  app.add_flag("--local", options.local,
               "Run both servers and the dealer here, on the inputs given")
      ->excludes("--party")
      ->group(local);
  app.add_option("--repeat", options.repeat, "Run every request so often")
      ->check(CLI::Range(1u, 1000000u))
      ->capture_default_str()
      ->group(local);
  app.add_flag("--profile", options.profile,
               "Print time, predicted time, bytes and exchanges of every step")
      ->group(local);
  app.add_option("--machine", options.machine,
                 "This machine's speed, as gfs-bench --calibrate -o FILE wrote it: for predictions")
      ->group(local);
  options.workload.addTo(app);
}

static std::optional<NetworkProfile> throttleOf(const Options &options) {
  if (options.throttle.empty())
    return std::nullopt;
  return parseNetworkProfile(options.throttle, "--throttle");
}

/// `servers` in this process share the processors.
static unsigned threadsOf(const Options &options, unsigned servers) {
  return options.threads > 0 ? options.threads : std::max(1u, availableProcessors() / servers);
}

static void runLocal(Options &options) {
  const SignalWatch signals;
  std::stop_source stop;
  ModelPaths beside = ModelPaths::beside(options.files.plan);
  plan::LoadedPlan plan = plan::readPlan(options.files.plan);
  serve::Workload workload = options.workload.load(plan.plan);
  serve::LocalOptions local;
  local.repeat = options.repeat;
  local.throttle = throttleOf(options);
  local.device = options.files.device;
  local.threads = threadsOf(options, 2);
  local.timeSteps = options.profile;
  if (!options.machine.empty())
    local.machine = readMachineProfile(options.machine);
  local.stop = stop.get_token();
  const std::jthread watcher = signals.start([&] { stop.request_stop(); });
  serve::LocalReport report = [&] {
    try {
      return serve::runLocally(
          plan, options.files.weights.empty() ? beside.weights : options.files.weights,
          options.files.key.empty() ? beside.dealerKey : options.files.key, workload, local);
    } catch (const Error &error) {
      if (workload.answered() == 0)
        throw;
      throw options.workload.keepAnswers(workload, error, options.repeat);
    }
  }();
  if (options.files.device != "cpu" && !options.quiet)
    fmt::print("device: {}\n", report.device);
  const TimePrediction &time = report.predicted;
  if (options.profile && !options.quiet)
    fmt::print("predicted online: {:.3f} ms = compute {:.3f} + delays {:.3f} + transfer {:.3f}\n",
               1e3 * time.seconds(), 1e3 * time.total.computeSeconds, 1e3 * time.total.delaySeconds,
               1e3 * time.total.transferSeconds);
  if (!options.profile)
    report.profile.clear();
  options.workload.report(plan, workload, report.costs, report.profile,
                          serve::PredictedTime{1e3 * time.seconds(), time.environment.text()},
                          options.quiet);
}

static void runServer(Options &options) {
  if (options.party < 0)
    throw Error(ExitCode::Usage, "--party 0 or --party 1 is needed",
                "--local runs both in this process");
  if (options.listen.empty())
    throw Error(ExitCode::Usage, "--listen is needed", "for example --listen 0.0.0.0:7000");
  auto party = static_cast<Party>(options.party);
  ModelPaths beside = ModelPaths::beside(options.files.plan);
  if (options.files.weights.empty())
    options.files.weights = beside.weights;
  if (options.files.key.empty())
    options.files.key = beside.partyKey[index(party)];
  warnIfExposed("gfsrun", options.files.key);
  if (options.files.material.empty())
    options.files.material = serve::defaultMaterial(options.files.plan, party);
  options.files.aheadBytes = uint64_t(options.aheadMb) << 20;
  serve::setUpLogging(options.quiet ? "warn" : options.logLevel, options.logFormat == "json");

  serve::ServerOptions &server = options.server;
  server.listen = parseEndpoint(options.listen, "--listen");
  if (!options.peer.empty())
    server.peer = parseEndpoint(options.peer, "--peer");
  if (!options.peerFingerprint.empty())
    server.peerFingerprint = parseFingerprint(options.peerFingerprint, "--peer-fingerprint");
  server.security = options.link.make("gfsrun", fmt::format("server{}", options.party));
  server.timeout = Milliseconds(options.timeoutMs);
  server.spin = std::chrono::microseconds(options.spinUs);
  server.throttle = throttleOf(options);
  if (server.throttle)
    fmt::print(stderr, "gfsrun: imitates a network between the servers ({})\n",
               server.throttle->text());
  options.files.threads = threadsOf(options, 1);
  SignalWatch signals;
  serve::Engine engine(options.files, party);
  std::string listening;
  server.onReady = [&] {
    fmt::print("gfsrun: ready, party {}, plan {} ({}), listening on {}, material {} left\n",
               options.party, engine.program().plan().model(),
               plan::hex(engine.planHash()).substr(0, 8), listening, engine.materialLeft());
    std::fflush(stdout);
  };
  serve::Server running(server, engine);
  listening = running.local().text();
  if (!options.portFile.empty())
    writeFile(options.portFile,
              fmt::format("{}\n", running.local().port)); // whole: it is waited for
  std::optional<serve::Monitor> monitor;
  if (!options.metrics.empty())
    monitor.emplace(parseEndpoint(options.metrics, "--metrics"), running);
  std::jthread watcher = signals.start([&] { running.stop(); });
  running.run();
}

int main(int argc, char **argv) {
  Options options;
  CLI::App app{
      "Runs a plan as one of the two servers. Neither server learns inputs, weights or outputs.",
      "gfsrun"};
  app.footer("Examples:\n"
             "  gfsrun plan.bin --party 0 --listen 0.0.0.0:7000 --cert s0.crt --cert-key s0.key "
             "--ca ca.crt\n"
             "  gfsrun plan.bin --party 1 --listen 0.0.0.0:7001 --peer s0.example.org:7000 --cert "
             "s1.crt \\\n"
             "         --cert-key s1.key --ca ca.crt\n"
             "  gfsrun --config server1.toml           with plan = \"plan.bin\", party = 1, …\n"
             "  gfsrun plan.bin --local --input image.npy --profile");
  addCommonFlags(app, options);
  addServerFlags(app, options);
  addLocalFlags(app, options);
  takeConfigFile(app);
  if (std::optional<int> exitCode = parseCommandLine(app, argc, argv))
    return *exitCode;
  return runTool("gfsrun", [&] {
    keepMemoryPrivate();
    if (options.local) {
      refuseGroups(app, {"Server", "Connection"}, "has no effect with --local");
      runLocal(options);
    } else {
      refuseGroups(app, {"Local run", "Inputs and outputs"}, "has no effect without --local");
      runServer(options);
    }
  });
}
