// SPDX-License-Identifier: Apache-2.0
#include "tools/gfs-bench/NetworkRun.h"

#include "runtime/exec/Weights.h"
#include "runtime/inspect/PlanSummary.h"
#include "runtime/serve/InferAll.h"
#include "runtime/tensor/TensorFile.h"
#include "tools/gfs-bench/ServerPair.h"

#include <chrono>
#include <thread>

namespace gfs {

serve::Percentiles TransportResult::online() const {
  std::vector<double> values;
  for (const serve::RequestCost &cost : costs)
    values.push_back(cost.onlineMs());
  return serve::percentiles(std::move(values));
}

namespace {

/// Measures one network in a temporary folder.
class NetworkRun {
public:
  NetworkRun(const NetworkFiles &files, const NetworkOptions &options)
      : files(files), options(options), plan(plan::readPlan(files.plan)),
        beside(ModelPaths::beside(files.plan)) {
    if (!options.throttle.empty())
      network = parseNetworkProfile(options.throttle, "--throttle");
  }

  NetworkResult run() {
    NetworkResult result;
    result.name = files.model.empty() ? files.plan.stem() : files.model.stem();
    result.program = makeProgram(plan);
    result.together = options.together;
    result.relus = inspect::summarize(*result.program, {}).relus;

    serve::WorkloadOptions inputs;
    inputs.inputs = files.input.empty() ? madeUpInputs() : std::vector{files.input.string()};
    inputs.batch = true;
    inputs.limit = options.inferences;
    const uint64_t images = serve::Workload(plan.plan, inputs).requests();
    // Every input equally often, in whole passes.
    repeat = static_cast<unsigned>((options.inferences + images - 1) / images);
    while (images * repeat % options.together != 0)
      ++repeat;
    if (!options.python.empty()) {
      result.plaintext = measurePlaintext(inputs.inputs, images);
      inputs.expected = result.plaintext->expected;
    }
    for (Transport transport : options.transports) {
      serve::Workload workload(plan.plan, inputs);
      TransportResult &run = result.runs.emplace_back();
      run.transport = transport;
      if (transport == Transport::Memory)
        inOneProcess(workload, run, result);
      else
        withServers(workload, run);
      run.scores = workload.scores();
      if (options.together == 1)
        run.predictedMs =
            1e3 * predictTime(*result.program,
                              {options.machine, network.value_or(NetworkProfile()), transport})
                      .seconds();
    }
    return result;
  }

private:
  /// Times do not depend on values, as servers see masked ones only; these fit every plan's scales.
  std::vector<std::string> madeUpInputs() const {
    std::vector<std::string> specs;
    Prg prg(AesKey(std::array<uint8_t, 16>{}), 0);
    for (const plan::Port &port : plan.plan.inputs()) {
      PortShape shape = portShape(plan.plan, port);
      std::vector<uint32_t> words(shape.elements);
      prg.fillWords(std::span(words));
      std::vector<float> values;
      for (uint32_t word : words)
        values.push_back(std::ldexp(static_cast<float>(word), -31) - 1);
      std::filesystem::path path = folder.path() / fmt::format("input{}.npy", specs.size());
      writeNpy(path, makeTensor<float>(shape.shape, values));
      specs.push_back(plan.plan.inputs_size() == 1
                          ? path.string()
                          : fmt::format("{}={}", port.name(), path.string()));
    }
    return specs;
  }

  PlaintextResult measurePlaintext(const std::vector<std::string> &inputs, uint64_t images) const {
    if (files.model.empty() || plan.plan.inputs_size() != 1 || !inputs[0].ends_with(".npy"))
      throw Error(ExitCode::Usage,
                  fmt::format("{}: --vs-plaintext needs a model with one input, and that as .npy",
                              files.plan.string()),
                  "give the .onnx instead of its plan");
    return runPlaintext(
        {files.model, inputs[0], folder.path(), options.python, images, repeat, options.warmUp});
  }

  void inOneProcess(serve::Workload &workload, TransportResult &run, NetworkResult &result) {
    serve::LocalReport report =
        serve::runLocally(plan, beside.weights, beside.dealerKey, workload,
                          {repeat, options.warmUp, options.together, network, options.machine,
                           options.device, 1, options.timeSteps});
    run.costs = std::move(report.costs);
    run.loadMs[0] = 1e3 * report.loadSeconds;
    double seconds = 0;
    for (const serve::RequestCost &cost : run.costs)
      seconds += 1e-3 * (cost.totalMs / options.together + cost.servers[0].prepare_ms() +
                         cost.servers[1].prepare_ms());
    run.perSecond = static_cast<double>(run.costs.size()) / seconds;
    result.profile = std::move(report.profile);
    result.device = std::move(report.device);
  }

  void withServers(serve::Workload &workload, TransportResult &run) {
    serve::DealOptions deal;
    deal.plan = files.plan;
    deal.dealerKey = beside.dealerKey;
    deal.weights = beside.weights;
    deal.outputs = {folder.path() / "s0.material", folder.path() / "s1.material"};
    const uint64_t inferences = workload.requests() * repeat;
    deal.records = uint64_t(options.warmUp) * options.together + inferences;
    deal.replace = true;
    deal.threads = 1; // what is offline is stated per core
    deal.device = options.device;
    deal.quiet = true;
    run.dealt = serve::deal(deal);

    std::optional<CertificateFolder> certificates;
    serve::ClientOptions link;
    if (run.transport == Transport::Tls) {
      certificates.emplace();
      link.security = Security::tls(certificates->issue("client:bench"));
    } else {
      link.security = Security::plaintext("client:bench");
    }
    ServerPair servers({files.plan, deal.outputs, folder.path(), options.throttle, options.spinUs,
                        options.device, options.together},
                       certificates ? &*certificates : nullptr);
    run.loadMs = servers.loadMs;
    link.servers = servers.addresses;
    link.timeout = Milliseconds(120000);
    serve::Client client(plan, link);
    for (unsigned pass = 0; pass < options.warmUp; ++pass)
      client.infer(workload.groupFrom(uint64_t(pass) * options.together, options.together));
    const auto start = std::chrono::steady_clock::now();
    for (uint64_t first = 0; first < inferences; first += options.together) {
      std::this_thread::sleep_for(Milliseconds(options.pauseMs));
      for (const serve::Answer &answer :
           client.infer(workload.groupFrom(first, options.together))) {
        workload.setOutputs(run.costs.size(), answer.outputs);
        run.costs.push_back(serve::costOf(answer));
      }
    }
    run.perSecond = static_cast<double>(run.costs.size()) /
                    std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    run.peakBytes = servers.peakBytes();
  }

  const NetworkFiles &files;
  const NetworkOptions &options;
  plan::LoadedPlan plan;
  ModelPaths beside;
  std::optional<NetworkProfile> network;
  TemporaryFolder folder;
  unsigned repeat = 1;
};

} // namespace

NetworkResult measureNetwork(const NetworkFiles &files, const NetworkOptions &options) {
  return NetworkRun(files, options).run();
}

} // namespace gfs
