// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Delivery.h"

#include "runtime/base/Error.h"
#include "runtime/material/MaterialHeader.h"
#include "runtime/serve/Messages.h"
#include "runtime/serve/Progress.h"
#include "runtime/serve/Summary.h"

#include <condition_variable>
#include <mutex>
#include <spdlog/spdlog.h>

namespace gfs::serve {

namespace {
/// Ends a delivery on request.
struct Stopped {};
} // namespace

/// One server, as the dealer sees it; takes the records of its half of a set.
class Deliverer::Link : public MaterialSink {
public:
  Link(Party party, const DeliveryOptions &options, const plan::Hash &planHash,
       const std::stop_token &stop)
      : timeout(options.timeout) {
    const unsigned self = index(party);
    ConnectOptions connecting;
    connecting.retryFor = options.connectFor;
    connecting.stop = stop;
    const PeerRule rule{{fmt::format("server{}", self)}, options.fingerprints[self]};
    connection = connect(options.servers[self], options.security, rule, connecting);
    DealerHello hello;
    hello.set_plan_hash(std::string(planHash.begin(), planHash.end()));
    sendMessage(*connection, hello, timeout);
    if (receiveMessage<DealerWelcome>(*connection, timeout).party() != self)
      throw Error(ExitCode::Usage, fmt::format("{}: is the other server", connection->peerText()),
                  "are --to0 and --to1 exchanged?");
  }

  /// Inferences the server has material for.
  uint64_t left() {
    DealerCommand query;
    query.mutable_query();
    return command(query);
  }
  void begin(const MaterialInfo &info) {
    DealerCommand delivery;
    delivery.mutable_delivery()->set_header(encodeMaterialHeader(info));
    command(delivery);
    waiting.clear();
    flushed = std::chrono::steady_clock::now();
  }
  void append(std::span<const uint8_t> sealed) override {
    while (!sealed.empty()) {
      const size_t now = std::min<size_t>(sealed.size(), deliveryFrameBytes - waiting.size());
      waiting.insert(waiting.end(), sealed.begin(), sealed.begin() + static_cast<ptrdiff_t>(now));
      sealed = sealed.subspan(now);
      if (waiting.size() == deliveryFrameBytes ||
          std::chrono::steady_clock::now() > flushed + longest)
        flush();
    }
  }
  void finish() override {
    flush();
    receiveMessage<DealerAnswer>(*connection, timeout);
  }
  /// Returns what left() does.
  uint64_t keep() {
    DealerCommand keep;
    keep.mutable_keep();
    return command(keep);
  }

private:
  uint64_t command(const DealerCommand &command) {
    sendMessage(*connection, command, timeout);
    return receiveMessage<DealerAnswer>(*connection, timeout).material_left();
  }
  void flush() {
    if (!waiting.empty())
      connection->send(FrameType::Data, waiting, timeout);
    waiting.clear();
    flushed = std::chrono::steady_clock::now();
  }

  /// Records of one server may be small and take long: it is to see that they come.
  static constexpr Milliseconds longest{500};
  const Milliseconds timeout;
  std::unique_ptr<Connection> connection;
  std::vector<uint8_t> waiting; ///< Sealed records, less than a frame.
  std::chrono::steady_clock::time_point flushed = std::chrono::steady_clock::now();
};

static DeliveryOptions checked(DeliveryOptions options) {
  if (options.records == 0)
    throw Error(ExitCode::Usage, "-n: expects at least one record");
  if (options.security->ownRole() != "dealer")
    throw Error(ExitCode::Authentication,
                fmt::format("the certificate is for \"{}\", but deliveries need one for dealer",
                            options.security->ownRole()),
                "gfs-ca issue DIR --role dealer");
  return options;
}

Deliverer::Deliverer(DeliveryOptions given, std::stop_token stop)
    : options(checked(std::move(given))), stop(std::move(stop)), dealer(options, options.records) {}

Deliverer::~Deliverer() = default;

Deliverer::Link &Deliverer::link(Party party) {
  std::unique_ptr<Link> &link = links[index(party)];
  if (!link)
    link = std::make_unique<Link>(party, options, dealer.plan().hash, stop);
  return *link;
}

void Deliverer::close() noexcept {
  for (std::unique_ptr<Link> &link : links)
    link.reset();
}

std::array<uint64_t, 2> Deliverer::left() {
  try {
    return {link(Party::Zero).left(), link(Party::One).left()};
  } catch (...) {
    close();
    throw;
  }
}

Delivered Deliverer::deliver() {
  const auto start = std::chrono::steady_clock::now();
  const SetToDeal set = dealer.newSet();
  Progress progress("delivering", options.records, 0, options.quiet);
  try {
    Link &zero = link(Party::Zero), &one = link(Party::One);
    zero.begin(set.halves[0]);
    one.begin(set.halves[1]);
    dealer.deal(set, 0, {&zero, &one}, [&](uint64_t records, uint64_t bytes) {
      if (stop.stop_requested())
        throw Stopped();
      progress.update(records, bytes);
    });
    Delivered done{
        options.records, {set.halves[0].recordBytes(), set.halves[1].recordBytes()}, {}, 0};
    done.left = {zero.keep(), one.keep()};
    done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return done;
  } catch (...) {
    close();
    throw;
  }
}

static void report(const Delivered &done) {
  const double bytes = static_cast<double>(done.records) *
                       static_cast<double>(done.recordBytes[0] + done.recordBytes[1]);
  spdlog::info("delivered material for {} inferences, {} in {:.1f} s; servers have {} and {}",
               done.records, bytesText(bytes), done.seconds, done.left[0], done.left[1]);
}

void Deliverer::keepSupplied(uint64_t atLeast, Milliseconds every) {
  std::string lastComplaint;
  bool succeeded = false;
  std::mutex unused;
  std::condition_variable_any pause;
  while (!stop.stop_requested()) {
    bool enough = true;
    try {
      const std::array<uint64_t, 2> left = this->left();
      if (!succeeded)
        spdlog::info("servers have material for {} and {} inferences", left[0], left[1]);
      succeeded = true;
      enough = std::min(left[0], left[1]) >= atLeast;
      if (!enough)
        report(deliver());
      lastComplaint.clear();
    } catch (const Stopped &) {
      return;
    } catch (const Error &error) {
      if (stop.stop_requested())
        return;
      if (!succeeded && error.code() != ExitCode::Network)
        throw;
      enough = true; // not before the next time
      if (error.what() != lastComplaint)
        spdlog::warn("{} ({}); trying again every {} s", error.what(), error.hint(),
                     std::chrono::duration<double>(every).count());
      lastComplaint = error.what();
    }
    std::unique_lock lock(unused);
    if (enough)
      pause.wait_for(lock, stop, every, [] { return false; });
  }
}

} // namespace gfs::serve
