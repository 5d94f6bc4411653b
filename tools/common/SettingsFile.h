// SPDX-License-Identifier: Apache-2.0
// The file of --config, and where in it a mistake is. Include only from a main.
#pragma once

#include "tools/common/NearestName.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <istream>
#include <iterator>
#include <map>
#include <sstream>

namespace gfs {

/// Calls `visit` with every option of the app and of the subcommands that were given.
inline void forEachOption(const CLI::App &app,
                          const std::function<void(const CLI::Option &)> &visit) {
  for (const CLI::Option *option : app.get_options())
    visit(*option);
  for (const CLI::App *command : app.get_subcommands({}))
    if (command->get_name().empty() || *command) // option groups have no name
      forEachOption(*command, visit);
}

/// A mistake in the file of --config: where, what, and what to do.
class SettingsError : public CLI::ConfigError {
public:
  SettingsError(const std::string &message, std::string hint)
      : CLI::ConfigError("SettingsError", message, CLI::ExitCodes::ConfigError),
        nextStep(std::move(hint)) {}
  const std::string &hint() const { return nextStep; }

private:
  std::string nextStep;
};

/// TOML of flags without their dashes. Refuses names that are no flags, with the line and the flag
/// that was probably meant.
class SettingsFile : public CLI::ConfigTOML {
public:
  explicit SettingsFile(const CLI::App &app, const CLI::Option &flag) : app(app), flag(flag) {}

  std::vector<CLI::ConfigItem> from_config(std::istream &in) const override {
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    for (unsigned char c : text)
      if (c < ' ' && c != '\t' && c != '\n' && c != '\r')
        throw SettingsError(fmt::format("{}: is not a text file", path()), form);
    std::istringstream again(text);
    std::vector<CLI::ConfigItem> items = CLI::ConfigTOML::from_config(again);
    for (const CLI::ConfigItem &item : items) {
      if (!item.parents.empty()) // a section: the parser knows whether it is a subcommand's
        continue;
      const CLI::Option *option = optionNamed(item.name);
      if (!option)
        throw unknown(item.name, text);
      if (option->empty()) // what the command line says wins
        lines[option->get_name()] = lineOf(item.name, text);
    }
    return items;
  }

  /// "server.toml:3: " if `message` is about a flag that the file gave; else nothing.
  std::string placeOf(const std::string &message) const {
    for (const auto &[name, line] : lines)
      if (message.starts_with(name + ":") ||
          message.starts_with(name.substr(std::min(name.size(), name.find_first_not_of('-'))) +
                              ":"))
        return fmt::format("{}:{}: ", path(), line);
    return {};
  }

  static constexpr const char *form =
      "a TOML file of flags without their dashes, one a line, for example threads = 4";

private:
  std::string path() const { return flag.empty() ? "--config" : flag.results().back(); }

  const CLI::Option *optionNamed(const std::string &name) const {
    for (const std::string &spelt : {"--" + name, "-" + name, name})
      if (const CLI::Option *option = app.get_option_no_throw(spelt))
        return option;
    return nullptr;
  }

  /// The line, from 1, that sets `name`.
  static size_t lineOf(const std::string &name, const std::string &text) {
    std::istringstream lines(text);
    size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      std::string begin = line.substr(0, line.find('='));
      CLI::detail::trim(begin);
      if (CLI::detail::remove_quotes(begin) == name)
        return number;
    }
    return number;
  }

  SettingsError unknown(const std::string &name, const std::string &text) const {
    std::vector<std::string> names;
    forEachOption(app, [&](const CLI::Option &option) {
      for (const std::string &flag : option.get_lnames())
        names.push_back(flag);
      if (option.get_positional())
        names.push_back(option.get_name(true));
    });
    const std::string nearest = nearestName(name, names);
    return {fmt::format("{}:{}: there is no flag {}", path(), lineOf(name, text), name),
            nearest.empty() ? form : fmt::format("did you mean {}? {}", nearest, form)};
  }

  const CLI::App &app;
  const CLI::Option &flag;
  mutable std::map<std::string, size_t> lines; ///< By flag, of those that the file gives.
};

} // namespace gfs
