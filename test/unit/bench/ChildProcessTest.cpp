// SPDX-License-Identifier: Apache-2.0
// Programs that a benchmark starts: how they end, what they took, what they said.
#include "tools/gfs-bench/ChildProcess.h"

#include "runtime/base/Error.h"
#include "tools/common/TemporaryFolder.h"

#include <chrono>
#include <csignal>
#include <fstream>
#include <gtest/gtest.h>

namespace gfs {
namespace {

ChildOptions shell(const std::string &script) { return {{"/bin/sh", "-c", script}, {}, {}, {}}; }

TEST(ChildProcessTest, TellsHowItEnded) {
  EXPECT_EQ(ChildProcess(shell("exit 0")).wait(), 0);
  EXPECT_EQ(ChildProcess(shell("exit 7")).wait(), 7);
  EXPECT_EQ(ChildProcess(shell("kill -TERM $$")).wait(), 128 + SIGTERM);
}

TEST(ChildProcessTest, TellsItsEndAgain) {
  ChildProcess child(shell("exit 3"));
  EXPECT_EQ(child.wait(), 3);
  EXPECT_FALSE(child.running());
  EXPECT_EQ(child.wait(), 3);
  EXPECT_EQ(child.peakBytes(), 0u);
}

TEST(ChildProcessTest, EndsWithTheObject) {
  const auto start = std::chrono::steady_clock::now();
  {
    ChildProcess child(shell("exec sleep 60"));
    EXPECT_TRUE(child.running());
    EXPECT_GT(child.peakBytes(), 0u);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

TEST(ChildProcessTest, SeparatesOutputFromErrors) {
  TemporaryFolder folder;
  ChildOptions options =
      shell("echo result; echo first error: a >&2; echo error: why >&2; echo hint >&2");
  options.output = folder.path() / "out";
  options.errors = folder.path() / "err";
  ChildProcess child(options);
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(child.lastError(), "error: why");
  std::ifstream file(options.output);
  std::string text;
  std::getline(file, text);
  EXPECT_EQ(text, "result");
  EXPECT_EQ(ChildProcess(shell("exit 1")).lastError(), "it gave no reason");
}

TEST(ChildProcessTest, StaysOnItsCore) {
  std::optional<unsigned> core = coreOf(1);
  if (!core)
    GTEST_SKIP() << "one processor";
  EXPECT_NE(core, coreOf(0));
  TemporaryFolder folder;
  ChildOptions options = shell("grep Cpus_allowed_list /proc/self/status");
  options.output = folder.path() / "out";
  options.core = core;
  ASSERT_EQ(ChildProcess(options).wait(), 0);
  std::ifstream file(options.output);
  std::string name, list;
  file >> name >> list;
  EXPECT_EQ(list, std::to_string(*core));
}

TEST(ChildProcessTest, RefusesWhatCannotBeRun) {
  auto codeOf = [](ChildOptions options) {
    try {
      ChildProcess child(std::move(options));
    } catch (const Error &error) {
      EXPECT_FALSE(error.hint().empty());
      return error.code();
    }
    return ExitCode::Ok;
  };
  EXPECT_EQ(codeOf({{"/no/such/program"}, {}, {}, {}}), ExitCode::InputUnreadable);
  ChildOptions unwritable = shell("true");
  unwritable.output = "/no/such/folder/out";
  EXPECT_EQ(codeOf(unwritable), ExitCode::OutputUnwritable);
  EXPECT_THROW(siblingProgram("no-such-tool"), Error);
  EXPECT_TRUE(std::filesystem::exists(siblingProgram("ChildProcessTest")));
}

} // namespace
} // namespace gfs
