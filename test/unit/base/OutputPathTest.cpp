// SPDX-License-Identifier: Apache-2.0
// Outputs that are refused before any work is done for them.
#include "runtime/base/OutputPath.h"

#include "runtime/base/Error.h"

#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace gfs {
namespace {

namespace fs = std::filesystem;

class OutputPathTest : public testing::Test {
protected:
  OutputPathTest() { fs::create_directories(folder / "sub"); }
  ~OutputPathTest() override { fs::remove_all(folder); }

  fs::path write(const std::string &name) const {
    std::ofstream(folder / name) << "contents";
    return folder / name;
  }
  /// The exit code and the message of the refusal; Ok and nothing if there was none.
  static std::pair<ExitCode, std::string> verdict(const fs::path &output,
                                                  std::vector<fs::path> inputs = {}) {
    try {
      requireWritable(output, "--output", inputs);
      return {ExitCode::Ok, ""};
    } catch (const Error &error) {
      EXPECT_FALSE(error.hint().empty());
      return {error.code(), error.what()};
    }
  }

  const fs::path folder =
      fs::temp_directory_path() / ("gfs-output-path-" + std::to_string(::getpid()));
};

TEST_F(OutputPathTest, TakesNewAndOldFiles) {
  EXPECT_EQ(verdict(folder / "new.npy").first, ExitCode::Ok);
  EXPECT_EQ(verdict(write("old.npy"), {write("input.npy"), "", folder / "none"}).first,
            ExitCode::Ok);
  EXPECT_EQ(verdict("/dev/null").first, ExitCode::Ok);
  EXPECT_FALSE(fs::exists(folder / "new.npy")) << "looking must not make it";
}

TEST_F(OutputPathTest, RefusesWhatCannotBeWritten) {
  auto [code, message] = verdict(folder / "absent" / "x.npy");
  EXPECT_EQ(code, ExitCode::OutputUnwritable);
  EXPECT_NE(message.find("x.npy: there is no such folder"), std::string::npos) << message;
  std::tie(code, message) = verdict(folder / "sub");
  EXPECT_EQ(code, ExitCode::OutputUnwritable);
  EXPECT_NE(message.find("is a folder"), std::string::npos) << message;
  if (::geteuid() == 0)
    return; // root may write everywhere
  fs::permissions(folder / "sub", fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_EQ(verdict(folder / "sub" / "x.npy").first, ExitCode::OutputUnwritable);
}

TEST_F(OutputPathTest, ReplacesNoInput) {
  const fs::path model = write("model.onnx");
  fs::create_symlink(model, folder / "link.onnx");
  for (const fs::path &same : {model, folder / "link.onnx", folder / "sub" / ".." / "model.onnx"}) {
    auto [code, message] = verdict(same, {folder / "other", model});
    EXPECT_EQ(code, ExitCode::Usage);
    EXPECT_NE(message.find("would replace a file that this command reads"), std::string::npos)
        << message;
  }
}

} // namespace
} // namespace gfs
