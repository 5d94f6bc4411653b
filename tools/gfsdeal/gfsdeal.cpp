// SPDX-License-Identifier: Apache-2.0
// gfsdeal: makes one-time material for both servers, before any input exists.
#include "runtime/exec/Weights.h"
#include "runtime/serve/Dealing.h"
#include "runtime/serve/Delivery.h"
#include "runtime/serve/Logging.h"
#include "runtime/serve/Summary.h"
#include "tools/common/LinkFlags.h"
#include "tools/common/Process.h"

using namespace gfs;

namespace {

struct Options {
  serve::DealOptions deal;
  std::string to[2], fingerprints[2];
  LinkFlags link;
  uint64_t keep = 0;
  unsigned everySeconds = 5, timeoutMs = 60000;
  std::string logFormat = "text";

  bool delivers() const { return !to[0].empty() || !to[1].empty(); }
};

} // namespace

static void addFlags(CLI::App &app, Options &options) {
  serve::DealOptions &deal = options.deal;
  app.add_option("plan", deal.plan, "plan.bin")->required();
  app.add_option("-n", deal.records, "Number of inferences, of each set")->required();
  app.add_option("--key", deal.dealerKey, "Dealer's key (default PLAN.dealer.key)");
  app.add_option("--weights", deal.weights,
                 "Weights, for plans with public weights (default PLAN.weights)");
  app.add_option("--threads", deal.threads, "Threads (default: one per processor)");
  app.add_option("--device", deal.device,
                 "Where records are made: cpu, cuda[:N] or auto (a GPU if there is a usable one)")
      ->capture_default_str();
  app.add_flag("-q,--quiet", deal.quiet, "Print nothing on success; with --keep warnings only");

  const char *files = "Into files";
  app.add_option("--out0", deal.outputs[0],
                 "Material of server 0: a file, or a folder, DIR/ (default PLAN.s0.material)")
      ->group(files);
  app.add_option("--out1", deal.outputs[1],
                 "Material of server 1: a file, or a folder, DIR/ (default PLAN.s1.material)")
      ->group(files);
  auto *resume =
      app.add_flag("--resume", deal.resume, "Continue an interrupted run of the same command")
          ->group(files);
  app.add_flag("--force", deal.replace, "Replace existing files by a new set")
      ->excludes(resume)
      ->group(files);

  const char *servers = "To running servers";
  for (int party : {0, 1}) {
    app.add_option(fmt::format("--to{}", party), options.to[party],
                   fmt::format("HOST:PORT of server {}, which was started with --material FOLDER: "
                               "records go there and lie on no disk here",
                               party))
        ->group(servers);
    app.add_option(fmt::format("--fingerprint{}", party), options.fingerprints[party],
                   fmt::format("SHA-256 the certificate of server {} must have", party))
        ->group(servers);
  }
  auto *keep =
      app.add_option("--keep", options.keep,
                     "Stay, and bring a set whenever a server has material for fewer than so many "
                     "inferences")
          ->check(CLI::PositiveNumber)
          ->group(servers);
  app.add_option("--every", options.everySeconds, "With --keep: ask so often, in seconds")
      ->check(CLI::Range(1u, 86400u))
      ->needs(keep)
      ->capture_default_str()
      ->group(servers);
  app.add_option("--timeout-ms", options.timeoutMs, "How long to wait for a server in any step")
      ->check(CLI::Range(1u, 86400000u))
      ->capture_default_str()
      ->group(servers);
  app.add_option("--log-format", options.logFormat, "With --keep: text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->needs(keep)
      ->capture_default_str()
      ->group(servers);
  options.link.addTo(app);
}

static void dealIntoFiles(serve::DealOptions &options) {
  for (Party party : {Party::Zero, Party::One})
    if (options.outputs[index(party)].empty())
      options.outputs[index(party)] = serve::defaultMaterial(options.plan, party);
  const SignalWatch signals;
  std::stop_source stop;
  options.stop = stop.get_token();
  const std::jthread watcher = signals.start([&] { stop.request_stop(); });
  serve::DealSummary summary = serve::deal(options);
  if (options.quiet)
    return;
  if (options.device != "cpu")
    fmt::print("device: {}\n", summary.device);
  fmt::print("dealt {} records in {:.1f} s", summary.dealt, summary.seconds);
  if (summary.kept > 0)
    fmt::print(", kept {}", summary.kept);
  fmt::print("\n{}: {} per inference, for server 0\n{}: {} per inference, for server 1\n",
             summary.outputs[0].string(), serve::bytesText(double(summary.recordBytes[0])),
             summary.outputs[1].string(), serve::bytesText(double(summary.recordBytes[1])));
}

static void checkDelivery(const Options &options) {
  const serve::DealOptions &deal = options.deal;
  if (options.to[0].empty() || options.to[1].empty())
    throw Error(ExitCode::Usage, "--to0 and --to1 belong together",
                "a set has a half for each server");
  if (!deal.outputs[0].empty() || !deal.outputs[1].empty() || deal.resume || deal.replace)
    throw Error(ExitCode::Usage,
                "--out0, --out1, --resume and --force are for files, --to0 and --to1 for servers",
                "choose one");
}

static void deliver(const Options &options) {
  checkDelivery(options);
  serve::DeliveryOptions delivery;
  static_cast<serve::DealerFiles &>(delivery) = options.deal;
  for (unsigned party : {0u, 1u}) {
    delivery.servers[party] = parseEndpoint(options.to[party], fmt::format("--to{}", party));
    if (!options.fingerprints[party].empty())
      delivery.fingerprints[party] =
          parseFingerprint(options.fingerprints[party], fmt::format("--fingerprint{}", party));
  }
  delivery.security = options.link.make("gfsdeal", "dealer");
  delivery.timeout = Milliseconds(options.timeoutMs);
  delivery.records = options.deal.records;
  delivery.quiet = options.deal.quiet;
  if (options.keep == 0) {
    serve::Deliverer deliverer(std::move(delivery));
    const serve::Delivered done = deliverer.deliver();
    if (options.deal.quiet)
      return;
    if (options.deal.device != "cpu")
      fmt::print("device: {}\n", deliverer.device());
    fmt::print("delivered {} records in {:.1f} s\n", done.records, done.seconds);
    for (unsigned party : {0u, 1u})
      fmt::print("server {} at {}: {} per inference, {} inferences left\n", party,
                 options.to[party], serve::bytesText(double(done.recordBytes[party])),
                 done.left[party]);
    return;
  }
  delivery.quiet = true;
  serve::setUpLogging(options.deal.quiet ? "warn" : "info", options.logFormat == "json");
  SignalWatch signals;
  std::stop_source stop;
  serve::Deliverer deliverer(std::move(delivery), stop.get_token());
  std::jthread watcher = signals.start([&] { stop.request_stop(); });
  deliverer.keepSupplied(options.keep, std::chrono::seconds(options.everySeconds));
}

int main(int argc, char **argv) {
  Options options;
  CLI::App app{"Deals one-time material for a plan: one record per inference and server. Run it "
               "where neither server's\n"
               "operator can see it; give each server its own half only.",
               "gfsdeal"};
  app.footer("Examples:\n"
             "  gfsdeal plan.bin -n 1000\n"
             "  gfsdeal plan.bin -n 1000 --out0 monday.s0.material --out1 monday.s1.material --key "
             "plan.dealer.key\n"
             "  gfsdeal plan.bin -n 1000 --out0 to-server0/ --out1 to-server1/\n"
             "  gfsdeal plan.bin -n 1000 --resume        after an interruption\n"
             "  gfsdeal plan.bin -n 1000 --keep 5000 --to0 a.example.org:7000 --to1 "
             "b.example.org:7000 \\\n"
             "          --ca ca.crt --cert dealer.crt --cert-key dealer.key");
  addFlags(app, options);
  takeConfigFile(app, "plan = \"plan.bin\"");
  if (std::optional<int> exitCode = parseCommandLine(app, argc, argv))
    return *exitCode;

  return runTool("gfsdeal", [&] {
    keepMemoryPrivate();
    const ModelPaths beside = ModelPaths::beside(options.deal.plan);
    if (options.deal.dealerKey.empty())
      options.deal.dealerKey = beside.dealerKey;
    if (options.deal.weights.empty())
      options.deal.weights = beside.weights;
    warnIfExposed("gfsdeal", options.deal.dealerKey);
    if (options.delivers())
      return deliver(options);
    if (options.keep > 0)
      throw Error(ExitCode::Usage, "--keep needs --to0 and --to1",
                  "name the servers that are to be supplied");
    refuseGroups(app, {"To running servers", "Connection"}, "is for --to0 and --to1");
    dealIntoFiles(options.deal);
  });
}
