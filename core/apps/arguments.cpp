#include "core/apps/arguments.h"

#include <CLI/CLI.hpp>

#include "core/apps/version.h"

namespace ksim {
namespace {

constexpr const char* kAbout =
    R"(kbroker: a Kafka broker, a KRaft controller, or both. Any Kafka client can use it.

  kbroker                             one node for yourself: broker and controller on localhost:9092, data in
                                      ./kbroker-data, topics created when first used
  kbroker --config server.properties  a node of a cluster; the keys are Apache Kafka's
)";

constexpr const char* kMore = R"(
Configuration. Later sources win: the file; environment variables KAFKA_..., where KAFKA_LOG_DIRS stands for
log.dirs, '__' for '_' and '___' for '-'; --override. Keys that are not known warn. A value that is not allowed
ends kbroker with one line that names key, value and what is allowed. Without a file, and without
process.roles, whatever is missing is filled in for one node that is alone.
An empty log directory formats itself, with the cluster id in CLUSTER_ID if that is set.
Beside Kafka's keys:
  http.listener=localhost:9094   /metrics for Prometheus, /live, /ready; with --config off unless given
  bootstrap.features=metadata.version=21,eligible.leader.replicas.version=0
                                 levels with which a new cluster begins; by default the newest

Signals: SIGTERM and SIGINT stop the node in order (leadership moves away, logs are closed); a second one does
not wait. SIGHUP reopens --log-file, for logrotate.

Exit codes: 0 stopped in order, 1 could not start or gave up (the last line says why), 2 wrong arguments or
configuration.
)";

// The message of a wrong argument, then 2; text of --help, then 0.
int leave(const CLI::App& app, const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 2; }

}  // namespace

std::optional<int> parse_arguments(int argc, char** argv, KbrokerArguments& arguments) {
  CLI::App app(kAbout, "kbroker");
  app.footer(kMore);
  app.set_version_flag("--version", std::string("kbroker ") + kVersion);
  auto* file = app.add_option("-c,--config,properties", arguments.properties_file, "server.properties")
                   ->check(CLI::ExistingFile)
                   ->type_name("FILE");
  app.add_option("--override", arguments.overrides, "a key of the configuration; may come more than once")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app.add_flag("--check-config", arguments.check_config,
               "check the configuration, say what the node would be, and leave");
  app.add_option(
         "--port", arguments.port,
         "without --config: where clients connect (9092); the two ports above it are the controller's "
         "and that of /metrics")
      ->check(CLI::Range(1, 65533))
      ->excludes(file);
  app.add_option("--data", arguments.data_directory, "without --config: where the data is (./kbroker-data)")
      ->type_name("DIRECTORY")
      ->excludes(file);
  app.add_option("--shards", arguments.shards, "threads that share the node's work, one a core (1)")
      ->check(CLI::Range(1, 256));
  std::string levels;
  app.add_option(
         "--log-level", levels,
         "debug, info, warn or error, for all or by module: warn,raft=debug. Modules: " + log_modules())
      ->type_name("LEVEL[,MODULE=LEVEL]...");
  app.add_option("--log-file", arguments.log_file, "where log lines go, instead of stderr")
      ->type_name("FILE");
  try {
    app.parse(argc, argv);
    Result<LogLevels> parsed = LogLevels::parse(levels);
    if (!parsed.ok()) throw CLI::ValidationError("--log-level", parsed.error().message);
    arguments.log_levels = std::move(parsed).value();
  } catch (const CLI::ParseError& error) {
    return leave(app, error);
  }
  return std::nullopt;
}

}  // namespace ksim
