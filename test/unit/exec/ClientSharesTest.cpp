// SPDX-License-Identifier: Apache-2.0
// The client's side: fixed point, shares, post-processing.
#include "runtime/exec/ClientShares.h"

#include "runtime/base/Error.h"
#include "test/unit/exec/OneRequest.h"

#include <cmath>
#include <gmock/gmock.h>
#include <limits>

namespace gfs {
namespace {

TEST(ClientSharesTest, EncodesToNearestAndBack) {
  const Ring ring{24};
  std::vector<float> values = {0.0f, 1.0f, -1.0f, 0.1f, -3.14159f, 100.25f};
  std::vector<float> back = decodeFixed(ring, 12, encodeFixed(ring, 12, values));
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_LE(std::abs(back[i] - values[i]), 0x1p-13f);
  EXPECT_EQ(signedOf(ring, encodeFixed(ring, 0, std::vector<float>{0.5f, 1.5f, -0.5f, 2.4f})),
            (std::vector<int64_t>{0, 2, 0, 2})); // ties to even
  EXPECT_EQ(signedOf(ring, encodeFixed(ring, -2, std::vector<float>{40.0f})),
            (std::vector<int64_t>{10}));
}

TEST(ClientSharesTest, RefusesWhatDoesNotFit) {
  const Ring ring{16};
  EXPECT_EQ(signedOf(ring, encodeFixed(ring, 8, std::vector<float>{-128.0f})),
            (std::vector<int64_t>{-32768}));
  for (float value : {128.0f, -128.01f, 1e30f, std::numeric_limits<float>::infinity(),
                      std::numeric_limits<float>::quiet_NaN()})
    try {
      encodeFixed(ring, 8, std::vector<float>{0.0f, value});
      ADD_FAILURE() << value;
    } catch (const Error &error) {
      EXPECT_EQ(error.code(), ExitCode::RangeCheck);
      EXPECT_STREQ(error.what(),
                   "input element 1: is not finite or does not fit 16 bits at scale 8");
    }
}

TEST(ClientSharesTest, SharesJoinToTheValueAndDifferEachTime) {
  for (unsigned bits : {16u, 27u, 32u, 33u, 64u}) {
    const Ring ring{bits};
    ClearWords words = wordsOf(ring, std::vector<int64_t>{0, 1, -1, 12345, -12345});
    auto first = shareInput(ring, words), second = shareInput(ring, words);
    EXPECT_EQ(first[0].size(), packedBytes(5, bits));
    EXPECT_NE(first[0], second[0]);
    EXPECT_NE(first[1], second[1]);
    EXPECT_EQ(joinOutput(ring, 5, first[0], first[1]), words);
  }
}

TEST(ClientSharesTest, RefusesSharesOfAnotherLength) {
  SecretVector<uint8_t> right(20), wrong(16);
  try {
    joinOutput(Ring{32}, 5, right, wrong);
    FAIL();
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::InvalidInput);
    EXPECT_STREQ(error.what(), "output share: expects 20 bytes, got 16");
  }
}

struct PostProcessTest : testing::Test {
  std::vector<float> run(plan::Port::PostProcess post, std::vector<float> values) {
    plan::Plan plan;
    plan::Value *value = plan.add_values();
    value->add_shape(2);
    value->add_shape(values.size() / 2);
    plan::Port port;
    port.set_post_process(post);
    return postProcess(plan, port, std::move(values));
  }
};

TEST_F(PostProcessTest, WorksOnRows) {
  const std::vector<float> logits = {0, 1, 2, 1000, 999, -1000};
  EXPECT_EQ(run(plan::Port::NONE, logits), logits);
  EXPECT_EQ(run(plan::Port::ARGMAX, logits), (std::vector<float>{2, 0}));
  auto near = [](std::vector<float> expected) {
    return testing::Pointwise(testing::FloatNear(1e-6f), expected);
  };
  EXPECT_THAT(run(plan::Port::SOFTMAX, logits),
              near({0.09003057f, 0.24472847f, 0.66524096f, 0.73105858f, 0.26894142f, 0}));
  std::vector<float> logs = run(plan::Port::LOG_SOFTMAX, logits);
  EXPECT_NEAR(logs[2], std::log(0.66524096f), 1e-6);
  EXPECT_NEAR(logs[5], -2000.3133f, 1e-3);
}

TEST(PostProcessAlongAxis, LeavesTheOtherAxesInPlace) {
  plan::Plan plan;
  plan::Value *value = plan.add_values();
  for (uint64_t extent : {2, 3, 2})
    value->add_shape(extent);
  plan::Port port;
  port.set_post_axis(1);
  const std::vector<float> values = {1, 9, 5, 8, 3, 7, /**/ 4, 0, 4, 2, 6, 1};
  auto run = [&](plan::Port::PostProcess post, uint32_t count = 0) {
    port.set_post_process(post);
    port.set_post_count(count);
    std::vector<float> result = postProcess(plan, port, values);
    uint64_t elements = 1;
    for (uint64_t extent : postProcessShape(port, {2, 3, 2}))
      elements *= extent;
    EXPECT_EQ(result.size(), elements);
    return result;
  };
  EXPECT_EQ(run(plan::Port::ARGMAX), (std::vector<float>{1, 0, /**/ 2, 1}));
  EXPECT_EQ(run(plan::Port::ARGMAX_LAST), (std::vector<float>{1, 0, /**/ 2, 1}));
  EXPECT_EQ(run(plan::Port::TOP_VALUES, 2), (std::vector<float>{5, 9, 3, 8, /**/ 6, 2, 4, 1}));
  // Of equal elements the first comes first.
  EXPECT_EQ(run(plan::Port::TOP_INDICES, 2), (std::vector<float>{1, 0, 2, 1, /**/ 2, 1, 0, 2}));
  EXPECT_EQ(run(plan::Port::BOTTOM_VALUES, 1), (std::vector<float>{1, 7, /**/ 4, 0}));
  EXPECT_EQ(run(plan::Port::BOTTOM_INDICES, 3),
            (std::vector<float>{0, 2, 2, 1, 1, 0, /**/ 0, 0, 1, 2, 2, 1}));
  std::vector<float> soft = run(plan::Port::SOFTMAX);
  EXPECT_NEAR(soft[0] + soft[2] + soft[4], 1, 1e-6);
  EXPECT_NEAR(soft[2] / soft[0], std::exp(4.0), 1e-3);
}

TEST(PostProcessAxis, IsTheLastOneLongerThanOne) {
  auto axis = [](std::vector<uint64_t> shape) { return postProcessAxis(plan::Port(), shape); };
  EXPECT_EQ(axis({1, 1000}), 1u);
  EXPECT_EQ(axis({1, 1000, 1, 1}), 1u);
  EXPECT_EQ(axis({1, 4420, 2}), 2u);
  EXPECT_EQ(axis({1, 1}), 1u);
}

} // namespace
} // namespace gfs
