// ksim bisect: one run under two configurations, and which differences decide how it ends.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include <fmt/format.h>

#include "sim/cli/trials.h"
#include "sim/host/scramble.h"
#include "sim/host/terminal.h"
#include "sim/shrink/differences.h"

namespace ksim::sim {
namespace {

// How a run ends, in the words in which two runs end alike; empty: it holds.
Result<std::string> outcome_of(const Plan& plan) {
  RunMemory memory;
  const RunSummary summary = run_guarded(plan, {}, memory);
  if (!summary.simulator_fault.empty()) return fail(ErrorCode::UNKNOWN_SERVER_ERROR, summary.simulator_fault);
  const std::vector<std::string> causes = causes_of(summary);
  return causes.empty() ? std::string() : causes.front();
}

std::string shown(const std::string& outcome) { return outcome.empty() ? "holds" : outcome; }

}  // namespace

int run_bisect(const host::BisectCommand& command) {
  std::vector<Plan> plans;
  for (const std::string& file : command.plans) {
    host::RunChoice choice;
    choice.plan_file = file;
    Result<Plan> plan = chosen_plan(choice);
    if (!plan.ok()) return refuse(plan.error().message);
    plans.push_back(std::move(plan).value());
  }
  host::keep_memory();
  std::vector<std::string> outcomes;
  for (const Plan& plan : plans) {
    const Result<std::string> outcome = outcome_of(plan);
    if (!outcome.ok()) {
      host::write_error("ksim: the simulator is at fault: " + outcome.error().message + "\n");
      return kSimulatorFault;
    }
    outcomes.push_back(*outcome);
  }
  const std::vector<Difference> all = differences(plans[0], plans[1]);
  if (all.empty()) return refuse("the two plans are the same");
  if (outcomes[0] == outcomes[1]) {
    return refuse(fmt::format("both plans end alike, so nothing decides: {}", shown(outcomes[0])));
  }
  Trials trials(command.jobs);
  const std::vector<Difference> decisive = deciding(plans[0], all, [&](const std::vector<Plan>& attempts) {
    std::vector<const Plan*> pointers;
    for (const Plan& plan : attempts) pointers.push_back(&plan);
    return trials.first_with(pointers, outcomes[1]);
  });
  if (command.json) {
    nlohmann::ordered_json out{{"first", shown(outcomes[0])}, {"second", shown(outcomes[1])}};
    out["differences"] = all.size();
    out["runs"] = trials.runs();
    for (const Difference& difference : decisive)
      out["deciding"].push_back(
          {{"what", difference.what}, {"first", difference.first}, {"second", difference.second}});
    host::write_out(out.dump(2) + "\n");
  } else {
    std::string text = fmt::format("{}: {}\n{}: {}\n\n", command.plans[0], shown(outcomes[0]),
                                   command.plans[1], shown(outcomes[1]));
    text += fmt::format("Of {} differences, {} decide{}:\n", all.size(), decisive.size(),
                        decisive.size() == 1 ? "s" : "");
    for (const Difference& difference : decisive)
      text += fmt::format("  {}: {} -> {}\n", difference.what, difference.first, difference.second);
    text += fmt::format("({} runs)\n", trials.runs());
    host::write_out(text);
  }
  return trials.interrupted() ? kInterrupted : kHolds;
}

}  // namespace ksim::sim
