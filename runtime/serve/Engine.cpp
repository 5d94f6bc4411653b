// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Engine.h"

#include "runtime/exec/DevicePlan.h"

#include <spdlog/spdlog.h>

namespace gfs::serve {

Engine::Engine(const EngineFiles &files, Party party) {
  plan::LoadedPlan plan = plan::readPlan(files.plan);
  plan::PartyKey key = plan::readPartyKey(files.key, plan);
  if (key.party != party)
    throw Error(ExitCode::PlanMismatch,
                fmt::format("{}: is the key of server {}", files.key.string(), index(key.party)),
                fmt::format("server {} needs plan.s{}.key", index(party), index(party)));
  MaskedWeights weights = readMaskedWeights(files.weights, plan);
  plan::requireModel(key.modelId, weights.modelId, files.weights);

  // The header first: a file of another plan or party would only fail to decrypt.
  MaterialInfo info = readMaterialInfo(files.material);
  auto mismatch = [&](const char *cause, const char *hint) {
    throw Error(ExitCode::PlanMismatch, fmt::format("{}: {}", files.material.string(), cause),
                hint);
  };
  if (info.planHash != plan.hash)
    mismatch("was dealt for another plan", "deal material for this plan.bin");
  if (info.party != party)
    mismatch("is for the other server", "server 0 takes --out0 of gfsdeal, server 1 --out1");
  plan::requireModel(key.modelId, info.modelId, files.material);

  ProgramRef program = makeProgram(std::move(plan));
  const ComputeDevice device = openDevice(files.device);
  spdlog::info("device: {}", describeDevice(device, program, DeviceUser::Server));
  executor.emplace(program, std::move(weights), key.seed, party, *device.kernels, files.threads);
  if (info.payloadBytes != executor->recordBytes())
    mismatch("has records of another size than the plan needs",
             "deal it with the gfsdeal of this version");
  material.emplace(files.material, key.seed);
  updateLeft();
  tidy();
  stock.emplace(
      material->info().endSerial(), files.aheadBytes,
      [this, parts = executor->recordPartBytes()](uint64_t serial) {
        return executor->begin(materialId(), serial, material->readAhead(serial, parts));
      },
      [this](Prepared &prepared) { return executor->prepareNext(prepared, true); });
}

uint64_t Engine::portBytes(const google::protobuf::RepeatedPtrField<plan::Port> &ports) const {
  uint64_t bytes = 0;
  for (const plan::Port &port : ports)
    bytes += packedBytes(program().valueElements(port.value()), program().ring().bits);
  return bytes;
}

std::vector<SecretVector<uint8_t>> Engine::splitInputs(std::span<const uint8_t> shares) const {
  check(shares.size() == inputBytes(), "length of a request's inputs");
  std::vector<SecretVector<uint8_t>> inputs;
  for (const plan::Port &port : program().plan().inputs()) {
    uint64_t bytes = packedBytes(program().valueElements(port.value()), program().ring().bits);
    inputs.emplace_back(shares.begin(), shares.begin() + static_cast<ptrdiff_t>(bytes));
    shares = shares.subspan(bytes);
  }
  return inputs;
}

uint64_t Engine::groupLimit() const {
  static constexpr uint64_t memory = uint64_t(1) << 30;
  const Program &code = program();
  const uint64_t each = executor->recordBytes() + 2 * code.messageRoom() +
                        code.plan().arena_words() * code.ring().wordBytes();
  return std::max<uint64_t>(1, memory / std::max<uint64_t>(1, each));
}

uint64_t Engine::load(uint64_t serial, uint64_t count) {
  material->requireUnused(serial);
  stock->aim(serial);
  for (uint64_t good = 0; good < count; ++good) {
    try {
      stock->load(serial + good);
    } catch (const Error &error) {
      if (good > 0)
        return good;
      if (error.code() == ExitCode::Integrity)
        claim(serial);
      throw;
    }
  }
  return count;
}

void Engine::claim(uint64_t serial) {
  const uint64_t from = cursor();
  material->claim(serial);
  for (uint64_t claimed = from; claimed <= serial; ++claimed)
    spdlog::debug("claimed serial {}", claimed);
  updateLeft();
}

void Engine::tidy() noexcept {
  try {
    material->tidy();
  } catch (const std::exception &error) {
    spdlog::error("{}", error.what());
  }
}

std::vector<Result> Engine::run(uint64_t serial, std::span<const GroupRequest> requests,
                                Channel &channel) {
  check(cursor() >= serial + requests.size(), "running a request before its material was claimed");
  std::vector<std::vector<SecretVector<uint8_t>>> inputs;
  std::vector<GroupMember> members;
  std::vector<Result> results(requests.size());
  const auto start = std::chrono::steady_clock::now();
  const struct Pass {
    Stock &stock;
    ~Pass() { stock.ended(); }
  } pass{*stock};
  std::vector<Prepared> prepared = stock->take(serial, requests.size());
  const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - start;
  stock->aim(serial + requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    inputs.push_back(splitInputs(requests[i].inputShares));
    members.push_back({std::move(prepared[i]), &requests[i].common, inputs.back()});
  }
  std::vector<RunResult> runs = executor->runGroup(std::move(members), channel);

  for (size_t i = 0; i < runs.size(); ++i) {
    for (const SecretVector<uint8_t> &output : runs[i].outputs)
      results[i].outputShares.insert(results[i].outputShares.end(), output.begin(), output.end());
    Stats &stats = results[i].stats;
    const RunReport &report = runs[i].report;
    stats.set_prepare_ms(1e3 * (waited.count() + report.lateSeconds));
    stats.set_online_ms(report.totalSeconds * 1e3);
    stats.set_wait_ms(report.exchangeSeconds * 1e3);
    stats.set_exchanges(report.exchanges);
    stats.set_payload_sent(report.bytesSent);
    stats.set_payload_received(report.bytesReceived);
    stats.set_dealt_bytes(material->info().payloadBytes);
    stats.set_material_left(left);
    stats.set_group(static_cast<uint32_t>(runs.size()));
  }
  return results;
}

} // namespace gfs::serve
