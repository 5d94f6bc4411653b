// SPDX-License-Identifier: Apache-2.0
// Changes to a protobuf message that keep it one: values of interest, names that other parts of it
// use, repeated and missing parts. Bytes flipped at random seldom get past the parser.
#pragma once

#include <google/protobuf/message.h>
#include <string>
#include <vector>

namespace gfs::fuzz {

/// A libFuzzer input: `prefixBytes` that stay (a magic number), then `message` serialised.
struct Format {
  google::protobuf::Message &message; ///< Scratch space of the type.
  size_t prefixBytes = 0;
  std::vector<std::string> words = {}; ///< Texts the program knows, such as names of operators.
};

/// libFuzzer's custom mutator for `format`: rewrites data[0, size), returns the new size, at most
/// `maxSize`. What does not parse, and a quarter of what does, is changed byte by byte instead.
size_t mutate(const Format &format, uint8_t *data, size_t size, size_t maxSize, unsigned seed);

} // namespace gfs::fuzz
