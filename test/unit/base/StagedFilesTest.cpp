// SPDX-License-Identifier: Apache-2.0
// Files that are replaced together or not at all.
#include "runtime/base/StagedFiles.h"

#include "runtime/base/Error.h"

#include <csignal>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gfs {
namespace {

namespace fs = std::filesystem;

class StagedFilesTest : public testing::Test {
protected:
  StagedFilesTest() { fs::create_directories(folder); }
  ~StagedFilesTest() override { fs::remove_all(folder); }

  void add(StagedFiles &files, const std::string &name, const std::string &contents,
           bool secret = false) const {
    files.add(folder / name,
              {std::span(reinterpret_cast<const uint8_t *>(contents.data()), contents.size())},
              secret);
  }
  std::string contents(const std::string &name) const {
    std::ifstream file(folder / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  ptrdiff_t entries() const {
    return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
  }

  const fs::path folder =
      fs::temp_directory_path() / ("gfs-staged-files-" + std::to_string(::getpid()));
};

TEST_F(StagedFilesTest, NamesChangeTogether) {
  std::ofstream(folder / "a") << "old a";
  StagedFiles files;
  add(files, "a", "new a");
  add(files, "b", "new b", /*secret=*/true);
  EXPECT_EQ(contents("a"), "old a");
  EXPECT_FALSE(fs::exists(folder / "b"));
  files.commit();
  EXPECT_EQ(contents("a"), "new a");
  EXPECT_EQ(contents("b"), "new b");
  EXPECT_EQ(entries(), 2);
  struct stat status{};
  ASSERT_EQ(::stat((folder / "b").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(StagedFilesTest, WhatWasNotCommittedIsGone) {
  std::ofstream(folder / "a") << "old a";
  std::ofstream(folder / "b.partial") << "left by a crash";
  {
    StagedFiles files;
    add(files, "a", "new a");
    add(files, "b", "new b");
  }
  EXPECT_EQ(contents("a"), "old a");
  EXPECT_EQ(entries(), 1);
}

TEST_F(StagedFilesTest, AFullDiskLeavesWhatWasThere) {
  std::ofstream(folder / "a") << "old a";
  // A limit of the size of files stands for a disk that gets full between two of them.
  const auto usual = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{}, small{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  small = {8, before.rlim_max};
  ExitCode code = ExitCode::Ok;
  try {
    StagedFiles files;
    add(files, "a", "new a");
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    add(files, "b", "much too long");
    files.commit();
  } catch (const Error &error) {
    code = error.code();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, usual);
  EXPECT_EQ(code, ExitCode::OutputUnwritable);
  EXPECT_EQ(contents("a"), "old a");
  EXPECT_EQ(entries(), 1);
}

TEST_F(StagedFilesTest, FoldersThatAreNotThereAreNamed) {
  StagedFiles files;
  EXPECT_THROW(add(files, "no/such/folder", "text"), Error);
}

TEST_F(StagedFilesTest, RefusesWhatIsNoFile) {
  StagedFiles files;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const fs::path &path : {folder / "pipe", folder, fs::path("/dev/null")})
    try {
      files.add(path, {}, false);
      FAIL() << path;
    } catch (const Error &error) {
      EXPECT_EQ(error.code(), ExitCode::OutputUnwritable);
      EXPECT_NE(std::string(error.what()).find("no file"), std::string::npos) << error.what();
    }
  EXPECT_EQ(entries(), 1);
}

TEST_F(StagedFilesTest, AFileIsWrittenWhole) {
  writeFile(folder / "a", "old");
  writeFile(folder / "a", "new");
  EXPECT_EQ(contents("a"), "new");
  fs::create_symlink(folder / "a", folder / "link");
  writeFile(folder / "link", "through");
  EXPECT_EQ(contents("a"), "through");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(entries(), 2);
}

TEST_F(StagedFilesTest, ADeviceIsWrittenTo) {
  writeFile("/dev/null", "text");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_THROW(writeFile("/dev/full", "text"), Error);
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
  EXPECT_THROW(writeFile(folder, "text"), Error);
  fs::create_symlink(folder / "loop", folder / "loop");
  EXPECT_THROW(writeFile(folder / "loop", "text"), Error);
  EXPECT_THROW(writeFile(folder / "no such folder" / "a", "text"), Error);
}

} // namespace
} // namespace gfs
