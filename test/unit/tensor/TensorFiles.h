// SPDX-License-Identifier: Apache-2.0
// Files to read in the tests, built byte by byte rather than with the code under test.
#pragma once

#include "runtime/tensor/TensorFile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace gfs::testing {

inline std::vector<std::byte> toBytes(std::string_view text) {
  auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

/// `value` in `count` little-endian bytes.
inline std::string little(uint64_t value, unsigned count) {
  std::string bytes;
  for (unsigned i = 0; i < count; ++i)
    bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

/// An .npy file of format 1.0 (2.0 and 3.0 have a wider length) with this header and these
/// elements.
inline std::string npyFile(const std::string &header, const std::string &elements,
                           char version = 1) {
  std::string file = "\x93NUMPY";
  file += version;
  file += '\0';
  return file + little(header.size(), version == 1 ? 2 : 4) + header + elements;
}

inline std::string npyHeader(const std::string &descr, const std::string &shape,
                             bool fortran = false) {
  return "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }\n";
}

struct ZipMember {
  std::string name, content;
  bool deflate = false;
};
/// A zip archive as NumPy writes it.
std::string zipFile(const std::vector<ZipMember> &members);

inline std::vector<Tensor> parse(std::string_view file, const std::string &name = "x.npy") {
  return parseTensors(toBytes(file), name);
}

/// Expects an error of this code whose message matches; the hint must not be empty.
template <class Body>
void expectError(Body &&body, ExitCode code, const ::testing::Matcher<std::string> &message) {
  try {
    body();
    ADD_FAILURE() << "no error was thrown";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(std::string(error.what()), message);
    EXPECT_FALSE(error.hint().empty()) << error.what();
  }
}

} // namespace gfs::testing
