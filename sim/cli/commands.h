#pragma once
// ksim's commands. Each returns the exit code: 0 all holds, 1 a violation, 2 bad input, 3 the simulator
// itself is at fault.

#include <string>

#include "sim/campaign/run_function.h"
#include "sim/host/command_line.h"

namespace ksim::sim {

constexpr int kHolds = 0;
constexpr int kViolation = 1;
constexpr int kBadInput = 2;
constexpr int kSimulatorFault = 3;

int run_scenario(const host::ScenarioCommand& command);
int list_things(const host::ListCommand& command);

// One message on standard error; kBadInput.
int refuse(const std::string& message);

// ---- parts of run_scenario ----

// A scenario or plan as text, and how to make plans of it.
struct Source {
  std::string text;
  std::string name;  // for messages
  bool is_plan = false;
  std::vector<Setting> settings;

  Result<Plan> plan(uint64_t seed) const;
};
Result<Source> load_source(const host::ScenarioCommand& command);
// "scenarios/NAME.toml" of this build, by name.
std::vector<std::string> scenario_names();
std::string scenario_path(const std::string& name);
// The command that runs this again, without its seed.
std::string repeat_command(const host::ScenarioCommand& command);

// What runs plans of this kind.
RunFunction runner_of(const Plan& plan);
// Runs, and turns whatever goes wrong with the simulator into the summary's words.
RunSummary run_guarded(const Plan& plan, const RunRequest& request, RunMemory& memory);
int exit_code(const RunSummary& summary);
// The summary as the person asked for it.
std::string show(const RunSummary& summary, const host::ScenarioCommand& command);

int run_verify(const Plan& plan, const host::ScenarioCommand& command);
int run_campaign(const Source& source, const host::ScenarioCommand& command);

}  // namespace ksim::sim
