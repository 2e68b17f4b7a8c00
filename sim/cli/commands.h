#pragma once
// ksim's commands. Each returns the exit code: 0 all holds, 1 a violation, 2 bad input, 3 the simulator
// itself is at fault.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/campaign/campaign.h"
#include "sim/campaign/run_function.h"
#include "sim/explain/explain.h"
#include "sim/host/command_line.h"
#include "sim/plan/lineage.h"

namespace ksim::sim {

constexpr int kHolds = 0;
constexpr int kViolation = 1;
constexpr int kBadInput = 2;
constexpr int kSimulatorFault = 3;
constexpr int kInterrupted = 130;
// What a file may begin with that ksim replaces.
constexpr std::string_view kSqliteMagic = "SQLite format 3";

int run_scenario(const host::ScenarioCommand& command);
int list_things(const host::ListCommand& command);
int check_history(const host::CheckCommand& command);
int export_history(const host::ExportCommand& command);
int run_swarm(const host::SwarmCommand& command);
int run_matrix(const host::MatrixCommand& command);
int show_coverage(const host::CoverageCommand& command);
int run_shrink(const host::ShrinkCommand& command);
int run_bisect(const host::BisectCommand& command);
int explain_run(const host::ExplainCommand& command);
int ask_sql(const host::SqlCommand& command);
int write_report(const host::ReportCommand& command);
int run_replay(const host::ReplayCommand& command);

// Of the image of a recorded run, kept in `file`: its first question's answer, remedies tried.
Result<Explanation> explain_recording(const std::string& file, const std::string& image);
// Code and invariant of each checker.
std::vector<std::pair<std::string, std::string>> checker_words();

// One message on standard error; kBadInput.
int refuse(const std::string& message);

// ---- parts of run_scenario ----

// A scenario or plan as text, and how to make plans of it.
struct Source {
  std::string text;
  std::string name;  // for messages
  bool is_plan = false;
  std::vector<Setting> settings;

  // Errors: INVALID_REQUEST with what is wrong with the text or with what it asks of Kafka. A mutation after
  // which the plan could not be run is passed over.
  Result<Plan> plan(const Lineage& lineage) const;
};
Result<Source> load_source(const host::ScenarioCommand& command);
// A --seed as it was typed; without one, that of seed 1. Errors: INVALID_REQUEST.
Result<Lineage> typed_lineage(const std::optional<std::string>& seed);
// "scenarios/NAME.toml" of this build, by name.
std::vector<std::string> scenario_names();
std::string scenario_path(const std::string& name);
// Those of ksim matrix, "matrix/NAME": known as well, but no part of what "all scenarios" means.
std::vector<std::string> matrix_scenario_names();
// What identifies the program that runs: a campaign goes on with the same one only.
std::string build_of_program();
// As a shell takes it for one word.
std::string shell_word(const std::string& text);
// The command that runs this again; without a seed it ends before "--seed".
std::string repeat_command(const host::ScenarioCommand& command, const Source& source,
                           const std::optional<Lineage>& seed = std::nullopt);

// What runs plans of this kind.
RunFunction runner_of(const Plan& plan);
// Runs, and turns whatever goes wrong with the simulator into the summary's words.
RunSummary run_guarded(const Plan& plan, const RunRequest& request, RunMemory& memory);
int exit_code(const RunSummary& summary);
// The summary as the person asked for it.
std::string show(const RunSummary& summary, const host::ScenarioCommand& command);

// The simulator's own fault, on standard error.
void report_fault(const RunSummary& summary);

// A plan run twice. `outcome` is what `words` made of the first run's summary.
struct Verified {
  int code = 3;
  std::string difference;  // not empty: what went wrong, in at most three lines
  std::string outcome;
};
Verified verify(const Plan& plan, const host::ScenarioCommand& command,
                const std::function<std::string(RunSummary&)>& words);
int run_verify(const Plan& plan, const Lineage& lineage, const Source& source,
               const host::ScenarioCommand& command);
int run_campaign(const Source& source, const host::ScenarioCommand& command);
// One seed, as a worker runs it.
SeedResult run_seed(const Source& source, const host::ScenarioCommand& command, const Lineage& lineage,
                    RunMemory& memory);

}  // namespace ksim::sim
