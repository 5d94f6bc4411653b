// SPDX-License-Identifier: Apache-2.0
// Folders of material: which files are used, in which order, and that a set serves once whatever
// its file is called; two servers that go from set to set.
#include "runtime/serve/Supply.h"

#include "runtime/crypto/Prg.h"
#include "test/unit/material/ReadRecord.h"
#include "test/unit/serve/Deployment.h"

#include <cstring>
#include <spdlog/sinks/ostream_sink.h>
#include <sstream>
#include <sys/stat.h>

using namespace gfs;
using namespace gfs::testing;
using serve::Client;
using serve::MaterialUse;
using serve::Supply;

namespace {

/// Warnings, as long as it lives.
class Log {
public:
  Log() : before(spdlog::default_logger()) {
    auto logger = std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines));
    logger->set_level(spdlog::level::warn);
    spdlog::set_default_logger(logger);
  }
  ~Log() { spdlog::set_default_logger(before); }
  std::string text() const { return lines.str(); }
  size_t count(const std::string &part) const {
    const std::string all = text();
    size_t times = 0;
    for (size_t at = 0; (at = all.find(part, at)) != std::string::npos; at += part.size())
      ++times;
    return times;
  }

private:
  std::ostringstream lines;
  const std::shared_ptr<spdlog::logger> before;
};

/// How often a seed lies in memory that this process can write, besides where it is known to.
size_t copiesInMemory(const SecretSeed &known) {
  std::vector<std::span<const uint8_t>> ranges;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0, end = 0;
    char mode[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, mode) == 3 && mode[0] == 'r' &&
        mode[1] == 'w')
      ranges.emplace_back(reinterpret_cast<const uint8_t *>(begin), end - begin);
  }
  size_t copies = 0;
  for (std::span<const uint8_t> range : ranges)
    for (const uint8_t *at = range.data(), *end = at + range.size(); at < end; ++at) {
      at = static_cast<const uint8_t *>(
          ::memmem(at, static_cast<size_t>(end - at), known.bytes().data(), known.bytes().size()));
      if (!at)
        break;
      copies += at != known.bytes().data();
    }
  return copies;
}

class SupplyTest : public ::testing::Test {
protected:
  MaterialUse use(Party party) const {
    const MaterialInfo info = readMaterialInfo(serve::defaultMaterial(deployment.planPath, party));
    const plan::PartyKey key = plan::readPartyKey(deployment.files(party).key, deployment.loaded);
    return {info.planHash, info.modelId, party, info.payloadBytes,
            std::make_shared<const SecretSeed>(key.seed.clone())};
  }
  Supply supply(Party party = Party::Zero) const {
    return Supply(deployment.material(party), use(party));
  }
  MaterialStore open(const serve::MaterialSet &set, Party party = Party::Zero) const {
    const plan::PartyKey key = plan::readPartyKey(deployment.files(party).key, deployment.loaded);
    return MaterialStore(set.file, key.seed, set.ledger);
  }
  /// Both files of a set under a name that sorts.
  std::array<std::filesystem::path, 2> dealt(uint64_t records, const std::string &name) {
    auto files = deployment.dealIntoFolders(records);
    for (std::filesystem::path &file : files) {
      std::filesystem::path named = file.parent_path() / (name + ".material");
      std::filesystem::rename(file, named);
      file = named;
    }
    return files;
  }
  /// Changes one bit of the sealed seed.
  static void damageSeed(const std::filesystem::path &file) {
    const MaterialInfo info = readMaterialInfo(file);
    std::string header = encodeMaterialHeader(info);
    const std::string sealed(info.sealedSeed.begin(), info.sealedSeed.end());
    header[header.find(sealed) + 20] ^= 1;
    std::fstream(file, std::ios::binary | std::ios::in | std::ios::out) << header;
  }
  static std::vector<uint64_t> left(const Supply &supply) {
    std::vector<uint64_t> left;
    for (const serve::MaterialSet &set : supply.sets())
      left.push_back(set.left);
    return left;
  }
  void ask(const Endpoint &zero, const Endpoint &one, int64_t times) const {
    for (int64_t i = 0; i < times; ++i) {
      Client client(deployment.loaded, clientOf(zero, one));
      const std::vector<int64_t> x = {i, -3 * i, 1000, 7};
      EXPECT_EQ(infer(client, deployment, x), deployment.expected(x)) << "request " << i;
    }
  }

  Deployment deployment;
};

} // namespace

TEST_F(SupplyTest, AFileIsOneSet) {
  const std::filesystem::path file = serve::defaultMaterial(deployment.planPath, Party::Zero);
  Supply supply(file, use(Party::Zero));
  ASSERT_EQ(supply.sets().size(), 1u);
  EXPECT_EQ(supply.first()->file, file);
  EXPECT_EQ(supply.first()->ledger, ledgerPath(file));
  EXPECT_EQ(supply.first()->left, 8u);
  supply.discard(supply.first()->id);
  EXPECT_TRUE(std::filesystem::exists(file)) << "only folders are tidied up";
}

TEST_F(SupplyTest, AFileForSomethingElseIsRefused) {
  const std::filesystem::path file = serve::defaultMaterial(deployment.planPath, Party::One);
  expectError(errorOf([&] { Supply(file, use(Party::Zero)); }), ExitCode::PlanMismatch,
              "is for the other server");
  MaterialUse other = use(Party::One);
  other.planHash[0] ^= 1;
  expectError(errorOf([&] { Supply(file, other); }), ExitCode::PlanMismatch, "another plan");
  other = use(Party::One);
  other.payloadBytes += 1;
  expectError(errorOf([&] { Supply(file, other); }), ExitCode::PlanMismatch,
              "records of another size");
}

TEST_F(SupplyTest, AFolderHoldsSetsInOrderOfTheirNames) {
  dealt(3, "b");
  dealt(2, "a");
  Supply supply = this->supply();
  EXPECT_EQ(left(supply), (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(supply.first()->left, 2u);
  EXPECT_EQ(supply.sets()[1].left, 3u);
  dealt(5, "aa"); // arrives later
  EXPECT_EQ(left(supply), (std::vector<uint64_t>{2, 3}));
  supply.refresh();
  EXPECT_EQ(left(supply), (std::vector<uint64_t>{2, 5, 3}));
}

TEST_F(SupplyTest, AFolderMayHoldNothingYet) {
  EXPECT_TRUE(supply().sets().empty());
  std::ofstream(deployment.material(Party::Zero) / "notes.txt") << "no material";
  std::ofstream(deployment.material(Party::Zero) / "x.material")
      << "no material, though long enough";
  const std::array<std::filesystem::path, 2> files = dealt(1, "a");
  const std::filesystem::path right = files[0].string() + ".kept";
  std::filesystem::rename(files[0], right);
  std::filesystem::copy(files[1], files[0]); // the other server's half
  Supply supply = this->supply();
  EXPECT_EQ(supply.first(), nullptr);
  EXPECT_EQ(supply.folder(), deployment.material(Party::Zero));
  std::filesystem::rename(right, files[0].parent_path() / "b.material");
  supply.refresh();
  ASSERT_NE(supply.first(), nullptr);
  EXPECT_EQ(supply.first()->left, 1u);
}

TEST_F(SupplyTest, AFileThatIsBeingCopiedIsLookedAtAgain) {
  dealt(1, "a");
  const std::filesystem::path file = dealt(4, "b")[0], part = file.string() + ".rest";
  std::filesystem::copy(file, part);
  Supply supply = this->supply();
  std::filesystem::remove(file);
  for (uint64_t bytes : {uint64_t(0), uint64_t(5), std::filesystem::file_size(part) - 1}) {
    std::filesystem::copy(part, file, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(file, bytes);
    supply.refresh();
  }
  Supply another = this->supply();
  EXPECT_EQ(left(another), (std::vector<uint64_t>{1}));
  std::filesystem::copy(part, file, std::filesystem::copy_options::overwrite_existing);
  another.refresh();
  EXPECT_EQ(left(another), (std::vector<uint64_t>{1, 4}));
}

TEST_F(SupplyTest, AFileThatStaysHalfIsSaidOnce) {
  dealt(1, "a");
  const std::filesystem::path half = dealt(4, "b")[0];
  std::filesystem::resize_file(half, std::filesystem::file_size(half) - 1);
  Log log;
  Supply supply = this->supply();
  const std::string fresh = log.text();
  std::filesystem::last_write_time(half, std::filesystem::file_time_type::clock::now() -
                                             std::chrono::minutes(5));
  supply.refresh();
  supply.refresh();
  EXPECT_EQ(fresh, "") << "it may be on its way";
  EXPECT_EQ(log.count("b.material: holds fewer records than were to be dealt"), 1u) << log.text();
  EXPECT_EQ(log.count("gfsdeal --resume"), 1u) << log.text();
  EXPECT_EQ(left(supply), (std::vector<uint64_t>{1}));
}

TEST_F(SupplyTest, ASetServesOnceUnderAnyName) {
  const std::filesystem::path file = dealt(4, "a")[0], copy = file.parent_path() / "copy";
  std::filesystem::copy(file, copy);
  {
    Supply supply = this->supply();
    open(*supply.first()).claim(2);
  }
  std::filesystem::remove(file);
  std::filesystem::copy(copy, file.parent_path() / "restored.material");
  Supply supply = this->supply();
  EXPECT_EQ(supply.first()->left, 1u);
  expectError(errorOf([&] { readRecord(open(*supply.first()), 2); }), ExitCode::MaterialReuse,
              "used already");
  // A second copy is the same set.
  std::filesystem::copy(copy, file.parent_path() / "twin.material");
  supply.refresh();
  EXPECT_EQ(left(supply), (std::vector<uint64_t>{1}));
}

TEST_F(SupplyTest, ASetServesOnceInAFolderAndByItself) {
  const std::filesystem::path file = dealt(4, "a")[0], copy = file.parent_path() / "copy",
                              restored = file.parent_path() / "restored.material";
  std::filesystem::copy(file, copy);
  open(*Supply(file, use(Party::Zero)).first()).claim(0); // by itself, with a ledger of its name
  EXPECT_TRUE(std::filesystem::exists(ledgerPath(file)));
  supply();
  std::filesystem::remove(file);
  std::filesystem::copy(copy, restored);
  {
    Supply folder = supply();
    EXPECT_EQ(folder.first()->left, 3u);
    open(*folder.first()).claim(2);
  }
  std::filesystem::remove(restored);
  std::filesystem::copy(copy, restored);
  EXPECT_EQ(Supply(restored, use(Party::Zero)).first()->left, 1u) << "by itself again";
  // Ledgers that have parted: the higher cursor counts.
  std::filesystem::copy(copy, file);
  std::filesystem::remove(ledgerPath(file));
  open({{}, file, ledgerPath(file), 0}).claim(3);
  std::filesystem::remove(restored);
  EXPECT_EQ(supply().first()->left, 0u);
}

TEST_F(SupplyTest, ASetThatDoesNotAuthenticateIsLeftAside) {
  const std::filesystem::path bad = dealt(2, "a")[0], copy = bad.string() + ".good";
  dealt(3, "b");
  std::filesystem::copy(bad, copy);
  damageSeed(bad);
  Log log;
  Supply supply = this->supply();
  supply.refresh();
  EXPECT_EQ(left(supply), (std::vector<uint64_t>{3}));
  EXPECT_EQ(log.count("a.material: the set's seed does not authenticate"), 1u) << log.text();
  EXPECT_EQ(log.count("deal a new set"), 1u) << log.text();
  EXPECT_TRUE(std::filesystem::exists(bad));
  std::filesystem::rename(copy, bad); // copied again
  std::filesystem::last_write_time(bad, std::filesystem::file_time_type::clock::now() +
                                            std::chrono::minutes(1));
  supply.refresh();
  EXPECT_EQ(left(supply), (std::vector<uint64_t>{2, 3}));
  damageSeed(bad); // before it was used
  std::filesystem::last_write_time(bad, std::filesystem::file_time_type::clock::now() +
                                            std::chrono::minutes(2));
  supply.refresh();
  EXPECT_EQ(left(supply), (std::vector<uint64_t>{3}));
  // By itself there is no other.
  expectError(errorOf([&] { Supply(bad, use(Party::Zero)); }), ExitCode::Integrity,
              "does not authenticate");
}

TEST_F(SupplyTest, AServerBeginsBesideBadSets) {
  damageSeed(dealt(2, "a")[0]);
  const std::filesystem::path lost = dealt(2, "b")[0]; // its ledger is, though records were used
  {
    Supply supply = this->supply();
    open(*supply.first()).claim(0);
    std::filesystem::remove(supply.first()->ledger);
  }
  const std::filesystem::path spent = dealt(2, "c")[0]; // its seed is gone, and so is its ledger
  {
    const plan::Id16 id = readMaterialInfo(spent).materialId;
    Supply supply = this->supply();
    open(*supply.find(id)).claim(1);
    std::filesystem::remove(supply.find(id)->ledger);
  }
  dealt(3, "d");
  Log log;
  serve::Engine engine(deployment.files(Party::Zero), Party::Zero);
  EXPECT_EQ(engine.materialLeft(), 3u);
  EXPECT_EQ(engine.endSerial(), 3u);
  engine.lookForMaterial();
  EXPECT_EQ(log.count("a.material: the set's seed does not authenticate"), 1u) << log.text();
  EXPECT_EQ(log.count("the ledger is missing, but material was used"), 1u) << log.text();
  EXPECT_TRUE(std::filesystem::exists(lost)) << "people may look at it";
}

TEST_F(SupplyTest, ASetThatTurnsOutBadIsPassedOver) {
  for (Party bad : {Party::Zero, Party::One}) {
    const auto first = dealt(2, "a"), second = dealt(2, "b"), third = dealt(3, "c");
    Log log;
    {
      RunningServer zero(deployment, Party::Zero, quick());
      RunningServer one(deployment, Party::One, quick(zero.address()));
      ask(zero.address(), one.address(), 1);
      // As while it is being copied, so that nobody complains before it is opened.
      std::filesystem::resize_file(second[index(bad)],
                                   std::filesystem::file_size(second[index(bad)]) - 1);
      ask(zero.address(), one.address(), 4);
      EXPECT_EQ(zero.server->metrics().links, 1u) << "they never parted";
    }
    EXPECT_EQ(log.count("b.material: holds 1 of 2 records"), 1u) << log.text();
    EXPECT_TRUE(std::filesystem::exists(second[index(peerOf(bad))])) << "nothing of it is lost";
    EXPECT_EQ(readMaterialInfo(second[index(peerOf(bad))]).records, 2u);
    for (const auto &files : {first, second, third})
      for (const std::filesystem::path &file : files)
        std::filesystem::remove(file);
  }
}

TEST_F(SupplyTest, APipeInAFolderHoldsNobodyUp) {
  const std::filesystem::path file = dealt(4, "b")[0];
  ASSERT_EQ(::mkfifo((file.parent_path() / "a.material").c_str(), 0600), 0);
  EXPECT_EQ(left(supply()), (std::vector<uint64_t>{4}));
}

TEST_F(SupplyTest, AUsedUpSetIsRemovedAndItsLedgerKept) {
  const std::filesystem::path file = dealt(1, "a")[0];
  Supply supply = this->supply();
  const serve::MaterialSet set = *supply.first();
  open(set).claim(0);
  supply.discard(set.id);
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_TRUE(std::filesystem::exists(set.ledger));
}

TEST_F(SupplyTest, TheSeedOfAUsedUpSetIsNowhereInMemory) {
  if (std::getenv("GFS_SANITIZED"))
    GTEST_SKIP() << "sanitizers do not let all memory be read";
  const std::filesystem::path file = dealt(2, "a")[0];
  const plan::PartyKey key =
      plan::readPartyKey(deployment.files(Party::Zero).key, deployment.loaded);
  const SecretSeed known = MaterialReader(file, key.seed).setSeed()->clone();
  const SecretSeed recordKey = deriveSeed(known, "gfs material record key");
  serve::EngineFiles files = deployment.files(Party::Zero);
  files.aheadBytes = 0;
  serve::Engine engine(files, Party::Zero);
  engine.load(0, 2);
  engine.claim(0);
  engine.tidy();
  EXPECT_GE(copiesInMemory(known), 2u) << "of the file, and to make masks";
  EXPECT_GE(copiesInMemory(recordKey), 1u);
  engine.claim(1);
  engine.tidy();
  EXPECT_EQ(copiesInMemory(known), 0u);
  EXPECT_EQ(copiesInMemory(recordKey), 0u);
  expectError(errorOf([&] { engine.load(1); }), ExitCode::MaterialReuse, "used already");
  expectError(errorOf([&] { engine.load(2); }), ExitCode::MaterialExhausted,
              "all 2 records are used");
}

TEST_F(SupplyTest, ServersGoFromSetToSet) {
  const auto first = dealt(2, "a"), second = dealt(3, "b");
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  EXPECT_EQ(zero.engine.materialLeft(), 5u);
  ask(zero.address(), one.address(), 4);
  EXPECT_EQ(zero.engine.materialLeft(), 1u);
  EXPECT_EQ(one.engine.materialLeft(), 1u);
  for (Party party : {Party::Zero, Party::One})
    EXPECT_FALSE(std::filesystem::exists(first[index(party)]));
  dealt(2, "c"); // while they run
  for (int i = 0; i < 300 && (zero.engine.materialLeft() < 3 || one.engine.materialLeft() < 3); ++i)
    std::this_thread::sleep_for(Milliseconds(10)); // they look once a second
  ask(zero.address(), one.address(), 3);
  Client client(deployment.loaded, clientOf(zero.address(), one.address()));
  expectError(errorOf([&] { infer(client, deployment, {1, 2, 3, 4}); }),
              ExitCode::MaterialExhausted, "are used");
}

TEST_F(SupplyTest, AGroupEndsWithASetAndTheRestRunsWithTheNext) {
  dealt(2, "a");
  dealt(6, "b");
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  Client client(deployment.loaded, clientOf(zero.address(), one.address()));
  std::vector<std::vector<ClearWords>> batch(5);
  const std::vector<int64_t> x = {1, 2, 3, 4};
  for (std::vector<ClearWords> &inputs : batch)
    inputs.push_back(wordsOf(Ring{32}, x));
  const std::vector<serve::Answer> answers = client.infer(batch);
  ASSERT_EQ(answers.size(), 5u);
  for (const serve::Answer &answer : answers)
    EXPECT_EQ(signedOf(Ring{32}, answer.outputs.at(0)), deployment.expected(x));
  EXPECT_EQ(zero.engine.materialLeft(), 3u);
}

TEST_F(SupplyTest, ServersBeginWithASetThatBothHave) {
  const auto onlyZero = dealt(4, "a"), both = dealt(4, "b"), onlyOne = dealt(4, "c");
  std::filesystem::remove(onlyZero[1]);
  std::filesystem::remove(onlyOne[0]);
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  ask(zero.address(), one.address(), 2);
  EXPECT_EQ(zero.engine.cursor(), 2u);
  EXPECT_EQ(zero.engine.materialId(), one.engine.materialId());
  EXPECT_TRUE(std::filesystem::exists(onlyZero[0]) && std::filesystem::exists(onlyOne[1]));
}

TEST_F(SupplyTest, WhatOneServerHasUsedUpIsOverForBoth) {
  const auto first = dealt(3, "a");
  dealt(3, "b");
  {
    Supply ofOne = supply(Party::One);
    open(*ofOne.first(), Party::One).claim(2); // server 1's half of the first set
  }
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  ask(zero.address(), one.address(), 3);
  EXPECT_EQ(zero.engine.materialLeft(), 0u);
  EXPECT_FALSE(std::filesystem::exists(first[0]));
}

TEST_F(SupplyTest, ANewSetIsPreparedFromItsBeginning) {
  dealt(3, "a");
  dealt(4, "b");
  for (uint64_t images : {2u, 1u}) { // greeting again, with a cursor of the first set
    RunningServer zero(deployment, Party::Zero, quick());
    RunningServer one(deployment, Party::One, quick(zero.address()));
    ask(zero.address(), one.address(), images);
    const uint64_t expected = images == 2 ? 1 : 4;
    for (const RunningServer *server : {&zero, &one}) {
      for (int i = 0; i < 500 && server->engine.recordsReady() != expected; ++i)
        std::this_thread::sleep_for(Milliseconds(10));
      EXPECT_EQ(server->engine.recordsReady(), expected);
    }
  }
}

TEST_F(SupplyTest, ASetThatOneServerLacksIsSaidOnce) {
  dealt(1, "a");
  const auto lacking = dealt(4, "b");
  std::filesystem::remove(lacking[1]);
  Log log;
  {
    RunningServer zero(deployment, Party::Zero, quick());
    RunningServer one(deployment, Party::One, quick(zero.address()));
    ask(zero.address(), one.address(), 1);
    const auto spent = [&] { return zero.server->vitals().materialSpent; };
    for (int i = 0; i < 500 && !spent(); ++i)
      std::this_thread::sleep_for(Milliseconds(10));
    EXPECT_TRUE(spent()) << "though server 0 has 4 left";
    EXPECT_EQ(zero.engine.materialLeft(), 4u);
    std::this_thread::sleep_for(Milliseconds(2500)); // it asks every second
  }
  EXPECT_EQ(log.count("server 1 has no half of material set"), 1u) << log.text();
}

TEST_F(SupplyTest, ServersWithNothingInCommonPart) {
  const auto a = dealt(1, "a"), b = dealt(1, "b");
  std::filesystem::remove(a[1]);
  std::filesystem::remove(b[0]);
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  one.join();
  expectError(one.error, ExitCode::PlanMismatch, "the two servers have different material sets");
}

TEST_F(SupplyTest, ServersMayBeginWithNothing) {
  deployment.folders = true;
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  zero.ready.get_future().wait();
  EXPECT_TRUE(zero.server->vitals().materialSpent);
  {
    Client client(deployment.loaded, clientOf(zero.address(), one.address()));
    EXPECT_EQ(client.materialLeft(), 0u);
    expectError(errorOf([&] { infer(client, deployment, {1, 2, 3, 4}); }),
                ExitCode::MaterialExhausted, "has no material yet");
  }
  dealt(2, "a");
  for (int i = 0;
       i < 500 && (zero.server->vitals().materialSpent || one.server->vitals().materialSpent); ++i)
    std::this_thread::sleep_for(Milliseconds(10));
  ask(zero.address(), one.address(), 2);
}

TEST_F(SupplyTest, AServerWithNothingWaitsForItsHalf) {
  for (Party late : {Party::Zero, Party::One}) {
    const auto files = dealt(2, late == Party::Zero ? "a" : "b");
    const std::filesystem::path file = files[index(late)], away = file.string() + ".away";
    std::filesystem::rename(file, away);
    RunningServer zero(deployment, Party::Zero, quick());
    RunningServer one(deployment, Party::One, quick(zero.address()));
    zero.ready.get_future().wait();
    const auto spent = [&] {
      return zero.server->vitals().materialSpent || one.server->vitals().materialSpent;
    };
    EXPECT_TRUE(spent());
    std::filesystem::rename(away, file);
    for (int i = 0; i < 500 && spent(); ++i)
      std::this_thread::sleep_for(Milliseconds(10));
    EXPECT_EQ(zero.engine.materialId(), one.engine.materialId());
    ask(zero.address(), one.address(), 2);
    EXPECT_EQ(zero.engine.materialLeft(), 0u) << "nothing of the set was burnt";
    for (const std::filesystem::path &used : files)
      std::filesystem::remove(used);
  }
}
