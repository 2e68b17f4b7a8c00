// kctl: one command against a Kafka cluster, or on the files of one. Its --help says how it is used.

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <unistd.h>

#include "core/apps/kctl/command_line.h"
#include "core/io/linux/linux_env.h"
#include "core/io/linux/signals.h"
#include "core/io/scope.h"

namespace ksim::kctl {
namespace {

bool wants_colours(const Invocation& invocation) {
  if (invocation.json || invocation.colour == "never") return false;
  if (invocation.colour == "always") return true;
  const char* const no_colour = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
  return ::isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0') && !dumb;
}

// The first signal ends a command that knows how to end in order; any other one, and the second, ends at
// once.
void obey_signals(Session& session, ProcessSignals& signals) {
  for (;;) {
    signals.wait(session.loop, session.env.scheduler, Instant::never());
    if (session.stopping() || !session.stops_in_order()) {
      std::fflush(stdout);
      std::_Exit(kInterrupted);
    }
    session.stop();
  }
}

int run_in_world(const Invocation& invocation, const Settings& settings, Output& output) {
  ProcessSignals signals;  // before any thread
  LinuxOptions options;
  options.name = "kctl";
  options.file_threads = 2;
  IoResult<std::unique_ptr<LinuxNode>> world = LinuxNode::create(std::move(options));
  if (!world.ok()) {
    std::fputs("kctl: no access to the root directory\n", stderr);
    return kFailed;
  }
  int exit_code = kFailed;
  (*world)->run([&](Env& env) {
    Session session(env, (*world)->loop(0), settings, output);
    Scope scope(env);
    scope.spawn("signals", [&] { obey_signals(session, signals); });
    exit_code = invocation.run(session);
    scope.close();
  });
  return exit_code;
}

int run(int argc, const char* const* argv) {
  Invocation invocation;
  Settings settings;
  if (const auto left = parse_command_line(argc, argv, invocation, settings)) return *left;
  Output output(invocation.json, wants_colours(invocation));
  const int exit_code =
      invocation.answer ? invocation.answer(output) : run_in_world(invocation, settings, output);
  output.flush();
  if (output.broken() && !output.reader_left() && exit_code == kDone) {
    std::fputs("kctl: not all of the output could be written\n", stderr);
    return kFailed;
  }
  return exit_code;
}

}  // namespace
}  // namespace ksim::kctl

int main(int argc, char** argv) { return ksim::kctl::run(argc, argv); }
