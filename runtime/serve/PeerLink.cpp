// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/PeerLink.h"

#include "runtime/crypto/Prg.h"

namespace gfs::serve {

template <class Bytes> static std::string asString(const Bytes &bytes) {
  return std::string(bytes.begin(), bytes.end());
}

PeerLink::PeerLink(std::unique_ptr<Connection> connection, const PeerFacts &mine,
                   Milliseconds timeout)
    : link(std::move(connection)), timeout(timeout) {
  SecretSeed contribution = SecretSeed::random();
  PeerHello hello;
  hello.set_party(index(mine.party));
  hello.set_plan_hash(asString(mine.planHash));
  hello.set_model_id(asString(mine.modelId));
  hello.set_material_id(asString(mine.materialId));
  hello.set_cursor(mine.cursor);
  hello.set_throttle(mine.throttle);
  hello.set_contribution(asString(contribution.bytes()));
  try {
    PeerHello theirs;
    if (mine.party == Party::One) {
      sendMessage(*link, hello, timeout);
      theirs = receiveMessage<PeerHello>(*link, timeout);
      compare(mine, theirs);
    } else {
      theirs = receiveMessage<PeerHello>(*link, timeout);
      compare(mine, theirs);
      sendMessage(*link, hello, timeout);
    }
    cursor = theirs.cursor();
    material = fixedField<16>(theirs.material_id(), *link, "material id");
    // common = HKDF(contribution of server 0, info: contribution of server 1): unknown to anyone
    // outside of the link.
    SecretSeed other(fixedField<SecretSeed::size>(theirs.contribution(), *link, "contribution"));
    const SecretSeed &zero = mine.party == Party::Zero ? contribution : other;
    const SecretSeed &one = mine.party == Party::Zero ? other : contribution;
    common = deriveSeed(zero, "gfs common " + asString(one.bytes()));
  } catch (const Error &error) {
    link->closeWith(error);
    throw;
  }
}

static constexpr std::string_view samePartyText = "both servers were started with --party";

Error sameParty(Party party) {
  return Error(ExitCode::Usage, fmt::format("{} {}", samePartyText, index(party)),
               "start one with --party 0 and the other with --party 1");
}

bool saysSameParty(const Error &error) {
  return error.code() == ExitCode::Usage &&
         std::string_view(error.what()).find(samePartyText) != std::string_view::npos;
}

void PeerLink::compare(const PeerFacts &mine, const PeerHello &theirs) const {
  if (theirs.party() == index(mine.party))
    throw sameParty(mine.party);
  std::string role = fmt::format("server{}", theirs.party());
  if (link->peerRole() != role)
    throw Error(ExitCode::Authentication, fmt::format("{} says it is {}", link->peerText(), role));
  auto requireEqual = [](const auto &own, const std::string &other, const char *what,
                         const char *hint) {
    if (asString(own) != other)
      throw Error(ExitCode::PlanMismatch, fmt::format("the two servers have different {}", what),
                  hint);
  };
  requireEqual(mine.planHash, theirs.plan_hash(), "plans",
               "give both the same plan.bin; gfs-inspect prints its hash");
  requireEqual(mine.modelId, theirs.model_id(), "weights or keys",
               "give both the files of one run of gfscc");
  if (mine.throttle != theirs.throttle())
    throw Error(ExitCode::Usage, "both servers must be started with the same --throttle, or none",
                "give both the same flag");
}

SecretSeed PeerLink::requestSeed(const JobId &id, const plan::Id16 &material,
                                 uint64_t serial) const {
  // Every set has its own serials.
  return deriveSeed(common,
                    fmt::format("gfs request {} {}", serial, asString(material) + asString(id)));
}

PeerAnswer PeerLink::command(const PeerCommand &command) {
  sendMessage(*link, command, timeout);
  PeerAnswer answer = receiveMessage<PeerAnswer>(*link, timeout);
  cursor = answer.cursor();
  return answer;
}

PeerCommand PeerLink::awaitCommand() {
  return receiveMessage<PeerCommand>(*link, timeout + 10 * pingInterval);
}

void PeerLink::answer(const PeerAnswer &answer) { sendMessage(*link, answer, timeout); }

} // namespace gfs::serve
