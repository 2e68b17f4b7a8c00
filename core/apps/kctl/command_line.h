#pragma once
// From the command line to what is to be done. Commands add themselves (commands.h).

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/apps/kctl/session.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ksim::kctl {

// What was asked for. `run` is called on a fiber of the production world; `answer` needs no world and comes
// instead of it.
struct Invocation {
  Settings::Given given;
  std::string properties_file;
  std::string colour = "auto";
  bool json = false;
  std::function<int(Session&)> run;
  std::function<int(Output&)> answer;
};

// The whole of the command line; it fills `invocation`, which outlives it.
std::unique_ptr<CLI::App> make_command_line(Invocation& invocation);

// Leaves with an exit code after --help and the like, or with a message if the arguments are wrong.
std::optional<int> parse_command_line(int argc, const char* const* argv, Invocation& invocation,
                                      Settings& settings);

// ---- for commands ----
// A command under `parent`, with examples for the end of its --help.
CLI::App& add_command(CLI::App& parent, const std::string& name, const std::string& about,
                      const std::string& examples);
// A command that only holds others.
CLI::App& add_group(CLI::App& parent, const std::string& name, const std::string& about);
// `body(session, *options)` is what the command does.
template <class Options, class Body>
void runs(CLI::App& command, Invocation& invocation, std::shared_ptr<Options> options, Body body);
void on_chosen(CLI::App& command, std::function<void()> take);

template <class Options, class Body>
void runs(CLI::App& command, Invocation& invocation, std::shared_ptr<Options> options, Body body) {
  on_chosen(command, [&invocation, options, body] {
    invocation.run = [options, body](Session& session) { return body(session, *options); };
  });
}

// "KEY=VALUE" texts as pairs; a sentence if one is none.
Result<std::vector<std::pair<std::string, std::string>>> parse_assignments(
    const std::vector<std::string>& texts);

}  // namespace ksim::kctl
