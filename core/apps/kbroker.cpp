// kbroker [server.properties] [--override key=value]...
// Says "listening on NAME://host:port" on stdout for each listener once it can be reached; logs to stderr.

#include <cstdio>
#include <string>

#include <unistd.h>

#include "core/apps/arguments.h"
#include "core/apps/event_log.h"
#include "core/apps/lone_broker.h"
#include "core/io/linux/linux_env.h"
#include "core/io/linux/signals.h"

namespace ksim {
namespace {

// Until a signal; the process's exit code.
int serve(Env& env, LinuxNode& node, TerminationSignals& signals, const ServerConfig& config) {
  LoneBroker broker(env, config);
  if (const Result<void> started = broker.start(); !started.ok()) {
    std::fprintf(stderr, "kbroker: %s\n", to_string(started.error()).c_str());
    return 1;
  }
  for (const ListenerEndpoint& at : broker.reachable()) {
    std::printf("listening on %s://%s:%u\n", at.name.c_str(), at.host.c_str(), at.port);
  }
  std::fflush(stdout);
  const int signal = signals.wait(node.loop(0), env.scheduler, Instant::never());
  env.emit(LogLine{1, "kbroker", "stopping after signal " + std::to_string(signal)});
  broker.stop();
  return 0;
}

int run(int argc, char** argv) {
  KbrokerArguments arguments;
  if (const std::optional<int> exit_code = parse_arguments(argc, argv, arguments)) return *exit_code;
  EventLog log(STDERR_FILENO, arguments.log_level);
  std::vector<std::string> warnings;
  const Result<ServerConfig> config = load_config(arguments, environ, warnings);
  for (const std::string& warning : warnings) log.emit(Event{LogLine{2, "config", warning}});
  if (!config.ok()) {
    std::fprintf(stderr, "kbroker: %s\n", to_string(config.error()).c_str());
    return 1;
  }
  TerminationSignals signals;  // before any thread
  LinuxOptions options;
  options.name = "node " + std::to_string(config->node_id());
  options.shards = arguments.shards;
  options.events = &log;
  IoResult<std::unique_ptr<LinuxNode>> node = LinuxNode::create(std::move(options));
  if (!node.ok()) return 1;
  int exit_code = 0;
  (*node)->run([&](Env& env) {
    if (env.mailboxes.self() == 0) exit_code = serve(env, **node, signals, *config);
  });
  return exit_code;
}

}  // namespace
}  // namespace ksim

int main(int argc, char** argv) { return ksim::run(argc, argv); }
