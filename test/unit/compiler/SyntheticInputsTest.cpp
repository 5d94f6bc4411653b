// SPDX-License-Identifier: Apache-2.0
// Made-up calibration inputs.
#include "compiler/calibrate/SyntheticInputs.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace gfs {
namespace {

TEST(SyntheticInputs, StayInRangeAndUseIt) {
  int64_t shape[] = {1, 3, 16, 16};
  auto samples = syntheticInputs(shape, 12, {-2, 6});
  ASSERT_EQ(samples.size(), 12u * 3 * 16 * 16);
  auto [least, most] = std::minmax_element(samples.begin(), samples.end());
  EXPECT_GE(*least, -2);
  EXPECT_LT(*least, -1.9f);
  EXPECT_LE(*most, 6);
  EXPECT_GT(*most, 5.9f);
}

TEST(SyntheticInputs, AreTheSameEverywhere) {
  int64_t shape[] = {1, 4};
  auto once = syntheticInputs(shape, 3, {0, 1}), again = syntheticInputs(shape, 3, {0, 1});
  EXPECT_EQ(once, again);
  // The top 24 bits of the first words of AES-128 of zero under the key "gfs calibration".
  EXPECT_FLOAT_EQ(once[0], 0.5161347985f);
  EXPECT_FLOAT_EQ(once[3], 0.8536281586f);
  EXPECT_NE(std::vector<float>(once.begin(), once.begin() + 4),
            std::vector<float>(once.begin() + 4, once.begin() + 8));
}

TEST(SyntheticInputs, DrawTilesOfGrowingSize) {
  // Tiles of 1, 2, 4 and 8 pixels: the fourth sample is flat in each channel, the third flat in
  // each quarter.
  int64_t shape[] = {1, 2, 8, 8};
  auto samples = syntheticInputs(shape, 4, {0, 1});
  const float *quarters = &samples[2 * 128], *flat = &samples[3 * 128];
  EXPECT_TRUE(std::all_of(flat, flat + 64, [&](float v) { return v == flat[0]; }));
  EXPECT_NE(flat[0], flat[64]);
  EXPECT_EQ(quarters[0], quarters[3 * 8 + 3]);
  EXPECT_NE(quarters[0], quarters[4]);
  EXPECT_NE(quarters[0], quarters[4 * 8]);
}

} // namespace
} // namespace gfs
