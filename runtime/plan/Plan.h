// SPDX-License-Identifier: Apache-2.0
// Reading, verifying and writing plan.bin. A plan that passed verifyPlan() needs no further checks
// anywhere.
#pragma once

#include "runtime/base/Ring.h"
#include "runtime/plan/Limits.h"
#include "runtime/plan/plan.pb.h"

#include <array>
#include <filesystem>
#include <string>

namespace gfs::plan {

constexpr uint32_t formatVersion = 2; // 1 opened all bits
constexpr std::string_view fileMagic =
    "GFSPLAN1"; ///< First 8 bytes of plan.bin; the protobuf follows.

using Hash = std::array<uint8_t, 32>;

/// A verified plan and the SHA-256 of its file, which names it in handshakes, keys and material.
struct LoadedPlan {
  Plan plan;
  Hash hash;
  Ring ring() const { return Ring{plan.ring_bits()}; }
};

/// Reads and verifies. Errors: InputUnreadable, InvalidInput (names step and field).
LoadedPlan readPlan(const std::filesystem::path &path);
/// The same from memory; `name` is used in messages.
LoadedPlan parsePlan(std::string_view bytes, const std::string &name);
/// The bytes of plan.bin, deterministic for equal plans.
std::string serializePlan(const Plan &plan);

/// Throws InvalidInput unless every id, shape, kind, offset, window and schedule entry is
/// consistent and every product of sizes fits; bounds: 2^31 elements a value, 2^20 steps. Masks: a
/// masked value is made by exactly one Open (or a linear map of masked values), and a message is
/// only ever made by Open and by comparison gates.
void verifyPlan(const Plan &plan, const std::string &name);

/// Number of elements of a verified value.
uint64_t elements(const Value &value);
/// "conv1 (Linear)": how a step is named in messages and tables.
std::string describeStep(const Plan &plan, uint32_t step);
const char *gateName(const Step &step);
/// Phases of a verified step; the gate's cost() says the same.
unsigned phaseCount(const Step &step);

} // namespace gfs::plan
