// SPDX-License-Identifier: Apache-2.0
// One of the two servers: accepts clients and the dealer, keeps the link to the other server, and
// runs requests that wait at the same time in one pass.
//
// Threads: one accepts, one per connection of a client (ClientSession) or the dealer
// (DealerSession), and the caller of run() owns the peer link and the engine. Server 0 leads: it
// picks the next request and the serial, server 1 follows.
#pragma once

#include "runtime/net/Connection.h"
#include "runtime/net/NetworkProfile.h"
#include "runtime/serve/ClientSession.h"
#include "runtime/serve/DealerSession.h"
#include "runtime/serve/Engine.h"
#include "runtime/serve/Metrics.h"
#include "runtime/serve/PeerLink.h"

#include <list>
#include <thread>

namespace gfs::serve {

struct ServerOptions {
  Endpoint listen;
  std::optional<Endpoint>
      peer; ///< Where server 0 listens. Server 0 uses its own only to find out what is wrong.
  std::shared_ptr<const Security> security;
  std::optional<Fingerprint> peerFingerprint;
  Milliseconds timeout{60000}; ///< For every step of a request; see Connection.
  /// How long an exchange polls before it sleeps; see Spin.
  std::chrono::microseconds spin = Spin::usual;
  size_t maxQueue = 64;
  size_t maxClients = 64; ///< Connections.
  /// A client that has asked nothing for so long has to go where others want to come in.
  Milliseconds idlePatience{10000};
  size_t maxGroup = 32;  ///< Inferences in one pass, and in one request of a client.
  uint64_t requests = 0; ///< Stop after this many; 0 = never.
  /// Delay what the other server sends as this network would: for measurements, on one machine.
  std::optional<NetworkProfile> throttle;
  /// Called once, when the servers are linked for the first time.
  std::function<void()> onReady = [] {};
};

/// What to tell others of an exception: our own errors as they are, anything else only to the log.
Error asError(const std::exception &cause);

class Server {
public:
  /// Listens at once. Throws Network (address in use), Usage, Authentication (our certificate is
  /// for another role).
  Server(ServerOptions options, Engine &engine);
  ~Server();

  /// The address clients reach, with the real port.
  Endpoint local() const { return listener->local(); }
  /// Serves until stop() or options.requests. Throws what makes it pointless to go on: another plan
  /// or party at the other end, a refused certificate; and the last error if a counted request
  /// failed.
  void run();
  /// Finishes the request under way and makes run() return; from any thread.
  void stop() noexcept;

  /// What it has done, and how it is at this moment; from any thread, waiting for nobody.
  const Metrics &metrics() const { return counted; }
  Vitals vitals() const;

private:
  struct Visit {
    Incoming *greeting = nullptr;     ///< While nobody knows who it is.
    std::unique_ptr<Session> session; ///< Set once authenticated, until it ends.
    bool isClient = false, done = false;
    bool known = false;   ///< It has proved who it is.
    bool crowded = false; ///< It had to make room before.
    std::jthread thread;
  };

  // Connections (Server.cpp)
  void acceptLoop();
  void serveConnection(Visit &visit, std::unique_ptr<Incoming> incoming) noexcept;
  void makeRoomToGreet();
  void tellOf(const Visit &visit, const std::string &address, const std::string &cause);
  void tellOfFormerStrangers();
  void admit(Visit &visit, Incoming &incoming);
  void requireRoom(const std::string &client);
  void makeRoomForDealer();
  void offerPeer(std::unique_ptr<Connection> connection);
  bool takesLink(const Connection &connection);
  void reapVisits(bool all);
  bool stopping() const { return stopSource.stop_requested(); }

  /// While it lives, other threads may interrupt the link: it must end before the link does.
  class LinkedScope {
  public:
    LinkedScope(Server &server, PeerLink &link);
    ~LinkedScope();

  private:
    Server &server;
  };

  // The peer link at server 0 (Leader.cpp)
  void leaderLoop();
  std::unique_ptr<Connection> awaitPeer();
  void diagnosePeer();
  bool inStep(const PeerLink &link) const;
  bool proposeMaterial(PeerLink &link);
  /// Goes over to another set of material that both servers have. False if there is none; why is
  /// logged once, and again when it has changed.
  bool changeMaterial(PeerLink &link, bool endsFormer);
  void agreeOnMaterial(PeerLink &link);
  void lead(PeerLink &link);
  void leadGroup(PeerLink &link, Jobs jobs);
  void defer(Jobs absent);

  // At server 1 (Follower.cpp)
  void followerLoop();
  void awaitMaterial(PeerLink &link);
  PeerAnswer followUse(PeerLink &link, const Use &use);
  void follow(PeerLink &link);
  void followReject(PeerLink &link, const Reject &reject);
  Jobs takeHalves(PeerLink &link, const Start &start, PeerAnswer &answer);
  void followGroup(PeerLink &link, const Start &start);

  // At both (PeerLoop.cpp)
  PeerFacts facts() const;
  /// How waits for the peer poll.
  Spin polling() const;
  size_t groupLimit() const;
  void keep(Jobs &jobs, size_t count);
  void execute(PeerLink &link, Jobs jobs, uint64_t serial);
  void failed(Job &job, const Error &error);
  void failed(Jobs &jobs, const Error &error);
  void countRequest();
  PeerRule peerRule() const;

  ServerOptions options;
  Engine &engine;
  RequestQueue queue;
  Metrics counted;
  SessionContext clientContext;
  DealerContext dealerContext;
  std::unique_ptr<Listener> listener;
  std::stop_source stopSource;
  std::string saidOfMaterial; ///< Why no set could be changed to, last time; of its thread.
  /// Nothing is left of the set in use, and the servers have found no other that both have.
  std::atomic<bool> materialSpent = false;
  size_t cameMeanwhile = 0; ///< Requests that waited when the last pass ended; of its thread.

  mutable std::mutex mutex; ///< Guards what follows.
  std::condition_variable_any peerChanged;
  std::list<Visit> visits;
  std::unique_ptr<Connection>
      offeredPeer;                   ///< Server 0: a new connection of server 1, not greeted yet.
  Connection *currentPeer = nullptr; ///< For interrupting.
  bool executing = false;            ///< A request is under way on the peer link.
  bool wasLinked = false;
  /// Of a peer's link that another one wanted: when it was taken last, and for how long whoever has
  /// it then keeps it.
  std::chrono::steady_clock::time_point linkTaken;
  Milliseconds linkKept{0};
  /// Strangers of the minute that began then: so many were logged, so many not.
  std::chrono::steady_clock::time_point strangersSince;
  uint64_t strangersTold = 0, strangersUntold = 0;
  uint64_t finished = 0;
  std::optional<Error> lastFailure;
  std::jthread acceptor;
};

} // namespace gfs::serve
