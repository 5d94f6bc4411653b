// SPDX-License-Identifier: Apache-2.0
// Records prepared ahead: which, how many, once each, and what happens to bad ones.
#include "runtime/serve/Stock.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <future>
#include <gtest/gtest.h>

namespace gfs::serve {
namespace {

/// Counts what is read and prepared, in `parts` steps a record; serials in `broken` cannot be read.
class StockTest : public testing::Test {
protected:
  static constexpr size_t parts = 3;
  static constexpr uint64_t plenty = uint64_t(1) << 40;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<uint64_t, int> reads, steps;
  std::set<uint64_t> broken;
  size_t recordBytes = 8;
  std::optional<uint64_t> gate; ///< No step of this serial ends before it is opened.
  /// Reading the first of these ends once the second is read.
  std::optional<std::pair<uint64_t, uint64_t>> readAfter;
  bool atGate = false;
  StockState state;

  Prepared read(uint64_t serial) {
    std::unique_lock lock(mutex);
    ++reads[serial];
    changed.notify_all();
    if (readAfter && readAfter->first == serial)
      EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(20),
                                   [&] { return reads.contains(readAfter->second); }));
    if (broken.contains(serial))
      throw Error(ExitCode::Integrity, "broken");
    RecordParts record(parts);
    record[0].resize(recordBytes);
    return Prepared(RequestId{{}, {}, {}, serial}, std::move(record));
  }
  bool advance(Prepared &prepared) {
    const uint64_t serial = prepared.request().serial;
    std::unique_lock lock(mutex);
    if (gate == serial) {
      atGate = true;
      changed.notify_all();
      changed.wait(lock, [&] { return gate != serial; });
    }
    return ++steps[serial] < static_cast<int>(parts);
  }
  Stock stock(uint64_t end, uint64_t mostBytes = plenty) {
    return Stock(
        end, mostBytes, [this](uint64_t serial) { return read(serial); },
        [this](Prepared &prepared) { return advance(prepared); }, state);
  }
  std::vector<uint64_t> preparedSoFar() {
    std::lock_guard lock(mutex);
    std::vector<uint64_t> serials;
    for (const auto &[serial, times] : steps)
      if (times == static_cast<int>(parts))
        serials.push_back(serial);
    return serials;
  }
  /// Waits until `count` have been prepared, and then a little for one too many.
  void await(size_t count) {
    for (int i = 0; i < 2000 && preparedSoFar().size() < count; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(preparedSoFar().size(), count);
  }
  static std::vector<uint64_t> take(Stock &stock, uint64_t first, uint64_t count) {
    for (uint64_t serial = first; serial < first + count; ++serial)
      stock.load(serial);
    std::vector<uint64_t> serials;
    for (const Prepared &prepared : stock.take(first, count))
      serials.push_back(prepared.request().serial);
    stock.ended();
    return serials;
  }
};

TEST_F(StockTest, PreparesAheadFromWhereItIsAimed) {
  Stock stock = this->stock(100);
  await(0);
  stock.aim(7);
  await(Stock::mostAhead);
  EXPECT_EQ(preparedSoFar(), (std::vector<uint64_t>{7, 8, 9, 10}));
  EXPECT_EQ(state.ready, 4u);
  EXPECT_EQ(take(stock, 7, 1), (std::vector<uint64_t>{7}));
  EXPECT_EQ(state.ready, 3u);
  stock.aim(8);
  await(Stock::mostAhead + 1);
  stock.aim(10); // 10 and 11 are there already
  await(Stock::mostAhead + 3);
  EXPECT_EQ(preparedSoFar().back(), 13u);
  EXPECT_EQ(state.ready, 4u) << "8 and 9 are of no use any more";
}

TEST_F(StockTest, KeepsAsManyAheadAsTheLastGroupTook) {
  Stock stock = this->stock(100);
  stock.aim(0);
  EXPECT_EQ(take(stock, 0, 9).size(), 9u);
  stock.aim(9);
  auto ahead = [&] {
    return std::ranges::count_if(preparedSoFar(), [](auto s) { return s >= 9; });
  };
  for (int i = 0; i < 2000 && ahead() < 9; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(ahead(), 9);
}

TEST_F(StockTest, KeepsFewerLargeRecords) {
  recordBytes = 100;
  {
    Stock stock = this->stock(100, 250);
    stock.aim(0);
    await(2);
  }
  Stock stock = this->stock(100, 99);
  stock.aim(50);
  await(3); // one more, larger than there is room for
}

TEST_F(StockTest, KeepsNothingAheadWithoutMemory) {
  Stock stock = this->stock(100, 0);
  stock.aim(3);
  await(0);
  EXPECT_TRUE(reads.empty());
  EXPECT_EQ(take(stock, 3, 2), (std::vector<uint64_t>{3, 4}));
  await(0);
}

TEST_F(StockTest, HandsARecordOutAfterTheStepItIsAt) {
  gate = 5;
  Stock stock = this->stock(100);
  stock.aim(5);
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return atGate; });
  }
  stock.load(5);
  auto taking = std::async(std::launch::async, [&] { return stock.take(5, 1).size(); });
  EXPECT_EQ(taking.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  {
    std::lock_guard lock(mutex);
    gate.reset();
  }
  changed.notify_all();
  EXPECT_EQ(taking.get(), 1u);
  stock.ended();
  await(Stock::mostAhead); // 6 to 9: what was handed out is not touched again
  std::lock_guard lock(mutex);
  EXPECT_EQ(steps[5], 1);
  EXPECT_EQ(reads[5], 1);
}

TEST_F(StockTest, BeginsNothingBesideAPassWhileTheNextIsPrepared) {
  Stock stock = this->stock(100);
  stock.aim(0);
  await(Stock::mostAhead);
  stock.load(0);
  stock.take(0, 1);
  stock.aim(1);
  await(Stock::mostAhead); // 1 is prepared: 4 can wait
  EXPECT_FALSE(state.working);
  stock.ended();
  await(Stock::mostAhead + 1);
}

TEST_F(StockTest, PreparesBesideAPassWhatTheNextGroupNeeds) {
  Stock stock = this->stock(100);
  stock.aim(0);
  for (uint64_t serial = 0; serial < 9; ++serial)
    stock.load(serial);
  stock.take(0, 9);
  stock.aim(9);
  auto ahead = [&] {
    return std::ranges::count_if(preparedSoFar(), [](auto s) { return s >= 9; });
  };
  for (int i = 0; i < 2000 && ahead() < 9; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(ahead(), 9);
}

TEST_F(StockTest, StopsAtTheEnd) {
  Stock stock = this->stock(9);
  stock.aim(7);
  await(2);
}

TEST_F(StockTest, TakesGroupsWithoutDoingAnythingTwice) {
  Stock stock = this->stock(1000);
  for (uint64_t first = 0; first < 300;) {
    const uint64_t count = 1 + first % 7;
    stock.aim(first);
    std::vector<uint64_t> expected;
    for (uint64_t serial = first; serial < first + count; ++serial)
      expected.push_back(serial);
    EXPECT_EQ(take(stock, first, count), expected);
    first += count;
  }
  std::lock_guard lock(mutex);
  for (const auto &[serial, times] : reads)
    EXPECT_EQ(times, 1) << serial;
  for (const auto &[serial, times] : steps)
    EXPECT_LE(times, static_cast<int>(parts)) << serial;
}

TEST_F(StockTest, ReportsABadRecordWhenItIsLoaded) {
  broken = {5};
  Stock stock = this->stock(100);
  stock.aim(4);
  await(Stock::mostAhead - 1);
  EXPECT_EQ(preparedSoFar(), (std::vector<uint64_t>{4, 6, 7}));
  EXPECT_EQ(take(stock, 4, 1), (std::vector<uint64_t>{4}));
  EXPECT_THROW(stock.load(5), Error);
  stock.aim(6);
  EXPECT_EQ(take(stock, 6, 2), (std::vector<uint64_t>{6, 7}));
}

TEST_F(StockTest, LoadsAGroupOnBothThreads) {
  readAfter = {3, 8}; // whoever reads 3, another reads 8 meanwhile
  Stock stock = this->stock(9, 0);
  EXPECT_EQ(stock.load(3, 6), 6u);
  EXPECT_EQ(stock.take(3, 6).size(), 6u);
  stock.ended();
  std::lock_guard lock(mutex);
  EXPECT_EQ(reads.size(), 6u);
  for (const auto &[serial, times] : reads)
    EXPECT_EQ(times, 1) << serial;
}

TEST_F(StockTest, LoadsAGroupUpToABadRecord) {
  broken = {4};
  Stock stock = this->stock(100);
  EXPECT_EQ(stock.load(2, 5), 2u);
  EXPECT_THROW(stock.load(4, 3), Error);
  stock.aim(5);
  EXPECT_EQ(take(stock, 5, 2), (std::vector<uint64_t>{5, 6}));
}

TEST_F(StockTest, RefusesToHandOutWhatWasNotLoaded) {
  Stock stock = this->stock(100);
  EXPECT_THROW(stock.take(3, 1), Error);
}

} // namespace
} // namespace gfs::serve
