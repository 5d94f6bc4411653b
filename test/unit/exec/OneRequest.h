// SPDX-License-Identifier: Apache-2.0
// A single request in the short forms that tests need: its inputs as integers, a record in one
// piece, a pass of its own.
#pragma once

#include "runtime/exec/ClearExecutor.h"
#include "runtime/exec/PartyExecutor.h"

namespace gfs {

/// Signed integers as reduced words.
inline ClearWords wordsOf(Ring ring, std::span<const int64_t> values) {
  ClearWords result(values.size() * ring.wordBytes());
  visitWord(ring, [&]<class Word>() {
    std::span<Word> words = asWords<Word>(std::span(result));
    for (size_t i = 0; i < values.size(); ++i)
      words[i] = static_cast<Word>(values[i]) & ring.mask<Word>();
  });
  return result;
}

/// The request of `serial`, prepared step by step. Errors: those of PartyExecutor::split().
inline Prepared prepareOne(const PartyExecutor &executor, const plan::Id16 &materialId,
                           uint64_t serial, std::span<const uint8_t> record) {
  Prepared prepared = executor.begin(materialId, serial, executor.split(serial, record));
  while (executor.prepareNext(prepared)) {
  }
  return prepared;
}

inline RunResult runOne(const PartyExecutor &executor, Prepared prepared, Channel &channel,
                        const SecretSeed &common, std::span<const SecretVector<uint8_t>> inputs) {
  std::vector<GroupMember> only;
  only.push_back({std::move(prepared), &common, inputs});
  return std::move(executor.runGroup(std::move(only), channel).front());
}

} // namespace gfs
