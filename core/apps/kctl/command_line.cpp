#include "core/apps/kctl/command_line.h"

#include <CLI/CLI.hpp>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <unistd.h>

#include "core/apps/kctl/commands.h"
#include "core/apps/version.h"

namespace ksim::kctl {
namespace {

constexpr const char* kAbout = R"(kctl: the command line of any Kafka cluster.

  kctl cluster                                     brokers, controller, features
  kctl topic create orders --partitions 6
  echo hello | kctl produce orders; kctl consume orders --from beginning --until end
  kctl dump-log --deep /var/lib/kbroker            what the files of a broker hold, and whether they agree
)";

constexpr const char* kMore = R"(
Every command has its own --help, with examples. The options above may stand before or behind a command's own.

Output is for people, as tables; with --json for programs: one JSON document, or one a line where records or
lines of a log stream by. Errors are one line on stderr.
KCTL_BOOTSTRAP in the environment stands for --bootstrap.

Exit codes: 0 done, 1 the operation failed (the last line says why), 2 wrong arguments, 130 interrupted.
)";

// The message of a wrong argument, then 2; text of --help, then 0.
int leave(const CLI::App& app, const CLI::ParseError& error) {
  return app.exit(error) == 0 ? kDone : kBadInput;
}

int refuse_line(const std::string& message) {
  fmt::print(stderr, "kctl: {}\n", message);
  return kBadInput;
}

}  // namespace

CLI::App& add_command(CLI::App& parent, const std::string& name, const std::string& about,
                      const std::string& examples) {
  CLI::App& command = *parent.add_subcommand(name, about);
  command.fallthrough();
  std::string footer = examples.empty() ? "" : "\nExamples:\n" + examples + "\n";
  footer += "\nOptions of all commands (--bootstrap, --timeout, --json, -X ...): kctl --help";
  command.footer(footer);
  return command;
}

CLI::App& add_group(CLI::App& parent, const std::string& name, const std::string& about) {
  CLI::App& group = add_command(parent, name, about, "");
  group.require_subcommand(1);
  return group;
}

void on_chosen(CLI::App& command, std::function<void()> take) { command.callback(std::move(take)); }

Result<std::vector<std::pair<std::string, std::string>>> parse_assignments(
    const std::vector<std::string>& texts) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
      return fail(ErrorCode::INVALID_CONFIG, fmt::format("'{}': must be KEY=VALUE", text));
    pairs.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return pairs;
}

std::unique_ptr<CLI::App> make_command_line(Invocation& invocation) {
  auto app = std::make_unique<CLI::App>(kAbout, "kctl");
  app->footer(kMore);
  app->require_subcommand(1);
  app->set_version_flag("--version", std::string("kctl ") + kVersion);
  app->add_option("-b,--bootstrap", invocation.given.bootstrap,
                  "brokers to begin with; others are learned from them (localhost:9092)")
      ->type_name("HOST:PORT[,...]")
      ->envname("KCTL_BOOTSTRAP");
  app->add_option_function<double>(
         "--timeout",
         [&invocation](double seconds) {
           invocation.given.timeout_ms = static_cast<int64_t>(seconds * 1000);
         },
         "how long the cluster may take to answer (10)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, 1e6));
  app->add_option("-F,--config", invocation.properties_file,
                  "client properties under Kafka's names; 'topic create' has a --config of its own, where "
                  "this is -F")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  app->add_option("-X", invocation.given.assignments, "one client property; may come more than once")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app->add_flag("--json", invocation.json, "output for programs");
  app->add_option("--color", invocation.colour, "colours: auto (on a terminal), always, never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->type_name("WHEN");
  add_topic_commands(*app, invocation);
  add_config_commands(*app, invocation);
  add_produce_command(*app, invocation);
  add_consume_command(*app, invocation);
  add_offsets_command(*app, invocation);
  add_cluster_commands(*app, invocation);
  add_elect_commands(*app, invocation);
  add_dump_log_command(*app, invocation);
  add_bench_commands(*app, invocation);
  add_record_command(*app, invocation);
  add_completion_command(*app, invocation);
  return app;
}

std::optional<int> parse_command_line(int argc, const char* const* argv, Invocation& invocation,
                                      Settings& settings) {
  const std::unique_ptr<CLI::App> app = make_command_line(invocation);
  try {
    app->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return leave(*app, error);
  }
  if (!invocation.properties_file.empty()) {
    std::ifstream file(invocation.properties_file, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return refuse_line(invocation.properties_file + ": cannot be read");
    invocation.given.properties = text.str();
  }
  Result<Settings> made = Settings::make(invocation.given);
  if (!made.ok()) return refuse_line(made.error().message);
  for (const std::string& key : made->unknown_keys())
    fmt::print(stderr, "kctl: warning: {}: '{}' is no property of a client that kctl knows; left out\n",
               invocation.properties_file, key);
  settings = std::move(made).value();
  return std::nullopt;
}

}  // namespace ksim::kctl
