// SPDX-License-Identifier: Apache-2.0
// Material is used once and only by whom it was dealt to: every way to break that is refused.
#include "runtime/base/Error.h"
#include "test/unit/material/ReadRecord.h"
#include "test/unit/net/TestLink.h"

#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sys/resource.h>
#include <sys/wait.h>

using namespace gfs;
using namespace gfs::testing;

namespace {

class Material : public ::testing::Test {
protected:
  Material() {
    info.planHash.fill(1);
    info.modelId.fill(2);
    info.records = 5;
    info.payloadBytes = 1000;
    info.firstSerial = 7;
    draw();
  }

  /// A new set, of which `info` and `setSeed` are server 0's half.
  void draw() {
    std::array<MaterialInfo, 2> halves = {info, info};
    halves[1].party = Party::One;
    setSeed = std::move(drawSetSeeds(halves, {seed(9), seed(8)})[0]);
    info = halves[0];
  }

  static SecretSeed seed(uint8_t value) {
    std::array<uint8_t, 32> bytes;
    bytes.fill(value);
    return SecretSeed(bytes);
  }
  SecretVector<uint8_t> payload(uint64_t serial) const {
    SecretVector<uint8_t> bytes(info.payloadBytes);
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<uint8_t>(serial * 17 + i + i / 251);
    return bytes;
  }
  void append(MaterialWriter &writer, uint64_t until) const {
    const RecordSealer sealer(info, setSeed);
    while (writer.written() < until) {
      SecretVector<uint8_t> record = sealer.blank();
      std::ranges::copy(payload(info.firstSerial + writer.written()),
                        RecordSealer::payload(record).begin());
      sealer.seal(writer.written(), record);
      writer.append(record);
    }
  }
  void deal(uint64_t records) const {
    MaterialWriter writer = MaterialWriter::create(path, info, false);
    append(writer, records);
    if (records == info.records)
      writer.finish();
  }
  MaterialStore store() const { return MaterialStore(path, seed(9)); }

  uint64_t recordOffset(uint64_t serial) const {
    uint64_t headerBytes = std::filesystem::file_size(path) - info.records * info.recordBytes();
    return headerBytes + (serial - info.firstSerial) * info.recordBytes();
  }
  std::string bytesAt(uint64_t offset, uint64_t size) const {
    std::string bytes(size, 0);
    std::ifstream file(path, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset))
        .read(bytes.data(), static_cast<std::streamsize>(size));
    return bytes;
  }
  void overwrite(const std::filesystem::path &file, uint64_t offset,
                 const std::string &bytes) const {
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    stream.seekp(static_cast<std::streamoff>(offset)) << bytes;
  }
  void flip(const std::filesystem::path &file, uint64_t offset) const {
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    char byte = 0;
    stream.seekg(static_cast<std::streamoff>(offset)).get(byte);
    stream.seekp(static_cast<std::streamoff>(offset)).put(static_cast<char>(byte ^ 1));
  }
  template <class F> static void expectCode(ExitCode code, const std::string &text, F &&body) {
    try {
      body();
    } catch (const Error &error) {
      return expectError(error, code, text);
    }
    FAIL() << "no error where one is due: " << text;
  }

  TemporaryFolder folder;
  std::filesystem::path path = folder / "m.s0.material";
  MaterialInfo info;
  SecretSeed setSeed; ///< Of `info`.
};

} // namespace

TEST_F(Material, IsReadBackRecordByRecord) {
  deal(5);
  EXPECT_EQ(readMaterialInfo(path), info);
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0600));
  MaterialStore material = store();
  EXPECT_EQ(material.left(), 5u);
  for (uint64_t serial = 7; serial < 12; ++serial) {
    EXPECT_EQ(readRecord(material, serial), payload(serial));
    material.claim(serial);
  }
  EXPECT_EQ(material.left(), 0u);
}

TEST_F(Material, IsReadInPieces) {
  info.payloadBytes = 300000; // read in several goes
  deal(5);
  const SecretVector<uint8_t> whole = payload(8);
  MaterialStore material = store();
  const std::vector<uint64_t> lengths = {0, 1, 99999, 200000, 0};
  auto next = whole.begin();
  std::vector<SecretVector<uint8_t>> expected;
  for (uint64_t length : lengths) {
    expected.emplace_back(next, next + static_cast<ptrdiff_t>(length));
    next += static_cast<ptrdiff_t>(length);
  }
  EXPECT_EQ(material.readAhead(8, lengths), expected);
  EXPECT_EQ(material.readAhead(9, std::vector<uint64_t>{300000})[0], payload(9));
  EXPECT_THROW(material.readAhead(8, std::vector<uint64_t>{299999}), Error);
  flip(path, recordOffset(8) + 12 + 150000);
  expectCode(ExitCode::Integrity, "record 8 does not authenticate",
             [&] { material.readAhead(8, lengths); });
}

TEST_F(Material, ServesPlansWithoutDealtBytes) {
  info.payloadBytes = 0;
  deal(5);
  MaterialStore material = store();
  EXPECT_EQ(readRecord(material, 7).size(), 0u);
  flip(path, recordOffset(8) + 3);
  expectCode(ExitCode::Integrity, "record 8", [&] { readRecord(material, 8); });
}

TEST_F(Material, IsEncrypted) {
  deal(5);
  std::string record = bytesAt(recordOffset(7), info.recordBytes());
  const SecretVector<uint8_t> clear = payload(7);
  EXPECT_EQ(record.find(std::string(clear.begin(), clear.begin() + 16)), std::string::npos)
      << "the payload shows through";
}

TEST_F(Material, RefusesEveryFlippedPart) {
  deal(5);
  for (uint64_t at : {uint64_t(0), uint64_t(12), info.recordBytes() / 2, info.recordBytes() - 1}) {
    flip(path, recordOffset(9) + at);
    expectCode(ExitCode::Integrity, "record 9 does not authenticate",
               [&] { readRecord(store(), 9); });
    flip(path, recordOffset(9) + at);
    EXPECT_EQ(readRecord(store(), 9), payload(9));
  }
}

TEST_F(Material, RefusesReorderedRecords) {
  deal(5);
  std::string record = bytesAt(recordOffset(8), info.recordBytes());
  overwrite(path, recordOffset(9), record);
  expectCode(ExitCode::Integrity, "record 9", [&] { readRecord(store(), 9); });
}

TEST_F(Material, RefusesRecordsOfOtherPlansModelsSetsAndParties) {
  deal(5);
  std::string own = bytesAt(recordOffset(7), info.recordBytes());
  const MaterialInfo mine = info;
  for (int field = 0; field < 4; ++field) {
    MaterialInfo other = mine;
    (field == 0 ? other.planHash[5] : field == 1 ? other.modelId[5] : other.materialId[5]) ^= 1;
    if (field == 3)
      other = mine, other.party = Party::One;
    RecordCipher foreign(setSeed, other);
    std::vector<uint8_t> record(mine.recordBytes());
    std::ranges::copy(payload(7), RecordCipher::payload(record).begin());
    foreign.seal(7, record);
    overwrite(path, recordOffset(7), std::string(record.begin(), record.end()));
    expectCode(ExitCode::Integrity, "record 7", [&] { readRecord(store(), 7); });
  }
  overwrite(path, recordOffset(7), own);
  EXPECT_EQ(readRecord(store(), 7), payload(7));
  expectCode(ExitCode::Integrity, "the set's seed does not authenticate",
             [&] { MaterialStore(path, seed(8)); });
}

TEST_F(Material, RefusesTruncatedFiles) {
  deal(5);
  uint64_t size = std::filesystem::file_size(path);
  for (uint64_t keep : {size - 1, size - info.recordBytes(), recordOffset(7)}) {
    std::filesystem::resize_file(path, keep);
    expectCode(ExitCode::InvalidInput, "of 5 records", [&] { store(); });
  }
  for (uint64_t keep : {uint64_t(0), uint64_t(7), uint64_t(12), uint64_t(40)}) {
    std::filesystem::resize_file(path, keep);
    expectCode(ExitCode::InvalidInput, path.string(), [&] { store(); });
  }
}

TEST_F(Material, RefusesDamagedHeaders) {
  deal(5);
  uint64_t headerBytes = recordOffset(7);
  for (uint64_t at = 0; at < headerBytes; ++at) {
    flip(path, at);
    // A flipped id parses, but then no record authenticates.
    EXPECT_THROW(readRecord(store(), 7), Error) << "header byte " << at;
    flip(path, at);
    std::filesystem::remove(ledgerPath(path));
  }
  EXPECT_EQ(readRecord(store(), 7), payload(7));
}

TEST_F(Material, IsNotOverwrittenByAccident) {
  deal(5);
  expectCode(ExitCode::OutputUnwritable, "exists already", [&] { deal(5); });
  {
    store().claim(7);
  }
  draw();
  MaterialWriter writer = MaterialWriter::create(path, info, true);
  append(writer, 5);
  writer.finish();
  EXPECT_EQ(store().cursor(), 7u) << "a new set starts with a new ledger";
}

TEST_F(Material, DealingContinuesAfterAnInterruption) {
  deal(3);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 10);
  {
    MaterialWriter writer = MaterialWriter::resume(path, info, setSeed);
    EXPECT_EQ(writer.written(), 2u);
    append(writer, 5);
    writer.finish();
  }
  MaterialStore material = store();
  for (uint64_t serial = 7; serial < 12; ++serial)
    EXPECT_EQ(readRecord(material, serial), payload(serial));
}

TEST_F(Material, ResumingKeepsOnlySoundRecords) {
  deal(5);
  flip(path, recordOffset(8) + 100);
  EXPECT_EQ(MaterialWriter::resume(path, info, setSeed).written(), 1u);
}

TEST_F(Material, ResumingRefusesOtherRunsAndUsedMaterial) {
  deal(3);
  MaterialInfo other = info;
  other.records = 6;
  expectCode(ExitCode::PlanMismatch, "another plan, key or number",
             [&] { MaterialWriter::resume(path, other, setSeed); });
  MaterialWriter::resume(path, info, setSeed);
  {
    MaterialWriter writer = MaterialWriter::resume(path, info, setSeed);
    append(writer, 5);
    writer.finish();
  }
  {
    store().claim(7);
  }
  expectCode(ExitCode::MaterialReuse, "a server has used this material",
             [&] { MaterialWriter::resume(path, info, setSeed); });
}

// --- The ledger ---------------------------------------------------------------------------------

TEST_F(Material, RemembersClaimsAcrossRestarts) {
  deal(5);
  {
    MaterialStore material = store();
    material.claim(7);
    material.claim(9);
  }
  MaterialStore material = store();
  EXPECT_EQ(material.cursor(), 10u);
  EXPECT_EQ(material.left(), 2u);
  expectCode(ExitCode::MaterialReuse, "serial 9 was used already", [&] { material.claim(9); });
  expectCode(ExitCode::MaterialReuse, "serial 8 of the material was used already",
             [&] { readRecord(material, 8); });
  material.claim(11);
  expectCode(ExitCode::MaterialExhausted, "no unused material is left",
             [&] { material.claim(12); });
  expectCode(ExitCode::MaterialExhausted, "all 5 records are used",
             [&] { readRecord(material, 12); });
}

TEST_F(Material, ClaimsWithinTheReserveAreOnDiskAlready) {
  info.records = 40;
  deal(40);
  MaterialStore material = store();
  material.tidy();
  const uint64_t reserved = 7 + Ledger::reserveAhead;
  EXPECT_EQ(readCursor(ledgerPath(path), info), reserved);
  for (uint64_t serial = 7; serial < reserved; ++serial) {
    material.claim(serial);
    EXPECT_EQ(readCursor(ledgerPath(path), info), reserved) << "a claim waited for the disk";
  }
  material.claim(reserved); // nobody has tidied: it has to be written first
  EXPECT_EQ(readCursor(ledgerPath(path), info), reserved + 1 + Ledger::reserveAhead);
  EXPECT_EQ(material.left(), 40u - Ledger::reserveAhead - 1);
}

TEST_F(Material, WhatCannotBeClaimedIsRefusedBeforeItIsAskedFor) {
  deal(5);
  MaterialStore store = this->store();
  store.requireUnused(7);
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &usual), 0);
  const rlimit none{0, usual.rlim_max};
  ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  expectCode(ExitCode::OutputUnwritable, "cannot be written", [&] { store.claim(7); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &usual), 0);
  expectCode(ExitCode::OutputUnwritable, "could not be written before",
             [&] { store.requireUnused(8); });
}

TEST_F(Material, AnOrderlyEndGivesTheReserveBack) {
  info.records = 40;
  deal(40);
  {
    MaterialStore material = store();
    material.tidy();
    material.claim(8);
  }
  EXPECT_EQ(readCursor(ledgerPath(path), info), 9u);
  EXPECT_EQ(readRecord(store(), 9), payload(9));
}

TEST_F(Material, ACrashLosesTheReserveOnly) {
  info.records = 40;
  deal(40);
  pid_t child = fork();
  if (child == 0) {
    try {
      MaterialStore material = store();
      material.claim(8);
      _exit(0); // no destructor runs: like kill -9
    } catch (...) {
      _exit(1);
    }
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  const uint64_t next = 9 + Ledger::reserveAhead;
  MaterialStore material = store();
  EXPECT_EQ(material.cursor(), next);
  EXPECT_EQ(bytesAt(recordOffset(7), recordOffset(next) - recordOffset(7)),
            std::string(recordOffset(next) - recordOffset(7), 0))
      << "what the crash left unerased";
  EXPECT_EQ(readRecord(material, next), payload(next));
}

TEST_F(Material, SurvivesATornLedgerWrite) {
  deal(5);
  {
    MaterialStore material = store();
    material.claim(7);
    material.claim(8);
  }
  // Tear the slot that would be written next (the older one): the newer one still counts.
  overwrite(ledgerPath(path), 0, std::string(30, 'x'));
  EXPECT_EQ(store().cursor(), 9u);
  // Without any sound slot nothing may be used.
  overwrite(ledgerPath(path), 4096, std::string(30, 'x'));
  expectCode(ExitCode::Integrity, "the ledger is damaged", [&] { store(); });
}

TEST_F(Material, ALedgerWhoseMakingWasInterruptedLosesNoSet) {
  // The disk was full, or the power failed: a file is there, and nothing is in it.
  for (size_t size : {size_t(0), size_t(100), size_t(4096 + 64)}) {
    info.records = 5;
    deal(5);
    std::ofstream(ledgerPath(path), std::ios::binary) << std::string(size, 0);
    EXPECT_EQ(readCursor(ledgerPath(path), info), 7u);
    {
      MaterialStore material = store();
      EXPECT_EQ(material.cursor(), 7u);
      EXPECT_EQ(std::filesystem::file_size(ledgerPath(path)), 4096u + 64)
          << "room for both slots is there before a disk fills up";
      material.claim(8);
    }
    // A blank ledger in place of a real one brings nothing back.
    std::ofstream(ledgerPath(path), std::ios::binary) << std::string(size, 0);
    expectCode(ExitCode::MaterialReuse, "the ledger is missing, but material was used",
               [&] { store(); });
    std::filesystem::remove(path);
    std::filesystem::remove(ledgerPath(path));
  }
}

TEST_F(Material, ShowsTheCursorWhileAServerHoldsTheLock) {
  deal(5);
  expectCode(ExitCode::InputUnreadable, "cannot be opened",
             [&] { readCursor(ledgerPath(path), info); });
  MaterialStore material = store();
  EXPECT_EQ(readCursor(ledgerPath(path), info), 7u);
  material.claim(9);
  EXPECT_EQ(readCursor(ledgerPath(path), info), 12u) << "the reserve counts as used";
  expectCode(ExitCode::MaterialReuse, "another process uses this material", [&] { store(); });
  material.claim(10); // reading has not taken the lock away
  overwrite(ledgerPath(path), 0, std::string(30, 'x'));
  overwrite(ledgerPath(path), 4096, std::string(30, 'x'));
  expectCode(ExitCode::Integrity, "the ledger is damaged",
             [&] { readCursor(ledgerPath(path), info); });
}

TEST_F(Material, ErasesUsedRecords) {
  deal(5);
  MaterialStore material = store();
  material.claim(8);
  material.tidy();
  uint64_t end = recordOffset(9);
  EXPECT_EQ(bytesAt(recordOffset(7), end - recordOffset(7)), std::string(end - recordOffset(7), 0));
  EXPECT_EQ(readRecord(material, 9), payload(9));
}

TEST_F(Material, RefusesALostLedger) {
  deal(5);
  {
    store().claim(8);
  }
  std::filesystem::remove(ledgerPath(path));
  expectCode(ExitCode::MaterialReuse, "the ledger is missing, but material was used",
             [&] { store(); });
}

TEST_F(Material, AnOldLedgerCannotBringBackErasedRecords) {
  deal(5);
  {
    store();
  }
  std::filesystem::copy(ledgerPath(path), folder / "backup");
  {
    store().claim(7);
  }
  std::filesystem::copy(folder / "backup", ledgerPath(path),
                        std::filesystem::copy_options::overwrite_existing);
  expectCode(ExitCode::MaterialReuse, "record 7 was used and erased",
             [&] { readRecord(store(), 7); });
  {
    store().claim(11);
  }
  std::filesystem::copy(folder / "backup", ledgerPath(path),
                        std::filesystem::copy_options::overwrite_existing);
  expectCode(ExitCode::MaterialReuse, "was used up and its seed erased", [&] { store(); });
}

TEST_F(Material, RefusesTheLedgerOfAnotherSet) {
  deal(5);
  {
    store();
  }
  std::filesystem::remove(path);
  draw();
  expectCode(ExitCode::OutputUnwritable, "a ledger lies beside this name", [&] { deal(5); });
  std::filesystem::rename(ledgerPath(path), folder / "elsewhere");
  deal(5);
  std::filesystem::rename(folder / "elsewhere", ledgerPath(path));
  expectCode(ExitCode::PlanMismatch, "the ledger belongs to other material", [&] { store(); });
  expectCode(ExitCode::PlanMismatch, "the ledger belongs to other material",
             [&] { readCursor(ledgerPath(path), info); });
}

TEST_F(Material, IsNotSharedByTwoProcesses) {
  deal(5);
  MaterialStore first = store();
  expectCode(ExitCode::MaterialReuse, "another process uses this material", [&] { store(); });
}

TEST_F(Material, ReportsMissingFiles) {
  expectCode(ExitCode::InputUnreadable, "m.s0.material: cannot be opened", [&] { store(); });
  std::filesystem::path nowhere = folder / "no" / "such.material";
  expectCode(ExitCode::OutputUnwritable, "such.material: cannot be written",
             [&] { MaterialWriter::create(nowhere, info, false); });
}

TEST_F(Material, ASetHasASeedOfItsOwnThatGoesWithIt) {
  deal(5);
  const auto sealedOnDisk = [&] { return readMaterialInfo(path).sealedSeed; };
  {
    MaterialStore material = store();
    ASSERT_TRUE(material.setSeed());
    EXPECT_TRUE(std::ranges::equal(material.setSeed()->bytes(), setSeed.bytes()));
    material.claim(10);
    material.tidy();
    EXPECT_EQ(sealedOnDisk(), info.sealedSeed) << "one record is left";
    material.claim(11);
    material.tidy();
    EXPECT_FALSE(material.setSeed()) << "nor in memory";
    expectCode(ExitCode::MaterialReuse, "its seed erased",
               [&] { material.readAhead(11, std::array{info.payloadBytes}); });
  }
  EXPECT_EQ(sealedOnDisk(), decltype(info.sealedSeed){});
  MaterialStore spent = store();
  EXPECT_FALSE(spent.setSeed());
  EXPECT_EQ(spent.left(), 0u);
}

TEST_F(Material, ASeedOpensForItsPartySetAndPlanOnly) {
  const auto opened = openSetSeed(info, seed(9), "x");
  ASSERT_TRUE(opened);
  EXPECT_TRUE(std::ranges::equal(opened->bytes(), setSeed.bytes()));
  expectCode(ExitCode::Integrity, "x: the set's seed does not authenticate",
             [&] { openSetSeed(info, seed(8), "x"); });
  for (unsigned field : {0u, 1u, 2u, 3u, 4u}) {
    MaterialInfo other = info;
    if (field == 3)
      other.party = peerOf(other.party);
    else if (field == 4)
      other.sealedSeed[20] ^= 1;
    else
      (field == 0 ? other.planHash[5] : field == 1 ? other.modelId[5] : other.materialId[5]) ^= 1;
    expectCode(ExitCode::Integrity, "does not authenticate",
               [&] { openSetSeed(other, seed(9), "x"); });
  }
}

TEST_F(Material, TheIdOfASetNamesTheSeedsOfBothHalves) {
  std::array<MaterialInfo, 2> halves = {info, info};
  halves[1].party = Party::One;
  const std::array<SecretSeed, 2> keys = {seed(9), seed(8)};
  const std::array<SecretSeed, 2> seeds = drawSetSeeds(halves, keys);
  EXPECT_EQ(halves[0].materialId, halves[1].materialId);
  EXPECT_NE(halves[0].materialId, info.materialId);
  EXPECT_NE(halves[0].sealedSeed, info.sealedSeed);
  for (unsigned party : {0u, 1u})
    EXPECT_TRUE(std::ranges::equal(openSetSeed(halves[party], keys[party], "x")->bytes(),
                                   seeds[party].bytes()));
  // A half of which the other was dealt anew, with another seed.
  std::array<MaterialInfo, 2> others = halves;
  drawSetSeeds(others, keys);
  for (unsigned party : {0u, 1u}) {
    MaterialInfo mixed = halves[party];
    mixed.otherSeedDigest = others[party].otherSeedDigest;
    expectCode(ExitCode::Integrity, "x: the halves of the set were not dealt together",
               [&] { openSetSeed(mixed, keys[party], "x"); });
  }
}

TEST_F(Material, AFileOfAnOlderFormatIsNamed) {
  deal(5);
  const std::string header = encodeMaterialHeader(info);
  ASSERT_EQ(header[13], 4) << "its version";
  overwrite(path, 13, "\3");
  expectCode(ExitCode::InvalidInput, "format version 3, this program reads 4", [&] { store(); });
}
