// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Engine.h"

#include <spdlog/spdlog.h>

namespace gfs::serve {

static double millisecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

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
  executor.emplace(program, std::move(weights), key.seed, party);
  if (info.payloadBytes != executor->recordBytes())
    mismatch("has records of another size than the plan needs",
             "deal it with the gfsdeal of this version");
  material.emplace(files.material, key.seed);
  updateLeft();
  tidy();
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

void Engine::prepare() {
  auto start = std::chrono::steady_clock::now();
  prepared = executor->prepare(materialId(), record->serial, std::move(record->payload));
  record.reset();
  prepareMs += millisecondsSince(start);
}

void Engine::prepareAhead(uint64_t serial) {
  if (prepared && prepared->request().serial == serial)
    return;
  prepared.reset();
  if (serial < cursor() || serial >= material->info().endSerial())
    return;
  try {
    record = LoadedRecord{serial, material->read(serial)};
    prepare();
    prepareMs = 0; // not part of any request
  } catch (const Error &error) {
    record.reset();
    spdlog::debug("preparing serial {} ahead: {}", serial, error.what());
  }
}

void Engine::load(uint64_t serial) {
  if (prepared && prepared->request().serial == serial)
    return;
  prepared.reset();
  record.reset();
  prepareMs = 0;
  try {
    record = LoadedRecord{serial, material->read(serial)};
  } catch (const Error &error) {
    if (error.code() == ExitCode::Integrity)
      claim(serial);
    throw;
  }
}

void Engine::claim(uint64_t serial) {
  material->claim(serial);
  spdlog::debug("claimed serial {}", serial);
  updateLeft();
}

void Engine::tidy() noexcept {
  try {
    material->tidy();
  } catch (const std::exception &error) {
    spdlog::error("{}", error.what());
  }
}

Result Engine::run(uint64_t serial, std::span<const uint8_t> inputShares, Channel &channel,
                   const SecretSeed &common) {
  check(cursor() > serial, "running a request before its material was claimed");
  if (record)
    prepare();
  check(prepared && prepared->request().serial == serial,
        "running a request whose material was not loaded");
  Prepared mine = std::move(*prepared);
  prepared.reset();
  RunResult run = executor->run(std::move(mine), channel, common, splitInputs(inputShares));

  Result result;
  for (const SecretVector<uint8_t> &output : run.outputs)
    result.outputShares.insert(result.outputShares.end(), output.begin(), output.end());
  result.stats.set_prepare_ms(std::exchange(prepareMs, 0));
  result.stats.set_online_ms(run.report.totalSeconds * 1e3);
  result.stats.set_wait_ms(run.report.exchangeSeconds * 1e3);
  result.stats.set_exchanges(run.report.exchanges);
  result.stats.set_payload_sent(run.report.bytesSent);
  result.stats.set_payload_received(run.report.bytesReceived);
  result.stats.set_dealt_bytes(material->info().payloadBytes);
  result.stats.set_material_left(left);
  return result;
}

} // namespace gfs::serve
