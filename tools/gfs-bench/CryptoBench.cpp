// SPDX-License-Identifier: Apache-2.0
// Streams and comparison functions, on every AES implementation.
#include "tools/gfs-bench/Bench.h"

#include "runtime/crypto/Aes.h"
#include "runtime/crypto/Dcf.h"

#include <fmt/format.h>

namespace gfs {

/// AES-128-CTR into a buffer that stays in L1.
static void benchStream(benchmark::State &state, const AesImplementation &aes) {
  std::vector<uint8_t> buffer(16 << 10);
  AesKey key(std::array<uint8_t, 16>{1});
  uint64_t block = 0;
  for (auto _ : state) {
    aes.counterMode(key.rounds(), 1, block, buffer.data(), buffer.size() / 16);
    block += buffer.size() / 16;
    benchmark::DoNotOptimize(buffer.data());
    benchmark::ClobberMemory();
  }
  countRate(state, "B", static_cast<double>(buffer.size()));
}

struct DcfShape {
  const char *name;
  unsigned domainBits;
  std::vector<unsigned> payloadBits;
};

/// Keys of many functions (streamed from L3 or memory, as online), evaluated by one party.
static void benchDcf(benchmark::State &state, const AesImplementation &aes, const DcfShape &shape,
                     bool evaluate) {
  constexpr size_t count = 1 << 13;
  Dcf dcf(shape.domainBits, shape.payloadBits, aes);
  auto roots0 = benchWords<uint8_t>(16 * count), roots1 = benchWords<uint8_t>(16 * count);
  auto alpha = benchWords<uint64_t>(count), x = benchWords<uint64_t>(count);
  auto payload = benchWords<uint64_t>(dcf.words() * count);
  std::vector<uint8_t> keys(dcf.keyBytes() * count);
  std::vector<uint64_t> out(dcf.words() * count);
  dcf.generate(roots0, roots1, alpha, payload, keys);
  for (auto _ : state) {
    if (evaluate)
      dcf.evaluate(Party::One, roots1, keys, x, out);
    else
      dcf.generate(roots0, roots1, alpha, payload, keys);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  countTimePerItem(state, "function", count);
  state.counters["keyBytes"] = static_cast<double>(dcf.keyBytes());
}

void registerCryptoBenchmarks() {
  static const DcfShape shapes[] = {{"n=7,payload=1+32+13", 7, {1, 32, 13}},
                                    {"n=16,payload=32", 16, {32}},
                                    {"n=32,payload=1+32+13", 32, {1, 32, 13}}};
  for (const AesImplementation *aes : availableAes()) {
    benchmark::RegisterBenchmark(fmt::format("aes-ctr/{}", aes->name).c_str(), benchStream, *aes);
    for (const DcfShape &shape : shapes)
      for (bool evaluate : {true, false})
        benchmark::RegisterBenchmark(
            fmt::format("dcf-{}/{}/{}", evaluate ? "evaluate" : "generate", shape.name, aes->name)
                .c_str(),
            benchDcf, *aes, shape, evaluate);
  }
}

} // namespace gfs
