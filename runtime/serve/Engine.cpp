// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Engine.h"

#include "runtime/exec/DevicePlan.h"

#include <spdlog/spdlog.h>

namespace gfs::serve {

Engine::Engine(const EngineFiles &files, Party party)
    : aheadBytes(files.aheadBytes), lowMaterial(files.lowMaterial) {
  plan::LoadedPlan plan = plan::readPlan(files.plan);
  plan::PartyKey key = plan::readPartyKey(files.key, plan);
  if (key.party != party)
    throw Error(ExitCode::PlanMismatch,
                fmt::format("{}: is the key of server {}", files.key.string(), index(key.party)),
                fmt::format("server {} needs plan.s{}.key", index(party), index(party)));
  MaskedWeights weights = readMaskedWeights(files.weights, plan);
  plan::requireModel(key.modelId, weights.modelId, files.weights);

  ProgramRef program = makeProgram(std::move(plan));
  const ComputeDevice device = openDevice(files.device);
  spdlog::info("device: {}", describeDevice(device, program, DeviceUser::Server));
  executor.emplace(program, std::move(weights), key.seed, party, *device.kernels, files.threads);
  seed = std::make_shared<const SecretSeed>(key.seed.clone());
  supply.emplace(files.material, materialUse());
  while (const MaterialSet *first = hasMaterial() ? nullptr : supply->first()) {
    const plan::Id16 id = first->id;
    try {
      begin(open(*first));
    } catch (const Error &) {
      if (offers(id))
        throw;
    }
  }
}

std::unique_ptr<MaterialStore> Engine::open(const MaterialSet &set) {
  try {
    return std::make_unique<MaterialStore>(set.file, *seed, set.ledger);
  } catch (const LedgerLocked &) {
    throw;
  } catch (const Error &error) {
    if (error.code() != ExitCode::OutputUnwritable) // that is the folder's fault, not the set's
      supply->setAside(set.id, error);
    throw;
  }
}

void Engine::begin(std::unique_ptr<MaterialStore> opened) {
  stock.reset(); // its thread reads from the set before
  material = std::move(opened);
  updateLeft();
  tidy();
  if (!material->setSeed()) // used up
    return;
  executor->useSeed(*material->setSeed());
  stock.emplace(
      endSerial(), aheadBytes,
      [this, parts = executor->recordPartBytes()](uint64_t serial) {
        return executor->begin(materialId(), serial, material->readAhead(serial, parts));
      },
      [this](Prepared &prepared) { return executor->prepareNext(prepared, true); }, stockState);
}

void Engine::lookForMaterial() {
  const auto now = std::chrono::steady_clock::now();
  if (now - looked < std::chrono::seconds(1))
    return;
  looked = now;
  tidy(); // a record may have been burnt, and been the last
  supply->refresh();
  updateLeft();
}

std::vector<plan::Id16> Engine::otherMaterial() {
  looked = {};
  lookForMaterial();
  std::vector<plan::Id16> others;
  for (const MaterialSet &set : supply->sets())
    if (set.id != materialId() && set.left > 0)
      others.push_back(set.id);
  return others;
}

std::unique_ptr<MaterialStore> Engine::openMaterial(const plan::Id16 &id) {
  supply->refresh();
  const MaterialSet *set = supply->find(id);
  if (!set)
    throw Error(ExitCode::PlanMismatch,
                fmt::format("server {} has no half of material set {}", index(party()),
                            plan::hex(id).substr(0, 8)),
                "give both servers the files of the same runs of gfsdeal");
  return open(*set);
}

void Engine::useMaterial(std::unique_ptr<MaterialStore> opened, bool endsFormer) {
  const plan::Id16 before = materialId();
  if (endsFormer && material && material->left() > 0)
    claim(endSerial() - 1);
  if (material)
    supply->noteLeft(before, material->left());
  begin(std::move(opened));
  if (const MaterialSet *set = supply->find(materialId()))
    spdlog::info("material {}: in use, {} inferences left in all", set->file.string(),
                 materialLeft());
  if (endsFormer)
    supply->discard(before);
}

void Engine::updateLeft() {
  std::vector<MaterialLeft> sets;
  if (material)
    sets.push_back({materialId(), material->left()});
  for (const MaterialSet &set : supply->sets())
    if (set.id != materialId() && set.left > 0)
      sets.push_back({set.id, set.left});
  uint64_t sum = 0;
  for (const MaterialLeft &set : sets)
    sum += set.inferences;
  left = sum;
  {
    std::lock_guard lock(setsMutex);
    setsLeft = std::move(sets);
  }
  const bool low = left < lowMaterial;
  if (low && !saidLow)
    spdlog::warn("material for {} more inferences ({})", left.load(), moreMaterial);
  saidLow = low;
}

std::vector<MaterialLeft> Engine::materialSets() const {
  std::lock_guard lock(setsMutex);
  return setsLeft;
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
  if (!material)
    throw Error(ExitCode::MaterialExhausted,
                fmt::format("server {} has no material yet", index(party())), moreMaterial);
  material->requireUnused(serial);
  stock->aim(serial);
  try {
    return stock->load(serial, count);
  } catch (const Error &error) {
    if (error.code() == ExitCode::Integrity)
      claim(serial);
    throw;
  }
}

void Engine::claim(uint64_t serial) {
  const uint64_t from = cursor();
  material->claim(serial);
  for (uint64_t claimed = from; claimed <= serial; ++claimed)
    spdlog::debug("claimed serial {}", claimed);
  updateLeft();
}

void Engine::tidy() noexcept {
  remains.reset();
  try {
    if (material && material->left() == 0) {
      stock.reset(); // its thread may be reading a record that was burnt
      executor->forgetSeed();
    }
    if (material)
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
  remains = std::move(runs.front().remains);

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
