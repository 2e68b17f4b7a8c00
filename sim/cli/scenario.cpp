#include <exception>

#include <fmt/format.h>

#include "sim/cli/commands.h"
#include "sim/host/files.h"
#include "sim/host/scramble.h"
#include "sim/host/terminal.h"
#include "sim/observer/report.h"
#include "sim/ping/ping_run.h"
#include "sim/runner/runner.h"

namespace ksim::sim {

int refuse(const std::string& message) {
  host::write_error("ksim: " + message + "\n");
  return kBadInput;
}

RunFunction runner_of(const Plan& plan) {
  if (plan.scenario == kPingScenario) return run_ping;
  return run_plan;
}

RunSummary run_guarded(const Plan& plan, const RunRequest& request, RunMemory& memory) {
  const int64_t began = host::real_ns();
  RunSummary summary;
  try {
    summary = runner_of(plan)(plan, request, memory);
  } catch (const std::exception& error) {
    summary.simulator_fault = error.what();
  }
  summary.scenario = plan.scenario;
  summary.seed = plan.seed;
  summary.real = nanoseconds(host::real_ns() - began);
  return summary;
}

int exit_code(const RunSummary& summary) {
  if (!summary.simulator_fault.empty()) return kSimulatorFault;
  return summary.holds() ? kHolds : kViolation;
}

std::string show(const RunSummary& summary, const host::ScenarioCommand& command) {
  if (command.json) return render_json(summary) + "\n";
  ReportStyle style;
  style.colour = host::wants_colour(1);
  style.width = host::columns(1);
  return render_report(summary, style);
}

void report_fault(const RunSummary& summary) {
  if (summary.simulator_fault.empty()) return;
  host::write_error("ksim: the simulator is at fault: " + summary.simulator_fault + "\n");
}

int run_scenario(const host::ScenarioCommand& command) {
  const Result<Source> source = load_source(command);
  if (!source.ok()) return refuse(source.error().message);
  const Result<Lineage> typed = typed_lineage(command.seed);
  if (!typed.ok()) return refuse(typed.error().message);
  Lineage lineage = *typed;
  if (command.seeds) lineage.seed = command.seeds->first;
  const Result<Plan> plan = source->plan(lineage);
  if (!plan.ok()) return refuse(plan.error().message);
  if (command.print_plan) {
    host::write_out(print_plan(*plan));
    return kHolds;
  }
  if (command.record) {
    if (const auto why = host::why_not_replaceable(*command.record, kSqliteMagic))
      return refuse("--record " + *why);
  }
  if (command.seeds) return run_campaign(*source, command);
  if (command.verify) return run_verify(*plan, lineage, *source, command);
  host::keep_memory();
  RunMemory memory;
  const RunRequest request{!command.no_faults, !command.no_checkers, command.record.has_value(), nullptr};
  RunSummary summary = run_guarded(*plan, request, memory);
  summary.repeat = repeat_command(command, *source, lineage);
  if (command.record && !summary.recording.empty()) {
    const Result<void> written = host::write_whole(*command.record, summary.recording);
    if (!written.ok()) summary.simulator_fault = "--record " + written.error().message;
  }
  host::write_out(show(summary, command));
  report_fault(summary);
  return exit_code(summary);
}

}  // namespace ksim::sim
