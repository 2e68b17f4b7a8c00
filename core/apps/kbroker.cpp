// kbroker [server.properties] [--override key=value]...: a node in the production world, until SIGTERM.

#include <cstdio>
#include <cstdlib>
#include <string>

#include <unistd.h>

#include "core/apps/arguments.h"
#include "core/apps/event_log.h"
#include "core/io/linux/linux_env.h"
#include "core/io/linux/signals.h"
#include "core/io/scope.h"
#include "core/node/node.h"

namespace ksim {
namespace {

// The first signal asks for a controlled shutdown, the second one does not wait for it.
void obey_signals(const Env& env, LinuxNode& world, TerminationSignals& signals, node::Node& node) {
  const int first = signals.wait(world.loop(0), env.scheduler, Instant::never());
  env.emit(LogLine{1, "kbroker", "stopping after signal " + std::to_string(first)});
  node.stop();
  const int second = signals.wait(world.loop(0), env.scheduler, Instant::never());
  std::_Exit(128 + second);
}

void run_shard(const Env& env, LinuxNode& world, TerminationSignals& signals, node::Node& node) {
  const size_t shard = env.mailboxes.self();
  if (shard != 0) return node.run(shard);
  Scope scope(env);
  scope.spawn("signals", [&] { obey_signals(env, world, signals, node); });
  node.run(0);
  scope.close();
}

int complain(const std::string& what) {
  std::fprintf(stderr, "kbroker: %s\n", what.c_str());
  return 1;
}

int run(int argc, char** argv) {
  KbrokerArguments arguments;
  if (const std::optional<int> exit_code = parse_arguments(argc, argv, arguments)) return *exit_code;
  EventLog log(STDERR_FILENO, arguments.log_level);
  std::vector<std::string> warnings;
  Result<ServerConfig> config = load_config(arguments, environ, warnings);
  for (const std::string& warning : warnings) log.emit(Event{LogLine{2, "config", warning}});
  if (!config.ok()) return complain(to_string(config.error()));

  TerminationSignals signals;  // before any thread
  LinuxOptions options;
  options.name = "node " + std::to_string(config->node_id());
  options.shards = arguments.shards;
  options.events = &log;
  IoResult<std::unique_ptr<LinuxNode>> world = LinuxNode::create(std::move(options));
  if (!world.ok()) return complain("no access to the root directory");
  std::vector<Env*> shards;
  for (size_t k = 0; k < (*world)->shard_count(); ++k) shards.push_back(&(*world)->env(k));
  const char* cluster_id = std::getenv("CLUSTER_ID");
  node::Node node({std::move(config).value(), cluster_id == nullptr ? "" : cluster_id}, shards);
  (*world)->run([&](Env& env) { run_shard(env, **world, signals, node); });
  return node.failure() ? complain(*node.failure()) : 0;
}

}  // namespace
}  // namespace ksim

int main(int argc, char** argv) { return ksim::run(argc, argv); }
