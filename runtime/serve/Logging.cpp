// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Logging.h"

#include "runtime/base/Error.h"

#include <nlohmann/json.hpp>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace gfs::serve {

namespace {

/// The message as a JSON string, quotes included.
class QuotedMessage final : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg &message, const std::tm &,
              spdlog::memory_buf_t &out) override {
    using nlohmann::json;
    std::string text(message.payload.data(), message.payload.size());
    std::string quoted = json(text).dump(-1, ' ', true, json::error_handler_t::replace);
    out.append(quoted.data(), quoted.data() + quoted.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<QuotedMessage>();
  }
};

} // namespace

void setUpLogging(const std::string &level, bool json) {
  spdlog::level::level_enum parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off && level != "off")
    throw Error(ExitCode::Usage, fmt::format("--log-level {}: not a level", level),
                "use trace, debug, info, warn, error or off");
  auto logger = spdlog::stderr_color_mt("gfs");
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  if (json)
    formatter->add_flag<QuotedMessage>('*').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%*})");
  else
    formatter->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v");
  logger->set_formatter(std::move(formatter));
  logger->set_level(parsed);
  spdlog::set_default_logger(std::move(logger));
}

} // namespace gfs::serve
