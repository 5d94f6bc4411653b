// SPDX-License-Identifier: Apache-2.0
// Opening a listening socket. Internal to this folder.
#pragma once

#include "runtime/net/Endpoint.h"

#include <asio/ip/tcp.hpp>

namespace gfs {

/// Resolves `at`, binds and listens. Throws Network, naming the step; the hint names `flag`, which
/// gave the address.
void openAcceptor(asio::ip::tcp::acceptor &acceptor, const Endpoint &at, std::string_view flag);
/// The bound address; its port is the real one if 0 was asked for.
Endpoint localEndpoint(const asio::ip::tcp::acceptor &acceptor);

} // namespace gfs
