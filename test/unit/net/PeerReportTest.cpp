// SPDX-License-Identifier: Apache-2.0
// What a peer says when it gives up arrives, and can do no harm.
#include "runtime/net/PeerReport.h"

#include <gtest/gtest.h>

namespace gfs {
namespace {

Error throughTheWire(const Error &error) { return decodeError("server1", encodeError(error)); }

TEST(PeerReportTest, CodeMessageAndHintArrive) {
  const Error came = throughTheWire(Error(ExitCode::PlanMismatch, "another plan", "compare ids"));
  EXPECT_EQ(came.code(), ExitCode::PlanMismatch);
  EXPECT_STREQ(came.what(), "server1 reports: another plan");
  EXPECT_EQ(came.hint(), "compare ids");
  EXPECT_EQ(throughTheWire(Error(ExitCode::Network, "gone")).hint(), "");
}

TEST(PeerReportTest, LongTextsAreCut) {
  const std::vector<uint8_t> payload =
      encodeError(Error(ExitCode::Network, std::string(10000, 'x')));
  EXPECT_EQ(payload.size(), maxErrorBytes);
  EXPECT_EQ(decodeError("p", payload).what(), "p reports: " + std::string(maxErrorBytes - 1, 'x'));
}

TEST(PeerReportTest, ControlCharactersAreNotShown) {
  const Error came = reportedError("server1", 4, "\x1b[2J\xffok", "a\nb");
  EXPECT_STREQ(came.what(), "server1 reports: ?[2J?ok");
  EXPECT_EQ(came.hint(), "a?b");
}

TEST(PeerReportTest, UnknownCodesAreFailures) {
  for (uint32_t code : {0u, 9u, 16u, 255u, 260u})
    EXPECT_EQ(reportedError("p", code, "", "").code(), ExitCode::Failure) << code;
  EXPECT_EQ(decodeError("p", std::vector<uint8_t>{200}).code(), ExitCode::Failure);
}

} // namespace
} // namespace gfs
