// SPDX-License-Identifier: Apache-2.0
// The link between the two servers: the greeting that makes sure they belong together, and the
// commands on it.
#pragma once

#include "runtime/material/MaterialInfo.h"
#include "runtime/serve/Messages.h"
#include "runtime/serve/RequestQueue.h"

namespace gfs::serve {

/// What a server says about itself. Everything but party, material and cursor must be equal at
/// both.
struct PeerFacts {
  Party party = Party::Zero;
  plan::Hash planHash{};
  plan::Id16 modelId{};
  plan::Id16 materialId{}; ///< The set of material in use.
  uint64_t cursor = 0;     ///< In it.
  std::string throttle;    ///< The network that is imitated; empty: none.
};

/// What a server says to one of its own party, and whether `error` is that: such a server has to be
/// started anew, while others that answer may yet become ready.
Error sameParty(Party party);
bool saysSameParty(const Error &error);

class PeerLink {
public:
  /// Greets over a fresh connection; server 1 speaks first. Throws PlanMismatch (names what
  /// differs), Usage (both are the same party), Network; the other server is told.
  PeerLink(std::unique_ptr<Connection> connection, const PeerFacts &mine, Milliseconds timeout);

  Connection &connection() { return *link; }
  /// The peer's cursor as last heard.
  uint64_t peerCursor() const { return cursor; }
  /// The set the peer has in use: first what it greeted with (0: none), then what was agreed on.
  const plan::Id16 &peerMaterial() const { return material; }
  /// What was heard was of another set of material.
  void forgetPeerCursor() { cursor = 0; }
  void agreedOn(const plan::Id16 &id) { material = id; }
  /// A seed that only these two servers know, fresh for every link and request.
  SecretSeed requestSeed(const JobId &id, const plan::Id16 &material, uint64_t serial) const;

  /// Server 0: sends a command and waits for the answer.
  PeerAnswer command(const PeerCommand &command);
  /// Server 1: waits for a command; the peer pings at least every `pingInterval`.
  PeerCommand awaitCommand();
  void answer(const PeerAnswer &answer);

  static constexpr Milliseconds pingInterval{1000};

private:
  void compare(const PeerFacts &mine, const PeerHello &theirs) const;

  std::unique_ptr<Connection> link;
  Milliseconds timeout;
  uint64_t cursor = 0;
  plan::Id16 material{};
  SecretSeed common;
};

} // namespace gfs::serve
