// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/Acceptor.h"

#include "runtime/base/Error.h"

namespace gfs {

using asio::ip::tcp;

void openAcceptor(tcp::acceptor &acceptor, const Endpoint &at, std::string_view flag) {
  const char *step = "resolve";
  try {
    tcp::resolver resolver(acceptor.get_executor());
    const tcp::endpoint address = *resolver.resolve(at.host, std::to_string(at.port)).begin();
    step = "bind";
    acceptor.open(address.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(address);
    acceptor.listen();
  } catch (const std::system_error &error) {
    throw Error(ExitCode::Network,
                fmt::format("cannot listen on {}: {}: {}", at.text(), step, error.code().message()),
                error.code() == asio::error::address_in_use
                    ? "another program uses this port: choose another or stop it"
                    : fmt::format("check the address and port of {}", flag));
  }
}

Endpoint localEndpoint(const tcp::acceptor &acceptor) {
  const tcp::endpoint bound = acceptor.local_endpoint();
  return {bound.address().to_string(), bound.port()};
}

} // namespace gfs
