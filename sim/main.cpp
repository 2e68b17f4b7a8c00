#include <exception>

#include "sim/cli/commands.h"
#include "sim/host/command_line.h"
#include "sim/host/terminal.h"

namespace {

// What was asked for and could not be written was not done, whatever came of it.
int ended(int code) {
  const auto why = ksim::host::lost_output();
  if (!why) return code;
  ksim::host::write_error("ksim: standard output: " + *why + "\n");
  return ksim::sim::kSimulatorFault;
}

}  // namespace

int main(int count, char** values) {
  using namespace ksim;
  host::prepare_streams();
  try {
    const Result<host::Command> command =
        host::parse_command_line(std::vector<std::string>(values + 1, values + count));
    if (!command.ok()) return sim::refuse(command.error().message);
    if (command->scenario) return ended(sim::run_scenario(*command->scenario));
    if (command->list) return ended(sim::list_things(*command->list));
    if (command->check) return ended(sim::check_history(*command->check));
    if (command->exported) return ended(sim::export_history(*command->exported));
    if (command->swarm) return ended(sim::run_swarm(*command->swarm));
    if (command->matrix) return ended(sim::run_matrix(*command->matrix));
    if (command->coverage) return ended(sim::show_coverage(*command->coverage));
    if (command->shrink) return ended(sim::run_shrink(*command->shrink));
    if (command->explained) return ended(sim::explain_run(*command->explained));
    if (command->sql) return ended(sim::ask_sql(*command->sql));
    if (command->report) return ended(sim::write_report(*command->report));
    if (command->replay) return ended(sim::run_replay(*command->replay));
    if (command->bisect) return ended(sim::run_bisect(*command->bisect));
    host::write_out(command->text);
    return ended(sim::kHolds);
  } catch (const std::exception& error) {
    host::write_error(std::string("ksim: the simulator is at fault: ") + error.what() + "\n");
    return sim::kSimulatorFault;
  }
}
