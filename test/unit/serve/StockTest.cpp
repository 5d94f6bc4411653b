// SPDX-License-Identifier: Apache-2.0
// Records prepared ahead: which, how many, once each, and what happens to bad ones.
#include "runtime/serve/Stock.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>

namespace gfs::serve {
namespace {

/// Counts what is read and prepared; serials in `broken` cannot be read.
class StockTest : public testing::Test {
protected:
  std::mutex mutex;
  std::map<uint64_t, int> reads, prepares;
  std::set<uint64_t> broken;
  size_t recordBytes = 8;

  SecretVector<uint8_t> read(uint64_t serial) {
    std::lock_guard lock(mutex);
    ++reads[serial];
    if (broken.contains(serial))
      throw Error(ExitCode::Integrity, "broken");
    return SecretVector<uint8_t>(recordBytes, static_cast<uint8_t>(serial));
  }
  Prepared prepare(uint64_t serial, SecretVector<uint8_t> record) {
    EXPECT_EQ(record, SecretVector<uint8_t>(recordBytes, static_cast<uint8_t>(serial)));
    std::lock_guard lock(mutex);
    ++prepares[serial];
    return Prepared(RequestId{{}, {}, {}, serial}, std::move(record));
  }
  Stock stock(uint64_t end) {
    return Stock(
        end, [this](uint64_t serial) { return read(serial); },
        [this](uint64_t serial, SecretVector<uint8_t> record) {
          return prepare(serial, std::move(record));
        });
  }
  std::vector<uint64_t> preparedSoFar() {
    std::lock_guard lock(mutex);
    std::vector<uint64_t> serials;
    for (const auto &[serial, times] : prepares)
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
    double seconds = 0;
    for (uint64_t serial = first; serial < first + count; ++serial)
      stock.load(serial);
    std::vector<uint64_t> serials;
    for (const Prepared &prepared : stock.take(first, count, seconds))
      serials.push_back(prepared.request().serial);
    return serials;
  }
};

TEST_F(StockTest, PreparesAheadFromWhereItIsAimed) {
  Stock stock = this->stock(100);
  await(0);
  stock.aim(7);
  await(Stock::mostAhead);
  EXPECT_EQ(preparedSoFar(), (std::vector<uint64_t>{7, 8, 9, 10}));
  stock.load(7);
  double seconds = 0;
  EXPECT_EQ(stock.take(7, 1, seconds)[0].request().serial, 7u);
  EXPECT_EQ(seconds, 0); // no work was left
  stock.aim(8);
  await(Stock::mostAhead + 1);
  stock.aim(10); // 10 and 11 are there already
  await(Stock::mostAhead + 3);
  EXPECT_EQ(preparedSoFar().back(), 13u);
}

TEST_F(StockTest, KeepsFewerLargeRecords) {
  recordBytes = Stock::mostBytes / 2 + 1;
  Stock stock = this->stock(100);
  stock.aim(0);
  await(1);
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
  for (const auto &counts : {reads, prepares})
    for (const auto &[serial, times] : counts)
      EXPECT_EQ(times, 1) << serial;
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

TEST_F(StockTest, RefusesToHandOutWhatWasNotLoaded) {
  Stock stock = this->stock(100);
  double seconds = 0;
  EXPECT_THROW(stock.take(3, 1, seconds), Error);
}

} // namespace
} // namespace gfs::serve
