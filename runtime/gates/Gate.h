// SPDX-License-Identifier: Apache-2.0
// What a gate is. One gate, one file: what the dealer hands out (deal), what a server does before
// the input (prepare), what it does online (evaluate), what it computes in clear (reference), and
// what it costs (cost).
//
// A gate knows no socket and no file: it reads and writes the arrays its context offers. The
// executor knows no protocol: it runs phases and swaps messages.
#pragma once

#include "runtime/base/Ring.h"
#include "runtime/base/Words.h"
#include "runtime/crypto/Prg.h"
#include "runtime/kernels/Kernels.h"
#include "runtime/plan/Plan.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace gfs {

/// What one evaluation of a gate costs; exact, so that predicted == counted. Bytes are per
/// inference.
struct Cost {
  /// Message bytes each server sends after phase p, packed and without framing; a gate has
  /// messageBytes.size() + 1 phases. Every gate of ours sends the same both ways.
  std::vector<uint64_t> messageBytes;
  /// Dealt bytes: material of this gate in each server's record.
  std::array<uint64_t, 2> dealtBytes = {0, 0};
  uint64_t multiplications = 0; ///< Ring multiply-accumulates per server online.
  uint64_t elements = 0;        ///< Elements a non-linear gate decides or a local gate moves.
  uint64_t prgBytes = 0;  ///< Stream bytes a server expands (prepare and online), the greater.
  uint64_t aesBlocks = 0; ///< AES calls of comparison keys, per server online.

  unsigned phases() const { return static_cast<unsigned>(messageBytes.size()) + 1; }
};

/// Units [first, end) of something that is divided.
struct Range {
  uint64_t first = 0, end = 0;
  uint64_t size() const { return end - first; }
};

/// Names the independent pseudorandom streams of one step; one stream is never used for two things.
/// Gates may use Stream::Dealt + k for k < 16 for their shares of dealt values.
enum class Stream : uint16_t { Mask = 0, Dealt = 1 };

/// Clear masks, as the dealer and the clear evaluator see them.
class MaskContext {
public:
  virtual ~MaskContext() = default;
  /// The full mask r = r_0 + r_1 of operand `i` (which is masked). Reduced.
  template <class Word> std::span<const Word> mask(unsigned i) const {
    return asWords<Word>(maskBytes(i));
  }
  /// Where a gate with a masked result writes its mask.
  template <class Word> std::span<Word> resultMask() { return asWords<Word>(resultMaskBytes()); }
  /// A stream of one party's seed for this step and request; the dealer has both parties'.
  virtual Prg stream(Party party, uint16_t stream) const = 0;
  /// Weight tensor `id` as this interpreter may see it: the mask A = A_0 + A_1 for the dealer (W
  /// itself if weights are public).
  template <class Word> std::span<const Word> weight(uint32_t id) const {
    return asWords<Word>(weightBytes(id));
  }
  /// The same weight as the kernels packed it; null if they did not.
  virtual const void *packedWeight(uint32_t id) const = 0;
  virtual const Kernels &kernels() const = 0;

protected:
  virtual std::span<const std::byte> maskBytes(unsigned operand) const = 0;
  virtual std::span<std::byte> resultMaskBytes() = 0;
  virtual std::span<const std::byte> weightBytes(uint32_t id) const = 0;
};

/// The dealer's view of one step.
class DealContext : public MaskContext {
public:
  /// This step's part of `party`'s record, exactly cost().dealtBytes[party] long, zeroed.
  virtual std::span<uint8_t> material(Party party) = 0;
};

/// One server's view of one step before the input exists.
class PrepareContext {
public:
  virtual ~PrepareContext() = default;
  virtual Party party() const = 0;
  /// This server's share r_i of the mask of operand `i`.
  template <class Word> std::span<const Word> maskShare(unsigned i) const {
    return asWords<Word>(maskShareBytes(i));
  }
  template <class Word> std::span<Word> resultMaskShare() {
    return asWords<Word>(resultMaskShareBytes());
  }
  virtual Prg stream(uint16_t stream) const = 0;
  virtual std::span<const uint8_t> material() const = 0;
  /// Public masked weights Ŵ (W itself if weights are public).
  template <class Word> std::span<const Word> maskedWeight(uint32_t id) const {
    return asWords<Word>(maskedWeightBytes(id));
  }
  /// This server's share of weight `id`: Ŵ + A_0, A_1; empty where the share is identically zero.
  template <class Word> std::span<const Word> weightShare(uint32_t id) const {
    return asWords<Word>(weightShareBytes(id));
  }
  /// Ŵ as the kernels packed it; null if they did not.
  virtual const void *packedMaskedWeight(uint32_t id) const = 0;
  /// Storage that lives until this request's last phase, Gate::preparedBytes() long.
  virtual std::span<std::byte> prepared() = 0;
  template <class Word> std::span<Word> prepared() { return asWords<Word>(prepared()); }
  virtual const Kernels &kernels() const = 0;

protected:
  virtual std::span<const std::byte> maskShareBytes(unsigned operand) const = 0;
  virtual std::span<std::byte> resultMaskShareBytes() = 0;
  virtual std::span<const std::byte> maskedWeightBytes(uint32_t id) const = 0;
  virtual std::span<const std::byte> weightShareBytes(uint32_t id) const = 0;
};

/// One server's view of one phase of one step online.
class EvaluateContext {
public:
  virtual ~EvaluateContext() = default;
  virtual Party party() const = 0;
  /// Operand `i`: this server's share, or the masked value.
  template <class Word> std::span<const Word> operand(unsigned i) const {
    return asWords<Word>(operandBytes(i));
  }
  /// The result; never overlaps an operand. Stable from the first phase of the step to the last.
  template <class Word> std::span<Word> result() { return asWords<Word>(resultBytes()); }
  virtual Prg stream(uint16_t stream) const = 0;
  /// Only if Gate::readsMaterialOnline().
  virtual std::span<const uint8_t> material() const = 0;
  template <class Word> std::span<const Word> maskedWeight(uint32_t id) const {
    return asWords<Word>(maskedWeightBytes(id));
  }
  template <class Word> std::span<const Word> weightShare(uint32_t id) const {
    return asWords<Word>(weightShareBytes(id));
  }
  /// The same weights as the kernels packed them; null if they did not.
  virtual const void *packedMaskedWeight(uint32_t id) const = 0;
  virtual const void *packedWeightShare(uint32_t id) const = 0;
  /// What prepare() left; also scratch that survives from phase to phase. Units share it.
  virtual std::span<std::byte> prepared() = 0;
  template <class Word> std::span<Word> prepared() { return asWords<Word>(prepared()); }
  /// Message to write in phase p, cost().messageBytes[p] long; empty in the last phase.
  virtual std::span<uint8_t> outgoing() = 0;
  /// What this server sent in phase p - 1; empty in phase 0.
  virtual std::span<const uint8_t> sent() const = 0;
  /// The peer's message of phase p - 1; empty in phase 0.
  virtual std::span<const uint8_t> incoming() const = 0;
  /// A stream both servers share and nobody else knows (agreed in the handshake): re-randomises
  /// outputs.
  virtual Prg commonStream(uint16_t stream) const = 0;
  /// Client data of input `port` (packed to l bits), and where output `port`'s share goes.
  virtual std::span<const uint8_t> clientInput(uint32_t port) const = 0;
  virtual std::span<uint8_t> clientOutput(uint32_t port) = 0;
  virtual const Kernels &kernels() const = 0;

protected:
  virtual std::span<const std::byte> operandBytes(unsigned operand) const = 0;
  virtual std::span<std::byte> resultBytes() = 0;
  virtual std::span<const std::byte> maskedWeightBytes(uint32_t id) const = 0;
  virtual std::span<const std::byte> weightShareBytes(uint32_t id) const = 0;
};

/// Clear evaluation: what the two servers would compute together, given the same masks. Values are
/// reduced.
class ReferenceContext : public MaskContext {
public:
  template <class Word> std::span<const Word> operand(unsigned i) const {
    return asWords<Word>(operandBytes(i));
  }
  template <class Word> std::span<Word> result() { return asWords<Word>(resultBytes()); }
  /// Clear input of `port` / clear output to fill, in ring words.
  template <class Word> std::span<const Word> clearInput(uint32_t port) const {
    return asWords<Word>(clearInputBytes(port));
  }
  template <class Word> std::span<Word> clearOutput(uint32_t port) {
    return asWords<Word>(clearOutputBytes(port));
  }
  /// Clear weights (unlike MaskContext::weight, which gives the mask A).
  template <class Word> std::span<const Word> clearWeight(uint32_t id) const {
    return asWords<Word>(clearWeightBytes(id));
  }

protected:
  virtual std::span<const std::byte> operandBytes(unsigned operand) const = 0;
  virtual std::span<std::byte> resultBytes() = 0;
  virtual std::span<const std::byte> clearInputBytes(uint32_t port) const = 0;
  virtual std::span<std::byte> clearOutputBytes(uint32_t port) = 0;
  virtual std::span<const std::byte> clearWeightBytes(uint32_t id) const = 0;
};

/// A convolution with weight tensor `weight`.
struct WeightUse {
  uint32_t weight;
  ConvShape shape;
};

/// A step of a verified plan. Stateless: everything that changes is in the contexts. Thread-safe.
class Gate {
public:
  virtual ~Gate() = default;
  virtual Cost cost() const = 0;
  /// Writes the mask of a masked result (no-op for shared results). Runs before deal() and before
  /// reference().
  virtual void mask(MaskContext &) const {}
  virtual void deal(DealContext &) const {}
  /// What prepare() and the phases keep of a request: computed by prepare(), or scratch.
  virtual size_t preparedBytes() const { return 0; }
  /// Whether phases read material; where not, it is freed once prepare() is done.
  virtual bool readsMaterialOnline() const { return true; }
  /// Into how many units prepare() can be divided, as units() says of phases.
  virtual uint64_t prepareUnits() const { return 1; }
  virtual void prepare(PrepareContext &, Range) const {}
  /// Into how many units `phase` can be divided; more than 0. A gate that cannot divide says 1.
  /// Depends on shapes only.
  virtual uint64_t units(unsigned) const { return 1; }
  /// Whether the units of `phase` are runs of unitElements elements (Tiles.h) in the order of the
  /// result, and unit u reads and writes its own elements only, of operands, result, messages and
  /// scratch. Phases that follow each other can then be evaluated range by range, each range while
  /// it is in cache.
  virtual bool elementwise(unsigned) const { return false; }
  /// Bytes at the front of message `phase` that units [0, units) of `phase` write and the same
  /// units of the next phase read; 0 if their bytes do not lie in order. So messages can be sent in
  /// parts.
  virtual uint64_t messagePrefix(unsigned, uint64_t) const { return 0; }
  /// Does `units` of `phase`. The units of a phase may be done in any order and by several threads
  /// at the same time, each of them once: the result is the same.
  virtual void evaluate(EvaluateContext &, unsigned phase, Range units) const = 0;
  virtual void reference(ReferenceContext &) const = 0;
  /// The weights this gate convolves with, so that whoever evaluates it can pack them once.
  virtual std::optional<WeightUse> weightUse() const { return std::nullopt; }
};

/// The gate of step `step` of a verified plan.
std::unique_ptr<Gate> makeGate(const plan::Plan &plan, uint32_t step);

} // namespace gfs
