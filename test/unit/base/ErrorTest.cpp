// SPDX-License-Identifier: Apache-2.0
// Messages and exit codes as a user sees them.
#include "runtime/base/Error.h"

#include <gtest/gtest.h>

namespace gfs {
namespace {

TEST(ErrorTest, ToolPrintsMessageAndHintAndReturnsTheCode) {
  testing::internal::CaptureStderr();
  int code = runTool("gfs-test", [] {
    throw Error(ExitCode::PlanMismatch, "x.key: belongs elsewhere", "take the right one");
  });
  std::string printed = testing::internal::GetCapturedStderr();
  EXPECT_EQ(code, 12);
  EXPECT_NE(printed.find("gfs-test: error: x.key: belongs elsewhere\n"), std::string::npos)
      << printed;
  EXPECT_NE(printed.find("  hint: take the right one\n"), std::string::npos) << printed;
}

TEST(ErrorTest, ToolSurvivesForeignExceptions) {
  testing::internal::CaptureStderr();
  EXPECT_NE(runTool("gfs-test", [] { throw std::runtime_error("unexpected"); }), 0);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("unexpected"), std::string::npos);
}

TEST(ErrorTest, SuccessIsSilent) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(runTool("gfs-test", [] {}), 0);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(ErrorTest, CheckThrowsInternalErrors) {
  check(true, "holds");
  try {
    check(false, "does not hold");
    FAIL();
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::Internal);
    EXPECT_STREQ(error.what(), "internal error: does not hold");
  }
}

} // namespace
} // namespace gfs
