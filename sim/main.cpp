#include <exception>

#include "sim/cli/commands.h"
#include "sim/host/command_line.h"
#include "sim/host/terminal.h"

int main(int count, char** values) {
  using namespace ksim;
  host::prepare_streams();
  try {
    const Result<host::Command> command =
        host::parse_command_line(std::vector<std::string>(values + 1, values + count));
    if (!command.ok()) return sim::refuse(command.error().message);
    if (command->scenario) return sim::run_scenario(*command->scenario);
    if (command->list) return sim::list_things(*command->list);
    if (command->check) return sim::check_history(*command->check);
    if (command->exported) return sim::export_history(*command->exported);
    host::write_out(command->text);
    return sim::kHolds;
  } catch (const std::exception& error) {
    host::write_error(std::string("ksim: the simulator is at fault: ") + error.what() + "\n");
    return sim::kSimulatorFault;
  }
}
