// SPDX-License-Identifier: Apache-2.0
// The server's side of a connection of the dealer: says what material is left, takes new sets.
//
// A set becomes usable in two steps, so that both servers have it or none: each stores its half and
// says so; then the dealer tells both to keep it. What a lost connection leaves at one server alone
// is never used, for servers use the sets that both have.
#pragma once

#include "runtime/material/MaterialArrival.h"
#include "runtime/serve/Metrics.h"
#include "runtime/serve/Session.h"
#include "runtime/serve/Supply.h"

#include <functional>

namespace gfs::serve {

/// What a dealer's session needs to know of its server.
struct DealerContext {
  MaterialUse use;
  std::optional<std::filesystem::path> folder; ///< Of material; none: a file, nothing can come.
  Milliseconds timeout{60000};
  Metrics *metrics = nullptr;
  std::function<std::vector<MaterialLeft>()> sets; ///< As Engine::materialSets().
};

class DealerSession : public Session {
public:
  DealerSession(std::unique_ptr<Connection> connection, const DealerContext &context)
      : Session(std::move(connection)), context(context) {}

private:
  void greet() override;
  bool serveOne() override;
  void receive(const Delivery &delivery);
  void keep();
  void answer();

  const DealerContext &context;
  std::optional<MaterialArrival> arrival;
};

} // namespace gfs::serve
