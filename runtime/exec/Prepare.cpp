// SPDX-License-Identifier: Apache-2.0
// A server's walk over the steps before the input exists, one step at a time.
#include "runtime/exec/PartyExecutor.h"

#include "runtime/base/Error.h"
#include "runtime/exec/Chain.h"

#include <chrono>

namespace gfs {

namespace {

class PrepareView final : public PrepareContext {
public:
  /// What a step's gate sees, reads and writes.
  struct Site {
    const Program &program;
    const ServerWeights &weights;
    const Kernels &kernels;
    Party party;
    const AesKey &key;
    std::span<const uint8_t> material;
    ValueStore &masks;
    SecretVector<std::byte> &storage;
    uint32_t index;
  };
  explicit PrepareView(const Site &site) : site(site), step(site.program.step(site.index)) {}

  Party party() const override { return site.party; }
  Prg stream(uint16_t stream) const override {
    return Prg(site.key, streamNonce(site.index, stream));
  }
  std::span<const uint8_t> material() const override { return site.material; }
  std::span<std::byte> prepared() override { return site.storage; }
  using PrepareContext::prepared;
  const void *packedMaskedWeight(uint32_t id) const override {
    return site.weights.masked.packed(id);
  }
  const Kernels &kernels() const override { return site.kernels; }

protected:
  std::span<const std::byte> maskShareBytes(unsigned operand) const override {
    return site.masks.at(step.operands(static_cast<int>(operand)));
  }
  std::span<std::byte> resultMaskShareBytes() override { return site.masks.at(step.result()); }
  std::span<const std::byte> maskedWeightBytes(uint32_t id) const override {
    return site.weights.masked.bytes(id);
  }
  std::span<const std::byte> weightShareBytes(uint32_t id) const override {
    return site.weights.share.bytes(id);
  }

private:
  const Site site;
  const plan::Step &step;
};

} // namespace

std::vector<uint64_t> PartyExecutor::recordPartBytes() const {
  std::vector<uint64_t> bytes;
  for (uint32_t step = 0; step < code->steps(); ++step)
    bytes.push_back(code->cost(step).dealtBytes[index(self)]);
  return bytes;
}

static Error wrongSize(uint64_t serial, uint64_t expected, uint64_t found) {
  return Error(ExitCode::InvalidInput,
               fmt::format("material record {}: expects {} bytes, got {}", serial, expected, found),
               "deal material for this plan");
}

Prepared PartyExecutor::begin(const plan::Id16 &materialId, uint64_t serial,
                              RecordParts record) const {
  const std::vector<uint64_t> expected = recordPartBytes();
  uint64_t found = 0;
  for (const SecretVector<uint8_t> &part : record)
    found += part.size();
  if (!std::ranges::equal(record, expected, {}, &SecretVector<uint8_t>::size))
    throw wrongSize(serial, recordBytes(), found);
  Prepared prepared({code->loaded().hash, weights.modelId, materialId, serial}, std::move(record));
  check(seed.has_value(), "a request begun without a seed");
  prepared.key.emplace(requestKey(*seed, prepared.id));
  prepared.masks.emplace(*code);
  return prepared;
}

bool PartyExecutor::prepareNext(Prepared &prepared, bool alone) const {
  if (prepared.complete())
    return false;
  if (device) {
    Prepared *const only = &prepared;
    prepareOnDevice({&only, 1});
    return false;
  }
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const uint32_t step = prepared.done;
  ValueStore &masks = *prepared.masks;
  if (code->hasResult(step) && code->masked(code->step(step).result()))
    masks.allocate(code->step(step).result());
  const Gate &gate = code->gate(step);
  prepared.storage[step].resize(gate.preparedBytes());
  PrepareView view({*code, weights, *kernels, self, *prepared.key, prepared.material[step], masks,
                    prepared.storage[step], step});
  const uint64_t units = gate.prepareUnits();
  if (kernels->dividesConvolutions && !alone)
    divide({0, units}, *pool, [&](Range part) { gate.prepare(view, part); });
  else
    gate.prepare(view, {0, units});
  if (!gate.readsMaterialOnline())
    dispose(prepared.material[step]);
  for (uint32_t value : code->lastReadBy(step))
    masks.release(value);
  prepared.seconds[step] = std::chrono::duration<double>(Clock::now() - start).count();
  ++prepared.done;
  return !prepared.complete();
}

void PartyExecutor::prepareAll(std::span<Prepared *const> requests) const {
  if (device)
    return prepareOnDevice(requests);
  for (Prepared *prepared : requests)
    while (prepareNext(*prepared)) {
    }
}

RecordParts PartyExecutor::split(uint64_t serial, std::span<const uint8_t> record) const {
  if (record.size() != recordBytes())
    throw wrongSize(serial, recordBytes(), record.size());
  RecordParts parts;
  for (uint64_t bytes : recordPartBytes()) {
    parts.emplace_back(record.begin(), record.begin() + static_cast<ptrdiff_t>(bytes));
    record = record.subspan(bytes);
  }
  return parts;
}

} // namespace gfs
