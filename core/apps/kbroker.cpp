// kbroker: a node in the production world, until SIGTERM. Its --help says how it is used.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

#include "core/apps/arguments.h"
#include "core/apps/configuration.h"
#include "core/apps/event_log.h"
#include "core/apps/prometheus_text.h"
#include "core/io/linux/linux_env.h"
#include "core/io/linux/signals.h"
#include "core/io/scope.h"
#include "core/node/node.h"

namespace ksim {
namespace {

constexpr int kWrongUse = 2;

class Kbroker {
 public:
  Kbroker(EventLog& log, LinuxNode& world, ProcessSignals& signals, node::Node& node)
      : log_(log), world_(world), signals_(signals), node_(node) {}

  void run() {
    world_.run([this](Env& env) { run_shard(env); });
  }

 private:
  void run_shard(const Env& env) {
    const size_t shard = env.mailboxes.self();
    if (shard != 0) return node_.run(shard);
    Scope scope(env);
    scope.spawn("signals", [&] { obey_signals(env); });
    node_.run(0);
    scope.close();
  }

  // The first one of SIGTERM and SIGINT asks for a controlled shutdown, the second one does not wait for it.
  void obey_signals(const Env& env) {
    for (bool stopping = false;;) {
      const int signal = signals_.wait(world_.loop(0), env.scheduler, Instant::never());
      if (signal == SIGHUP) {
        if (const Result<void> opened = log_.reopen(); !opened.ok())
          env.emit(LogLine{3, "kbroker", opened.error().message});
        continue;
      }
      if (stopping) std::_Exit(128 + signal);
      stopping = true;
      env.emit(LogLine{1, "kbroker", "stopping after signal " + std::to_string(signal)});
      node_.stop();
    }
  }

  EventLog& log_;
  LinuxNode& world_;
  ProcessSignals& signals_;
  node::Node& node_;
};

int complain(const std::string& what, int exit_code) {
  std::fprintf(stderr, "kbroker: %s\n", what.c_str());
  return exit_code;
}

// Sockets and segments are many: as many descriptors as this process may have. How many there are.
size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

Machine this_machine() {
  char name[256] = {};
  if (::gethostname(name, sizeof(name) - 1) != 0) return {"localhost"};
  return {name};
}

int run_node(const KbrokerArguments& arguments, EventLog& log, ServerConfig config) {
  ProcessSignals signals;  // before any thread
  LinuxOptions options;
  options.max_accepted = raise_descriptor_limit() / 4 * 3;  // the rest is for files
  options.name = "node " + std::to_string(config.node_id());
  options.shards = arguments.shards;
  options.events = &log;
  IoResult<std::unique_ptr<LinuxNode>> world = LinuxNode::create(std::move(options));
  if (!world.ok()) return complain("no access to the root directory", 1);
  std::vector<Env*> shards;
  for (size_t k = 0; k < (*world)->shard_count(); ++k) shards.push_back(&(*world)->env(k));
  const char* cluster_id = std::getenv("CLUSTER_ID");
  node::Node node({std::move(config), cluster_id == nullptr ? "" : cluster_id, prometheus_text}, shards);
  Kbroker(log, **world, signals, node).run();
  return node.failure() ? complain(*node.failure(), 1) : 0;
}

int run(int argc, char** argv) {
  KbrokerArguments arguments;
  if (const std::optional<int> exit_code = parse_arguments(argc, argv, arguments)) return *exit_code;
  EventLog log(arguments.log_levels);
  std::vector<std::string> warnings;
  Result<ServerConfig> config = load_config(arguments, environ, this_machine(), warnings);
  if (!arguments.check_config && config.ok() && !arguments.log_file.empty()) {
    if (const Result<void> opened = log.open(arguments.log_file); !opened.ok())
      return complain(opened.error().message, kWrongUse);
  }
  for (const std::string& warning : warnings) log.emit(Event{LogLine{2, "config", warning}});
  if (!config.ok()) return complain(config.error().message, kWrongUse);
  const std::string description = describe(*config);
  if (arguments.check_config) {
    std::printf("%s\n", description.c_str());
    return 0;
  }
  log.emit(Event{LogLine{1, "kbroker", description}});
  return run_node(arguments, log, std::move(config).value());
}

}  // namespace
}  // namespace ksim

int main(int argc, char** argv) { return ksim::run(argc, argv); }
