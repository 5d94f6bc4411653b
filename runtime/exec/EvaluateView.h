// SPDX-License-Identifier: Apache-2.0
// A server's view of the phases it evaluates. Not for use outside this folder.
#pragma once

#include "runtime/base/Error.h"
#include "runtime/exec/RequestKeys.h"
#include "runtime/exec/Weights.h"

namespace gfs {

/// Room for the messages of all members of a group; see Program::messagePlace().
struct MessageRooms {
  MessageRooms(const Program &program, size_t members)
      : members(members),
        // Zeros: whatever a gate might leave unwritten, no stale bytes are sent.
        sent(program.messageRoom() * members, 0), received(program.messageRoom() * members) {}

  size_t members;
  SecretVector<uint8_t> sent, received;
};

/// A server while it runs a member of a group.
struct OnlineState {
  const Program &program;
  const ServerWeights &weights;
  const Kernels &kernels;
  Party party;
  AesKey key, common;
  SecretVector<std::byte> arena;
  std::span<const SecretVector<uint8_t>> inputs;
  MessageRooms &rooms;
  size_t member;
  std::vector<SecretVector<uint8_t>> outputs;

  template <class Room> auto message(Room &room, const MessagePart &part) const {
    return std::span(room).subspan(program.messagePlace(part, member, rooms.members), part.bytes);
  }

  std::span<std::byte> value(uint32_t id) {
    uint64_t offset =
        program.plan().values(static_cast<int>(id)).offset() * program.ring().wordBytes();
    return std::span(arena).subspan(offset, program.valueBytes(id));
  }
};

class EvaluateView final : public EvaluateContext {
public:
  EvaluateView(OnlineState &server, const ProgramPhase &phase, std::span<const uint8_t> record,
               std::span<std::byte> storage)
      : server(server), phase(phase), step(server.program.step(phase.step)), record(record),
        storage(storage) {}

  Party party() const override { return server.party; }
  Prg stream(uint16_t stream) const override {
    return Prg(server.key, streamNonce(phase.step, stream));
  }
  std::span<const uint8_t> material() const override {
    check(record.size() == server.program.cost(phase.step).dealtBytes[index(server.party)],
          "a gate reads material online that it did not keep");
    return record;
  }
  std::span<std::byte> prepared() override { return storage; }
  std::span<uint8_t> outgoing() override {
    return server.message(server.rooms.sent, phase.outgoing);
  }
  std::span<const uint8_t> sent() const override {
    return server.message(std::as_const(server.rooms.sent), phase.incoming);
  }
  std::span<const uint8_t> incoming() const override {
    return server.message(std::as_const(server.rooms.received), phase.incoming);
  }
  Prg commonStream(uint16_t stream) const override {
    return Prg(server.common, streamNonce(phase.step, stream));
  }
  std::span<const uint8_t> clientInput(uint32_t port) const override { return server.inputs[port]; }
  std::span<uint8_t> clientOutput(uint32_t port) override { return server.outputs[port]; }
  const void *packedMaskedWeight(uint32_t id) const override {
    return server.weights.masked.packed(id);
  }
  const void *packedWeightShare(uint32_t id) const override {
    return server.weights.share.packed(id);
  }
  const Kernels &kernels() const override { return server.kernels; }

protected:
  std::span<const std::byte> operandBytes(unsigned operand) const override {
    return server.value(step.operands(static_cast<int>(operand)));
  }
  std::span<std::byte> resultBytes() override { return server.value(step.result()); }
  std::span<const std::byte> maskedWeightBytes(uint32_t id) const override {
    return server.weights.masked.bytes(id);
  }
  std::span<const std::byte> weightShareBytes(uint32_t id) const override {
    return server.weights.share.bytes(id);
  }

private:
  OnlineState &server;
  const ProgramPhase &phase;
  const plan::Step &step;
  std::span<const uint8_t> record;
  std::span<std::byte> storage;
};

} // namespace gfs
