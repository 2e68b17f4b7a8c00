// ksim bisect: one run under two configurations, and which differences decide whether a promise is violated,
// records are lost or a partition waits.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include <fmt/format.h>

#include "sim/cli/outcome.h"
#include "sim/cli/trials.h"
#include "sim/host/scramble.h"
#include "sim/host/terminal.h"
#include "sim/shrink/differences.h"

namespace ksim::sim {
namespace {

Result<RunOutcome> recorded_outcome(const Plan& plan) {
  RunMemory memory;
  RunRequest request;
  request.record = true;
  const RunSummary summary = run_guarded(plan, request, memory);
  if (!summary.simulator_fault.empty()) return fail(ErrorCode::UNKNOWN_SERVER_ERROR, summary.simulator_fault);
  return outcome_of(summary);
}

}  // namespace

int run_bisect(const host::BisectCommand& command) {
  const Result<std::vector<Concern>> concerns = parse_concerns(command.of, command.outage);
  if (!concerns.ok()) return refuse(concerns.error().message);
  std::vector<Plan> plans;
  for (const std::string& file : command.plans) {
    host::RunChoice choice;
    choice.plan_file = file;
    Result<Plan> plan = chosen_plan(choice);
    if (!plan.ok()) return refuse(plan.error().message);
    plans.push_back(std::move(plan).value());
  }
  host::keep_memory();
  std::vector<RunOutcome> outcomes;
  for (const Plan& plan : plans) {
    const Result<RunOutcome> outcome = recorded_outcome(plan);
    if (!outcome.ok()) {
      host::write_error("ksim: the simulator is at fault: " + outcome.error().message + "\n");
      return kSimulatorFault;
    }
    outcomes.push_back(*outcome);
  }
  const std::vector<Difference> all = differences(plans[0], plans[1]);
  if (all.empty()) return refuse("the two plans are the same");
  const auto concern = std::find_if(concerns->begin(), concerns->end(), [&](const Concern& one) {
    return words_of(outcomes[0], one) != words_of(outcomes[1], one);
  });
  if (concern == concerns->end()) {
    std::vector<std::string> alike;
    for (const Concern& one : *concerns) {
      const std::string words = words_of(outcomes[0], one);
      alike.push_back(fmt::format("{}: {}", to_string(one.kind), words.empty() ? "none" : words));
    }
    return refuse(fmt::format("both plans end alike, so nothing decides: {}", fmt::join(alike, "; ")));
  }
  const std::string first = in_numbers(outcomes[0], *concern), second = in_numbers(outcomes[1], *concern);
  const std::string wanted = words_of(outcomes[1], *concern);
  RunRequest request;
  // Nothing but the culprit of a loss needs what is recorded.
  request.record = concern->kind == OutcomeKind::loss;
  Trials trials(command.jobs);
  const std::vector<Difference> decisive = deciding(plans[0], all, [&](const std::vector<Plan>& attempts) {
    std::vector<const Plan*> pointers;
    for (const Plan& plan : attempts) pointers.push_back(&plan);
    return trials.first_with(pointers, request, [&](const RunSummary& attempt) {
      return ends_so(outcome_of(attempt), *concern, wanted);
    });
  });
  if (command.json) {
    nlohmann::ordered_json out{{"of", to_string(concern->kind)}, {"first", first}, {"second", second}};
    out["differences"] = all.size();
    out["runs"] = trials.runs();
    for (const Difference& difference : decisive)
      out["deciding"].push_back(
          {{"what", difference.what}, {"first", difference.first}, {"second", difference.second}});
    host::write_out(out.dump(2) + "\n");
  } else {
    std::string text = fmt::format("compared: {}\n{}: {}\n{}: {}\n\n", to_string(concern->kind),
                                   command.plans[0], first, command.plans[1], second);
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
