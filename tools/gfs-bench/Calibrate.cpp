// SPDX-License-Identifier: Apache-2.0
#include "tools/gfs-bench/Calibrate.h"

#include "runtime/kernels/Kernels.h"
#include "runtime/net/Connection.h"
#include "runtime/serve/Server.h"
#include "tools/gfs-bench/CalibrationPlan.h"
#include "tools/gfs-bench/CertificateFolder.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <future>
#include <thread>

namespace gfs {
namespace {

/// Layers of real networks have about so many elements; few, to see what a step costs by itself.
constexpr uint64_t usualElements = 1 << 14, fewElements = 16;
constexpr unsigned runs = 40;
constexpr std::array<unsigned, 2> wordRings = {32, 48};
constexpr Milliseconds patience{10000};

void measureGates(MachineProfile &machine) {
  // Steps of few elements: the time of a phase.
  CalibrationPlan few = gateCalibration(32, fewElements);
  std::vector<double> times = stepTimes(few.plan, 5 * runs), phases;
  for (uint32_t step = 0; step < times.size(); ++step)
    phases.push_back(times[step] / plan::phaseCount(few.plan.steps(static_cast<int>(step))));
  machine.phaseNs = median(std::move(phases));

  for (size_t word = 0; word < wordRings.size(); ++word) {
    CalibrationPlan usual = gateCalibration(wordRings[word], usualElements);
    Program program(plan::parsePlan(plan::serializePlan(usual.plan), "calibration"));
    times = stepTimes(usual.plan, runs);
    std::map<std::string, std::vector<double>> perUnit;
    for (uint32_t step = 0; step < times.size(); ++step) {
      const CalibrationPlan::Meaning &meaning = usual.steps[step];
      double own = std::max(0.0, times[step] - machine.phaseNs * program.cost(step).phases());
      if (meaning.work == "relu_key") {
        if (word == 0)
          machine.aesBlockNs = own / static_cast<double>(program.cost(step).aesBlocks);
      } else if (!meaning.work.empty()) {
        perUnit[meaning.work].push_back(own / meaning.units);
      }
    }
    for (auto &[work, values] : perUnit)
      machine.unitNs[work][word] = median(std::move(values));
  }
}

void measureLayers(MachineProfile &machine) {
  for (size_t ring = 0; ring < ringClassBits.size(); ++ring) {
    CalibrationPlan layers = layerCalibration(ringClassBits[ring]);
    std::vector<double> times = stepTimes(layers.plan, runs);
    for (uint32_t step = 0; step < times.size(); ++step)
      if (const auto &meaning = layers.steps[step]; meaning.layer)
        machine.multiplicationNs[static_cast<size_t>(*meaning.layer)][ring] =
            std::max(0.0, times[step] - machine.phaseNs) / meaning.units;
  }
}

/// Seconds of an exchange of `bytes` each way: the median, or the time that `share` of them took at
/// most.
double exchangeSeconds(Channel &a, Channel &b, size_t bytes, unsigned count, double share = 0.5) {
  std::vector<double> times;
  auto swap = [&](Channel &channel, bool timed) {
    std::vector<uint8_t> sent(bytes), received(bytes);
    for (unsigned i = 0; i < count; ++i) {
      auto start = std::chrono::steady_clock::now();
      channel.exchange(sent, received);
      if (timed)
        times.push_back(
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
  };
  std::jthread other([&] { swap(b, false); });
  swap(a, true);
  other.join();
  auto chosen = times.begin() + static_cast<ptrdiff_t>(share * static_cast<double>(times.size()));
  std::nth_element(times.begin(), chosen, times.end());
  return *chosen;
}

MachineProfile::Exchange measureExchange(Channel &a, Channel &b) {
  constexpr size_t large = 1 << 19;
  double fixed = exchangeSeconds(a, b, 16, 1000);
  // Large messages take several turns of both ends: one that loses the processor in between
  // measures the other programs of the machine.
  double whole = exchangeSeconds(a, b, large, 100, /*share=*/0.1);
  return {fixed * 1e6, std::max(0.0, whole - fixed) * 1e9 / large};
}

/// Two ends of a connection over loopback.
MachineProfile::Exchange measureLoopback(std::shared_ptr<const Security> zero,
                                         std::shared_ptr<const Security> one) {
  auto listener = listen({"127.0.0.1", 0}, std::move(zero));
  auto accepted = std::async(std::launch::async, [&] {
    return listener->accept()->handshake({{"server1"}, {}}, patience);
  });
  auto second = connect(listener->local(), std::move(one), {{"server0"}, {}});
  auto first = accepted.get();
  for (Connection *end : {first.get(), second.get()})
    end->setSpin(Spin(serve::ServerOptions().spin));
  auto a = makeChannel(*first, patience), b = makeChannel(*second, patience);
  return measureExchange(*a, *b);
}

void measureExchanges(MachineProfile &machine) {
  auto at = [&](Transport transport) -> MachineProfile::Exchange & {
    return machine.exchanges[static_cast<size_t>(transport)];
  };
  auto [a, b] = makeInMemoryChannel();
  at(Transport::Memory) = measureExchange(*a, *b);
  at(Transport::Plain) =
      measureLoopback(Security::plaintext("server0"), Security::plaintext("server1"));
  CertificateFolder certificates;
  at(Transport::Tls) = measureLoopback(Security::tls(certificates.issue("server0")),
                                       Security::tls(certificates.issue("server1")));
}

} // namespace

std::string cpuName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      return line.substr(std::min(line.size(), line.find(':') + 2));
  return "unknown";
}

MachineProfile calibrateMachine() {
  MachineProfile machine;
  machine.cpu = cpuName();
  machine.kernels = bestKernels().name;
  measureGates(machine);
  measureLayers(machine);
  measureExchanges(machine);
  return machine;
}

} // namespace gfs
