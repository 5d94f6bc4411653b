// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/PeerReport.h"

#include <algorithm>

namespace gfs {

std::string printable(std::string_view text) {
  std::string shown(text);
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return shown;
}

static ExitCode reportedCode(uint32_t code) {
  bool known = (code >= 1 && code <= 8) || (code >= 10 && code <= 15) || code == 20 || code == 70;
  return known ? static_cast<ExitCode>(code) : ExitCode::Failure;
}

Error reportedError(std::string_view peer, uint32_t code, std::string_view message,
                    std::string_view hint) {
  return Error(reportedCode(code), fmt::format("{} reports: {}", peer, printable(message)),
               printable(hint));
}

std::vector<uint8_t> encodeError(const Error &error) {
  const std::string text = fmt::format("{}{}{}{}", static_cast<char>(error.code()), error.what(),
                                       error.hint().empty() ? "" : "\n", error.hint());
  return {text.begin(),
          text.begin() + static_cast<ptrdiff_t>(std::min<size_t>(text.size(), maxErrorBytes))};
}

Error decodeError(const std::string &peer, std::span<const uint8_t> payload) {
  const std::string_view text(reinterpret_cast<const char *>(payload.data()) + 1,
                              payload.size() - 1);
  const std::string_view message = text.substr(0, text.find('\n'));
  return reportedError(peer, payload[0], message,
                       text.substr(std::min(text.size(), message.size() + 1)));
}

} // namespace gfs
