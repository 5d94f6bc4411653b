// SPDX-License-Identifier: Apache-2.0
// The connections of a server. The peer link is in PeerLoop.cpp, Leader.cpp and Follower.cpp.
#include "runtime/serve/Server.h"

#include <map>
#include <spdlog/spdlog.h>

namespace gfs::serve {

static constexpr Milliseconds handshakeTimeout{10000};
/// Connections whose other end has not proved who it is, beside those of clients.
static constexpr size_t mostGreeting = 32;
static constexpr size_t mostDealers = 4;
/// Strangers that are logged one by one in a minute.
static constexpr uint64_t mostStrangersTold = 5;
/// How long a server keeps a link that it took from another at least, at first and at most.
static constexpr Milliseconds linkKeptFirst{2000}, linkKeptLongest{60000};

/// With certificates the role is proven; a server given the certificate of another role would be
/// refused everywhere.
static void checkOwnRole(const Security &security, Party party) {
  std::string role = fmt::format("server{}", index(party));
  if (security.ownRole() != role)
    throw Error(ExitCode::Authentication,
                fmt::format("the certificate is for \"{}\", but --party {} needs one for {}",
                            security.ownRole(), index(party), role),
                fmt::format("gfs-ca issue DIR --role {}", role));
}

Server::Server(ServerOptions given, Engine &engine)
    : options(std::move(given)), engine(engine), queue(options.maxQueue) {
  checkOwnRole(*options.security, engine.party());
  if (engine.party() == Party::One && !options.peer)
    throw Error(ExitCode::Usage, "--peer: server 1 needs the address of server 0",
                "for example --peer s0.example.org:7000");
  clientContext = {engine.party(),
                   engine.planHash(),
                   engine.inputBytes(),
                   static_cast<uint32_t>(std::min(options.maxGroup, options.maxQueue)),
                   options.timeout,
                   &queue,
                   &counted,
                   [&engine] { return engine.materialLeft(); },
                   [this] {
                     std::lock_guard lock(mutex);
                     return currentPeer != nullptr;
                   }};
  dealerContext = {engine.materialUse(), engine.materialFolder(), options.timeout, &counted,
                   [&engine] { return engine.materialSets(); }};
  materialSpent = !engine.hasMaterial();
  listener = listen(options.listen, options.security);
}

Server::~Server() { stop(); }

PeerRule Server::peerRule() const {
  return {{fmt::format("server{}", index(peerOf(engine.party())))}, options.peerFingerprint};
}

Vitals Server::vitals() const {
  Vitals vitals;
  vitals.party = engine.party();
  vitals.planHash = engine.planHash();
  vitals.inferencesWaiting = queue.size();
  vitals.materialLeft = engine.materialLeft();
  vitals.materialSets = engine.materialSets();
  vitals.materialSpent = materialSpent;
  vitals.certificateEnd = options.security->certificateEnd();
  vitals.recordsReady = engine.recordsReady();
  std::lock_guard lock(mutex);
  vitals.linked = currentPeer != nullptr;
  vitals.stopping = stopping();
  vitals.clients = static_cast<uint64_t>(std::ranges::count_if(
      visits, [](const Visit &visit) { return visit.isClient && !visit.done; }));
  return vitals;
}

void Server::run() {
  acceptor = std::jthread([this] { acceptLoop(); });
  std::exception_ptr fatal;
  try {
    if (engine.party() == Party::Zero)
      leaderLoop();
    else
      followerLoop();
  } catch (...) {
    fatal = std::current_exception();
  }
  stop();
  acceptor.join();
  reapVisits(true);
  {
    std::lock_guard lock(mutex);
    tellOfFormerStrangers();
    spdlog::info("stopped after {} requests, material for {} inferences left", finished,
                 engine.materialLeft());
  }
  if (fatal)
    std::rethrow_exception(fatal);
  if (options.requests > 0 && lastFailure)
    throw *lastFailure;
}

void Server::stop() noexcept {
  std::lock_guard lock(mutex);
  if (!stopSource.request_stop())
    return;
  listener->interrupt();
  queue.close(Error(ExitCode::Network, "the server is shutting down"));
  for (Visit &visit : visits)
    if (visit.session)
      visit.session->shutdown();
    else if (visit.greeting)
      visit.greeting->interrupt();
  if (currentPeer && !executing)
    currentPeer->interrupt();
  peerChanged.notify_all();
}

void Server::acceptLoop() {
  while (!stopping()) {
    try {
      std::unique_ptr<Incoming> incoming = listener->accept();
      reapVisits(false);
      if (!incoming)
        continue;
      std::lock_guard lock(mutex);
      if (std::chrono::steady_clock::now() > strangersSince + std::chrono::minutes(1))
        tellOfFormerStrangers();
      makeRoomToGreet();
      Visit &visit = visits.emplace_back();
      visit.greeting = incoming.get();
      visit.thread = std::jthread([this, &visit, moved = std::move(incoming)]() mutable {
        serveConnection(visit, std::move(moved));
      });
    } catch (const std::exception &error) {
      // Out of descriptors, threads or memory: others will free some.
      spdlog::error("{}", error.what());
      std::this_thread::sleep_for(Milliseconds(200));
    }
  }
}

/// Strangers keep nobody out: the one that has taken longest to say who it is makes room for the
/// next, so that whoever wants to hold all places has to come again and again.
void Server::makeRoomToGreet() {
  auto greets = [](const Visit &visit) { return visit.greeting != nullptr; };
  if (static_cast<size_t>(std::ranges::count_if(visits, greets)) < mostGreeting)
    return;
  Visit &oldest = *std::ranges::find_if(visits, greets);
  oldest.crowded = true;
  oldest.greeting->interrupt();
  oldest.greeting = nullptr;
}

/// Logs why a connection ended. Strangers can come as often as they like: of many in a minute only
/// the number is told.
void Server::tellOf(const Visit &visit, const std::string &address, const std::string &cause) {
  std::lock_guard lock(mutex);
  if (!visit.known) {
    if (stopping())
      return;
    const auto now = std::chrono::steady_clock::now();
    if (now > strangersSince + std::chrono::minutes(1)) {
      tellOfFormerStrangers();
      strangersSince = now;
      strangersTold = 0;
    }
    if (strangersTold++ >= mostStrangersTold) {
      ++strangersUntold;
      return;
    }
  }
  if (visit.crowded)
    spdlog::warn("{}: made room for another: {} connections had not said who they are", address,
                 mostGreeting);
  else if (cause.find(address) != std::string::npos)
    spdlog::warn("{}", cause);
  else
    spdlog::warn("{}: {}", address, cause);
}

void Server::tellOfFormerStrangers() {
  if (strangersUntold > 0)
    spdlog::warn("{} more in a minute that did not prove who they are", strangersUntold);
  strangersUntold = 0;
}

void Server::serveConnection(Visit &visit, std::unique_ptr<Incoming> incoming) noexcept {
  std::string address = incoming->address();
  try {
    admit(visit, *incoming);
  } catch (const std::exception &error) {
    tellOf(visit, address, error.what());
  }
  std::unique_ptr<Session> ended; // closed, and what it held released, without the lock
  std::lock_guard lock(mutex);
  ended = std::move(visit.session);
  visit.done = true;
}

/// Lets in clients, the dealer, and the other server. Our own role gets in too, so that two servers
/// of one party learn what is wrong from the greeting rather than from a refused certificate.
void Server::admit(Visit &visit, Incoming &incoming) {
  std::unique_ptr<Connection> connection;
  {
    const struct Greeting { // over before the connection may end
      Server &server;
      Visit &visit;
      ~Greeting() {
        std::lock_guard lock(server.mutex);
        visit.greeting = nullptr;
      }
    } greeting{*this, visit};
    connection = incoming.handshake({{"server*", "client*", "dealer"}, {}}, handshakeTimeout);
  }
  visit.known = true;
  if (connection->peerRole().starts_with("server"))
    return offerPeer(std::move(connection));
  try {
    std::lock_guard lock(mutex);
    if (connection->peerRole() == "dealer") {
      makeRoomForDealer();
      visit.session = std::make_unique<DealerSession>(std::move(connection), dealerContext);
    } else {
      requireRoom(connection->peerRole());
      visit.isClient = true;
      visit.session = std::make_unique<ClientSession>(std::move(connection), clientContext);
    }
    if (stopping())
      visit.session->shutdown();
  } catch (const Error &error) {
    connection->closeWith(error);
    throw;
  }
  visit.session->run();
}

/// Where the house is full, the connection whose client has asked nothing for longest makes room,
/// else the newest of the client that has most: a few clients cannot keep others out for good.
/// Throws Network if all are busy and none has more than this one would have.
void Server::requireRoom(const std::string &client) {
  std::map<std::string, size_t> connections = {{client, 1}};
  size_t inside = 0;
  auto entitled = [](const Visit &visit) {
    return visit.isClient && visit.session && !visit.session->isLeaving();
  };
  Session *leaves = nullptr;
  auto since = std::chrono::steady_clock::now() - options.idlePatience;
  for (const Visit &visit : visits) {
    if (!entitled(visit))
      continue;
    ++inside;
    ++connections[visit.session->peerRole()];
    if (const auto idle = visit.session->idleSince(); idle && *idle < since) {
      since = *idle;
      leaves = visit.session.get();
    }
  }
  if (inside < options.maxClients)
    return;
  const auto most =
      std::ranges::max_element(connections, {}, [](const auto &each) { return each.second; });
  if (!leaves && most->second > connections[client])
    for (const Visit &visit : visits)
      if (entitled(visit) && visit.session->peerRole() == most->first)
        leaves = visit.session.get();
  if (!leaves)
    throw Error(ExitCode::Network, fmt::format("busy: {} clients are connected", inside),
                "try again later, or over fewer connections; the server's --max-clients is the "
                "limit");
  leaves->shutdown();
}

/// One that comes again may have left connections behind that nobody has missed yet: the oldest
/// goes.
void Server::makeRoomForDealer() {
  auto isDealer = [](const Visit &visit) {
    return visit.session && !visit.isClient && !visit.session->isLeaving();
  };
  if (static_cast<size_t>(std::ranges::count_if(visits, isDealer)) >= mostDealers)
    std::ranges::find_if(visits, isDealer)->session->shutdown();
}

/// "10.0.0.2:7000"
static std::string addressOf(const Connection &connection) {
  const std::string &text = connection.peerText();
  return text.substr(text.rfind(' ') + 1);
}

void Server::offerPeer(std::unique_ptr<Connection> connection) {
  std::string role = fmt::format("server{}", index(engine.party()));
  if (connection->peerRole() == role) {
    connection->closeWith(sameParty(engine.party()));
    throw Error(ExitCode::Usage, fmt::format("another {} connected", role),
                "start one with --party 0 and the other with --party 1");
  }
  if (engine.party() == Party::One) {
    connection->closeWith(
        Error(ExitCode::Usage,
              fmt::format("server 1 is here, but connects to {} itself", options.peer->text()),
              "server 1's --peer must be the address where server 0 listens"));
    return;
  }
  if (options.peerFingerprint && connection->peerFingerprint() != options.peerFingerprint) {
    Error error(ExitCode::Authentication,
                "your certificate is not the pinned one (other SHA-256 fingerprint)",
                "if it was renewed, pin the new fingerprint with --peer-fingerprint");
    connection->closeWith(error);
    throw error;
  }
  std::unique_lock lock(mutex);
  if (!takesLink(*connection)) {
    const Error taken(ExitCode::Network,
                      fmt::format("another server 1 ({}) has the link; is it started twice?",
                                  addressOf(*currentPeer)),
                      "stop one of them");
    lock.unlock();
    return connection->closeWith(taken);
  }
  offeredPeer = std::move(connection);
  peerChanged.notify_all();
}

/// The peer has one link at a time: whoever connects anew has given up the old one. If that comes
/// back soon there are two of them, and each keeps the link for twice as long as the one before.
bool Server::takesLink(const Connection &connection) {
  if (!currentPeer)
    return true;
  const auto now = std::chrono::steady_clock::now();
  if (now < linkTaken + linkKept)
    return false;
  const bool again = now < linkTaken + linkKept + linkKeptLongest;
  linkKept = again ? std::clamp(2 * linkKept, linkKeptFirst, linkKeptLongest) : linkKeptFirst;
  linkTaken = now;
  currentPeer->dismiss(Error(ExitCode::Network,
                             fmt::format("another server 1 ({}) took this link; is it started "
                                         "twice?",
                                         addressOf(connection)),
                             "stop one of them"));
  return true;
}

void Server::reapVisits(bool all) {
  std::list<Visit> ended;
  {
    std::lock_guard lock(mutex);
    for (auto it = visits.begin(); it != visits.end();) {
      auto next = std::next(it);
      if (all || it->done)
        ended.splice(ended.end(), visits, it);
      it = next;
    }
  }
  // Threads are joined here, without the lock.
}

} // namespace gfs::serve
