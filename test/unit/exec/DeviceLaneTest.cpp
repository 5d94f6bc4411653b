// SPDX-License-Identifier: Apache-2.0
// Lanes: their members' regions lie apart, they are used again, and launches are recorded when they
// repeat.
#include "runtime/exec/DeviceLane.h"
#include "runtime/base/Error.h"
#include "test/unit/cuda/EmulatedDevice.h"

#include <gtest/gtest.h>

#include <map>

using namespace gfs;
using gpu::Region;

namespace {

LaneLayout someLayout(uint32_t members) {
  return {.members = members,
          .own = {{Region::Values, 100}, {Region::Records, 64}, {Region::Scratch, 0}},
          .together = 130,
          .pinned = 7};
}

class DeviceLaneTest : public ::testing::Test {
protected:
  void SetUp() override {
    emulatedCudaVariants();
    device = openDevice("cuda");
  }
  uint64_t taken() const { return device.freeMemory - openDevice("cuda").freeMemory; }
  ComputeDevice device;
};

TEST_F(DeviceLaneTest, RegionsLieApartAndFillTheMemory) {
  const uint64_t before = taken();
  DeviceLane lane(someLayout(3));
  EXPECT_EQ(taken() - before, someLayout(3).deviceBytes());
  EXPECT_EQ(lane.pinned().size(), 7u);
  std::map<uint8_t *, uint64_t> parts; // begin and bytes
  parts[lane.at(gpu::Array<uint8_t>(Region::Together, 0))] = 130;
  for (uint32_t member = 0; member < 3; ++member) {
    EXPECT_EQ(lane.at(gpu::Array<uint8_t>(Region::Together, 0), member),
              lane.at(gpu::Array<uint8_t>(Region::Together, 0)));
    parts[lane.at(gpu::Array<uint8_t>(Region::Values, 0), member)] = 100;
    parts[lane.at(gpu::Array<uint8_t>(Region::Records, 0), member)] = 64;
  }
  EXPECT_EQ(parts.size(), 7u);
  for (auto part = parts.begin(), next = std::next(part); next != parts.end(); ++part, ++next)
    EXPECT_GE(next->first - part->first, static_cast<ptrdiff_t>(part->second));
  EXPECT_EQ(lane.at(gpu::Array<uint8_t>(Region::Records, 0), 2) -
                lane.at(gpu::Array<uint8_t>(Region::Records, 0), 0),
            128)
      << "the dealer copies all records at once";
}

TEST_F(DeviceLaneTest, LanesThatAreLargeEnoughAreUsedAgain) {
  LanePool pool(someLayout);
  std::unique_ptr<DeviceLane> lane = pool.take(4);
  const DeviceLane *first = lane.get();
  EXPECT_EQ(lane->capacity(), 4u);
  lane->begin(4);
  lane->finish();
  pool.give(std::move(lane));
  lane = pool.take(2);
  EXPECT_EQ(lane.get(), first);
  EXPECT_NE(pool.take(2).get(), first) << "it is in use";
  pool.give(std::move(lane));
  EXPECT_EQ(pool.take(5)->capacity(), 5u);
}

TEST_F(DeviceLaneTest, RefusesGroupsOfNoneAndOfMoreThanAGridHas) {
  LanePool pool(someLayout);
  EXPECT_THROW(pool.take(0), Error);
  EXPECT_THROW(pool.take(65536), Error);
  EXPECT_THROW(pool.take(2)->begin(3), Error);
}

TEST_F(DeviceLaneTest, RecordsLaunchesOfTheSecondGroupOfASize) {
  DeviceLane lane(someLayout(2));
  std::vector<size_t> called;
  auto launch = [&](size_t part) { called.push_back(part); };
  auto group = [&](uint32_t members) {
    called.clear();
    lane.begin(members);
    lane.repeated().expect(members, 2, lane.queue(), launch);
    for (size_t part : {0, 1})
      lane.repeated().run(part, lane.queue(), launch);
    lane.finish();
    return called.size();
  };
  EXPECT_EQ(group(2), 2u) << "launched";
  EXPECT_EQ(group(2), 2u) << "recorded";
  EXPECT_EQ(group(2), 0u) << "replayed";
  EXPECT_EQ(group(1), 2u);
  EXPECT_EQ(group(2), 2u);
  EXPECT_EQ(group(2), 2u);
  EXPECT_EQ(called, (std::vector<size_t>{0, 1}));
}

} // namespace
