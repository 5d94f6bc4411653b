// SPDX-License-Identifier: Apache-2.0
// What every tool's command line has in common. Include only from a main: CLI11 is slow to compile.
#pragma once

#include "runtime/base/Error.h"

#include <CLI/CLI.hpp>
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

/// Parses the command line. Returns the exit code if there is nothing more to do: 0 after --help or
/// --version, Usage after a wrong flag (reported on stderr).
inline std::optional<int> parseCommandLine(CLI::App &app, int argc, char **argv) {
  app.set_version_flag("--version", fmt::format("{} {}", app.get_name(), GFS_VERSION));
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::Success &done) {
    return app.exit(done);
  } catch (const CLI::ParseError &error) {
    fmt::print(stderr, "{}: error: {}\n  hint: {} --help lists the flags\n", app.get_name(),
               error.what(), app.get_name());
    return static_cast<int>(ExitCode::Usage);
  }
}

} // namespace gfs
