// SPDX-License-Identifier: Apache-2.0
// What every tool's command line has in common. Include only from a main: CLI11 is slow to compile.
#pragma once

#include "runtime/base/Error.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <numeric>
#include <optional>

namespace gfs {

/// Lets a TOML file give what flags give, such as `example`, for --listen. What stands on
/// the command line wins; a name that is no flag is an error. `app` must be the app that is parsed,
/// not a subcommand.
inline void takeConfigFile(CLI::App &app,
                           const std::string &example = "listen = \"0.0.0.0:7000\"") {
  app.set_config("--config", "",
                 "TOML file of flags, for example " + example + "; flags given here win");
  app.allow_config_extras(CLI::config_extras_mode::error);
}

/// Insertions, deletions and replacements of characters that make `b` of `a`.
inline size_t editDistance(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t(0));
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j)
      diagonal = std::exchange(
          row[j + 1], std::min({row[j] + 1, row[j + 1] + 1, diagonal + (a[i] == b[j] ? 0 : 1)}));
  }
  return row.back();
}

/// Calls `visit` with every option of the app and of the subcommands that were given.
inline void forEachOption(const CLI::App &app,
                          const std::function<void(const CLI::Option &)> &visit) {
  for (const CLI::Option *option : app.get_options())
    visit(*option);
  for (const CLI::App *command : app.get_subcommands({}))
    if (command->get_name().empty() || *command) // option groups have no name
      forEachOption(*command, visit);
}

/// What was left over: ", did you mean --calib?" for a flag that is nearly one.
inline std::pair<std::string, std::string> describeExtras(const CLI::App &app) {
  const std::vector<std::string> extras = app.remaining(true);
  auto isFlag = [](const std::string &text) { return text.size() > 1 && text[0] == '-'; };
  auto unknown = std::find_if(extras.begin(), extras.end(), isFlag);
  const std::string help = fmt::format("{} --help lists the flags", app.get_name());
  if (unknown == extras.end())
    return {fmt::format("'{}' is one argument too many", extras.empty() ? "" : extras.front()),
            help};
  const std::string flag = unknown->substr(0, unknown->find('='));
  std::string nearest;
  size_t least = std::min<size_t>(3, flag.size() / 2);
  forEachOption(app, [&](const CLI::Option &option) {
    for (const std::string &name : option.get_lnames())
      if (size_t distance = editDistance(flag, "--" + name); distance < least) {
        least = distance;
        nearest = "--" + name;
      }
  });
  return {fmt::format("there is no flag {}", flag),
          nearest.empty() ? help : fmt::format("did you mean {}? {}", nearest, help)};
}

/// The parser takes -5 for an unsigned number and makes 2^64 - 5 of it.
inline void refuseNegatives(const CLI::App &app) {
  forEachOption(app, [](const CLI::Option &option) {
    if (option.get_type_name().rfind("UINT", 0) != 0)
      return;
    for (const std::string &value : option.results())
      if (!value.empty() && value[0] == '-')
        throw CLI::ValidationError(option.get_name(),
                                   fmt::format("expects no negative number, got {}", value));
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
    refuseNegatives(app);
    return std::nullopt;
  } catch (const CLI::Success &done) {
    return app.exit(done);
  } catch (const CLI::ExtrasError &) {
    auto [message, hint] = describeExtras(app);
    return refuse(ExitCode::Usage, message, hint);
  } catch (const CLI::FileError &error) {
    return refuse(ExitCode::InputUnreadable, fmt::format("--config: {}", error.what()),
                  "check the path and its permissions");
  } catch (const CLI::ConfigError &error) {
    return refuse(ExitCode::Usage, fmt::format("--config: {}", error.what()),
                  "a TOML file of flags without their dashes, one a line, for example threads = 4");
  } catch (const CLI::ParseError &error) {
    return refuse(ExitCode::Usage, error.what(),
                  fmt::format("{} --help lists the flags", app.get_name()));
  }
}

} // namespace gfs
