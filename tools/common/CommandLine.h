// SPDX-License-Identifier: Apache-2.0
// What every tool's command line has in common. Include only from a main: CLI11 is slow to compile.
#pragma once

#include "runtime/base/Error.h"
#include "tools/common/NearestName.h"
#include "tools/common/SettingsFile.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <climits>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <regex>

namespace gfs {

/// Lets a TOML file give what flags give, such as `example`, for --listen. What stands on
/// the command line wins; a name that is no flag is an error. `app` must be the app that is parsed,
/// not a subcommand.
inline void takeConfigFile(CLI::App &app,
                           const std::string &example = "listen = \"0.0.0.0:7000\"") {
  const CLI::Option *flag = app.set_config(
      "--config", "", "TOML file of flags, for example " + example + "; flags given here win");
  app.config_formatter(std::make_shared<SettingsFile>(app, *flag));
  app.allow_config_extras(CLI::config_extras_mode::error);
}

/// What was left over: ", did you mean --calib?" for a flag that is nearly one.
inline std::pair<std::string, std::string> describeExtras(const CLI::App &app) {
  const std::vector<std::string> extras = app.remaining(true);
  auto isFlag = [](const std::string &text) { return text.size() > 1 && text[0] == '-'; };
  auto unknown = std::find_if(extras.begin(), extras.end(), isFlag);
  const std::string help = fmt::format("{} --help lists the flags", app.get_name());
  auto didYouMean = [&](const std::string &nearest) {
    return nearest.empty() ? help : fmt::format("did you mean {}? {}", nearest, help);
  };
  std::vector<std::string> names;
  if (unknown == extras.end()) {
    const std::string extra = extras.empty() ? "" : extras.front();
    for (const CLI::App *command : app.get_subcommands({}))
      if (!command->get_name().empty())
        names.push_back(command->get_name());
    if (!names.empty() && app.get_subcommands().empty())
      return {fmt::format("there is no command '{}'", extra),
              didYouMean(nearestName(extra, names))};
    return {fmt::format("'{}' is one argument too many", extra), help};
  }
  const std::string flag = unknown->substr(0, unknown->find('='));
  forEachOption(app, [&](const CLI::Option &option) {
    for (const std::string &name : option.get_lnames())
      names.push_back("--" + name);
  });
  return {fmt::format("there is no flag {}", flag), didYouMean(nearestName(flag, names))};
}

/// The parser's message in words for who did not write the parser.
inline std::string inPlainWords(const CLI::App &app, const std::string &message) {
  std::smatch parts;
  auto matches = [&](const char *pattern) {
    return std::regex_match(message, parts, std::regex(pattern));
  };
  if (matches("(.+): 1 required .*missing"))
    return fmt::format("{}: expects a value", parts.str(1));
  if (matches("(.+): At Most 1 required but received (\\d+)"))
    return fmt::format("{}: takes one value, got {}", parts.str(1), parts.str(2));
  if (matches("(.+): Should be true/false or a number"))
    return fmt::format("{}: expects true or false", parts.str(1));
  if (matches("Could not convert: (\\S+) = (.*)")) {
    std::string expected = "something else";
    forEachOption(app, [&](const CLI::Option &option) {
      if (option.get_name() == parts.str(1))
        expected = option.get_type_name().starts_with("FLOAT") ? "a number" : "a whole number";
    });
    return fmt::format("{}: expects {}, got {}", parts.str(1), expected,
                       parts.str(2).empty() ? "nothing" : parts.str(2));
  }
  return message;
}

/// Like CLI::Range, in words that name the range as it was meant.
template <class Number> CLI::Validator within(Number least, Number most) {
  return {[=](std::string &text) {
            Number number{};
            return CLI::detail::lexical_cast(text, number) && number >= least && number <= most
                       ? std::string()
                       : fmt::format("expects a number from {} to {}, got {}", least, most, text);
          },
          fmt::format("{} in [{} - {}]", CLI::detail::type_name<Number>(), least, most)};
}

/// What the parser takes for a number though it is none of that kind: of -5 it makes 2^64 - 5, of
/// whatever is beyond 64 bits the largest, and no range keeps nan out.
inline void refuseOddNumbers(const CLI::App &app) {
  forEachOption(app, [](const CLI::Option &option) {
    auto isOf = [&](const char *type) { return option.get_type_name().rfind(type, 0) == 0; };
    for (const std::string &value : option.results()) {
      auto refuse = [&](const char *expects) {
        throw CLI::ValidationError(option.get_name(),
                                   fmt::format("expects {}, got {}", expects, value));
      };
      if (isOf("UINT") && !value.empty() && value[0] == '-')
        refuse("no negative number");
      errno = 0;
      if (isOf("UINT") && std::strtoull(value.c_str(), nullptr, 0) == ULLONG_MAX && errno == ERANGE)
        refuse("a smaller number");
      if (isOf("FLOAT") && !std::isfinite(std::strtod(value.c_str(), nullptr)))
        refuse("a finite number");
    }
  });
}

/// Throws Usage if a flag of one of these groups was given: it has no effect here.
inline void refuseGroups(const CLI::App &app, std::initializer_list<std::string_view> groups,
                         const std::string &why) {
  forEachOption(app, [&](const CLI::Option &option) {
    if (!option.empty() && std::ranges::count(groups, option.get_group()) > 0)
      throw Error(ExitCode::Usage, fmt::format("{}: {}", option.get_name(), why),
                  fmt::format("leave it out; {} --help groups the flags", app.get_name()));
  });
}

/// Parses the command line. Returns the exit code if there is nothing more to do: 0 after --help or
/// --version, Usage after a wrong flag, InputUnreadable without the --config file; both are
/// reported on stderr.
inline std::optional<int> parseCommandLine(CLI::App &app, int argc, char **argv) {
  app.set_version_flag("--version", fmt::format("{} {}", app.get_name(), GFS_VERSION));
  auto refuse = [&](ExitCode code, const std::string &message, const std::string &hint) {
    fmt::print(stderr, "{}: error: {}\n  hint: {}\n", app.get_name(), message, hint);
    return static_cast<int>(code);
  };
  try {
    app.parse(argc, argv);
    refuseOddNumbers(app);
    return std::nullopt;
  } catch (const CLI::Success &done) {
    return app.exit(done);
  } catch (const CLI::ExtrasError &) {
    auto [message, hint] = describeExtras(app);
    return refuse(ExitCode::Usage, message, hint);
  } catch (const CLI::FileError &error) {
    return refuse(ExitCode::InputUnreadable, fmt::format("--config: {}", error.what()),
                  "check the path and its permissions");
  } catch (const SettingsError &error) {
    return refuse(ExitCode::Usage, error.what(), error.hint());
  } catch (const CLI::ConfigError &error) {
    return refuse(ExitCode::Usage, fmt::format("--config: {}", error.what()), SettingsFile::form);
  } catch (const CLI::ParseError &error) {
    // A word that is no command is missed as a command before it is found to be left over.
    if (dynamic_cast<const CLI::RequiredError *>(&error) && !app.get_subcommands({}).empty() &&
        app.get_subcommands().empty() && !app.remaining(true).empty()) {
      auto [message, hint] = describeExtras(app);
      return refuse(ExitCode::Usage, message, hint);
    }
    const std::string message = inPlainWords(app, error.what());
    const auto settings = std::dynamic_pointer_cast<SettingsFile>(app.get_config_formatter());
    return refuse(ExitCode::Usage, (settings ? settings->placeOf(message) : "") + message,
                  fmt::format("{} --help lists the flags", app.get_name()));
  }
}

} // namespace gfs
