// SPDX-License-Identifier: Apache-2.0
// When messages leave: a group's member by member, one request's with what is done of it.
#include "runtime/exec/ExchangeFlow.h"
#include "test/unit/gates/GateTest.h"

namespace gfs {
namespace {

/// Notes what a flow asks for.
class NotingChannel final : public Channel {
public:
  void exchange(std::span<const uint8_t>, std::span<uint8_t>) override { ADD_FAILURE(); }
  void begin(std::span<const uint8_t> outgoing, std::span<uint8_t>) override {
    calls.push_back({'b', outgoing.size()});
  }
  void push(size_t bytes) override { calls.push_back({'>', bytes}); }
  void pull(size_t bytes) override { calls.push_back({'<', bytes}); }
  void finish() override { calls.push_back({'f', 0}); }

  using Calls = std::vector<std::pair<char, size_t>>;
  Calls calls;
};

constexpr uint32_t elements = 20000; // of 4 bytes each: more than the least part
constexpr uint64_t messageBytes = 4 * elements;

/// Two openings, one after the other: a stage that writes, one that reads and writes, one that
/// reads.
Program twoOpenings() {
  PlanBuilder b(32);
  uint32_t x = b.input({elements});
  for (int layer = 0; layer < 2; ++layer) {
    x = b.step({b.open(x)}, {elements}, PlanBuilder::shared);
    b.latest().mutable_square()->set_shift(4);
  }
  b.output(x);
  return Program(load(b.build()));
}

struct FlowOf {
  Program program = twoOpenings();
  NotingChannel channel;
  std::vector<uint8_t> sent, received;
  ExchangeFlow flow;

  explicit FlowOf(size_t members)
      : sent(program.messageRoom() * members), received(sent.size()),
        flow(program, channel, sent, received, members) {}

  /// All of a stage for one member, as an executor walks it.
  void evaluate(size_t stage, size_t member) {
    const std::vector<ProgramPhase> &phases = program.stages()[stage].phases;
    for (size_t i = 0; i < phases.size(); ++i) {
      const uint64_t units = program.gate(phases[i].step).units(phases[i].phase);
      flow.await(i, units);
      flow.done(member, i, units);
    }
  }
  NotingChannel::Calls take() { return std::exchange(channel.calls, {}); }
};

TEST(ExchangeFlowTest, MembersOfAGroupSendBeforeTheNextIsEvaluated) {
  FlowOf group(3);
  ASSERT_GT(group.program.stages().size(), 2u);
  const size_t all = 3 * messageBytes;
  group.flow.enter(0);
  EXPECT_EQ(group.take(), (NotingChannel::Calls{{'b', all}}));
  group.evaluate(0, 0);
  EXPECT_EQ(group.take(), (NotingChannel::Calls{{'>', messageBytes}}));
  group.evaluate(0, 1);
  EXPECT_EQ(group.take(), (NotingChannel::Calls{{'>', 2 * messageBytes}}));
  group.evaluate(0, 2);
  EXPECT_EQ(group.take(), (NotingChannel::Calls{{'>', all}}));
  group.flow.leave();

  group.flow.enter(1);
  const size_t next = 3 * group.program.stages()[1].messageBytes;
  EXPECT_EQ(group.take(), (NotingChannel::Calls{{'f', 0}, {'b', next}}))
      << "a group's exchange ends before the first member writes into the next";
}

TEST(ExchangeFlowTest, NothingLeavesBehindAMemberThatIsNotDone) {
  FlowOf group(3);
  group.flow.enter(0);
  group.take();
  group.evaluate(0, 2);
  group.evaluate(0, 1);
  EXPECT_EQ(group.take(), NotingChannel::Calls{});
  group.evaluate(0, 0);
  EXPECT_EQ(group.take(), (NotingChannel::Calls{{'>', 3 * messageBytes}}));
  group.flow.leave();
}

TEST(ExchangeFlowTest, MembersThatOthersTellOfAreDoneAsAWhole) {
  FlowOf group(3);
  group.flow.enter(0);
  group.take();
  group.flow.done(1);
  EXPECT_EQ(group.take(), NotingChannel::Calls{});
  group.flow.done(0);
  EXPECT_EQ(group.take(), (NotingChannel::Calls{{'>', 2 * messageBytes}}));
  group.flow.done(2);
  EXPECT_EQ(group.take(), (NotingChannel::Calls{{'>', 3 * messageBytes}}));
  group.flow.leave();
}

TEST(ExchangeFlowTest, OneRequestReadsAsItArrives) {
  FlowOf one(1);
  one.flow.enter(0);
  one.evaluate(0, 0);
  one.flow.leave();
  one.take();
  one.flow.enter(1);
  EXPECT_EQ(one.take(), NotingChannel::Calls{});
  one.evaluate(1, 0);
  const NotingChannel::Calls calls = one.take();
  ASSERT_FALSE(calls.empty());
  EXPECT_EQ(calls.front(), (NotingChannel::Calls::value_type{'<', messageBytes}));
}

} // namespace
} // namespace gfs
