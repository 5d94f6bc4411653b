// SPDX-License-Identifier: Apache-2.0
// What tools do to keep secrets in their memory, and keys with their owner.
#include "tools/common/Process.h"

#include <atomic>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/wait.h>

namespace {

TEST(ProcessTest, MemoryIsPrivate) {
  const pid_t child = ::fork(); // what it does cannot be taken back
  ASSERT_GE(child, 0);
  if (child == 0) {
    rlimit core{1, 1};
    const bool before = ::prctl(PR_GET_DUMPABLE) == 1;
    gfs::keepMemoryPrivate();
    ::getrlimit(RLIMIT_CORE, &core);
    _exit(before && ::prctl(PR_GET_DUMPABLE) == 0 && core.rlim_max == 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(ProcessTest, SignalsAreWatchedAndTheWatchEndsAtOnce) {
  const pid_t child = ::fork(); // signals of its own
  ASSERT_GE(child, 0);
  if (child == 0) {
    const gfs::SignalWatch signals;
    std::atomic<int> calls = 0;
    {
      const std::jthread idle = signals.start([&] { calls = 100; });
    }
    const std::jthread watcher = signals.start([&] { ++calls; });
    ::kill(::getpid(), SIGINT);
    while (calls == 0)
      std::this_thread::yield();
    ::kill(::getpid(), calls == 1 ? SIGTERM : SIGKILL); // the second one ends it
    for (;;)
      std::this_thread::yield();
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM);
}

TEST(ProcessTest, WarnsOfKeysThatOthersReach) {
  const std::filesystem::path key =
      std::filesystem::temp_directory_path() / ("gfs-key-" + std::to_string(::getpid()));
  std::ofstream(key) << "key";
  auto withMode = [&](mode_t mode) {
    EXPECT_EQ(::chmod(key.c_str(), mode), 0);
    return gfs::keyExposure(key).value_or("");
  };
  EXPECT_EQ(withMode(0600), "");
  EXPECT_EQ(withMode(0640), "") << "a group may be there on purpose";
  EXPECT_NE(withMode(0644).find("can read this key"), std::string::npos);
  EXPECT_NE(withMode(0602).find("can replace this key"), std::string::npos);
  std::filesystem::remove(key);
  EXPECT_FALSE(gfs::keyExposure(key));
}

} // namespace
