// ksim shrink: the plan of a run that violates a promise, loses records or lets a partition wait, as small as
// it goes.

#include "sim/shrink/shrink.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "sim/cli/outcome.h"
#include "sim/cli/trials.h"
#include "sim/host/files.h"
#include "sim/host/scramble.h"
#include "sim/host/terminal.h"
#include "sim/plan/words.h"

namespace ksim::sim {
namespace {

// What of a plan takes a reader's time.
std::string size_of(const Plan& plan) {
  const size_t clients =
      plan.producers.size() + plan.consumers.size() + plan.raw_drivers.size() + plan.admins.size();
  size_t settings = plan.cluster.config.size();
  for (const TopicPlan& topic : plan.topics) settings += topic.config.size();
  for (const ProducerPlan& producer : plan.producers) settings += producer.config.size();
  for (const ConsumerPlan& consumer : plan.consumers) settings += consumer.config.size();
  const auto counted = [](size_t count, const char* word) {
    return fmt::format("{} {}{}, ", count, word, count == 1 ? "" : "s");
  };
  return counted(plan.faults.size(), "fault") + counted(clients, "client") +
         counted(plan.cluster.nodes.size(), "node") + counted(plan.topics.size(), "topic") +
         counted(settings, "setting") + format_duration(plan.duration);
}

// Which marks were reached when, and which faults began that have a time.
Sighting watch(const Plan& plan) {
  Sighting seen;
  std::map<std::string_view, uint32_t> counts;
  RunRequest request;
  request.on_mark = [&](std::string_view mark, const std::string& node, Instant at) {
    seen.marks.push_back({at, node, mark, ++counts[mark]});
  };
  RunMemory memory;
  const RunSummary summary = run_guarded(plan, request, memory);
  for (size_t i = 0; i < plan.faults.size(); ++i) {
    const FaultPlan& fault = plan.faults[i];
    if (!fault.trigger.at) continue;
    const std::string cause = "at " + format_duration(*fault.trigger.at);
    for (const FaultRow& row : summary.faults) {
      if (row.kind != fault.kind || row.cause != cause || !row.took_effect) continue;
      FaultSeen struck{i, row.began, {}};
      for (size_t at = 0; at < row.target.size();) {
        const size_t end = std::min(row.target.find(", ", at), row.target.size());
        struck.nodes.push_back(row.target.substr(at, end - at));
        at = end + 2;
      }
      seen.faults.push_back(std::move(struck));
      break;
    }
  }
  return seen;
}

std::string nothing_to_shrink(const RunOutcome& outcome, const std::vector<Concern>& concerns,
                              const host::ShrinkCommand& command) {
  if (command.of && !concerns.front().checker.empty() && !outcome.violations.empty()) {
    std::vector<std::string> cried;
    for (const RunOutcome::Violated& violated : outcome.violations) {
      if (std::find(cried.begin(), cried.end(), violated.checker) == cried.end())
        cried.push_back(violated.checker);
    }
    return fmt::format("--of {}: this run violates {}", *command.of, fmt::join(cried, ", "));
  }
  std::string what;
  for (const Concern& concern : concerns) {
    const std::string word =
        concern.kind == OutcomeKind::violation ? "violates nothing"
        : concern.kind == OutcomeKind::loss
            ? "loses no acknowledged record"
            : fmt::format("could write every partition again within {}", format_duration(concern.outage));
    what += (what.empty() ? "" : ", ") + word;
  }
  return fmt::format("this run {}: there is nothing to shrink", what);
}

}  // namespace

int run_shrink(const host::ShrinkCommand& command) {
  if (command.out) {
    if (const auto why = host::why_not_replaceable(*command.out, "")) return refuse("--out " + *why);
  }
  const Result<std::vector<Concern>> concerns = parse_concerns(command.of, command.outage);
  if (!concerns.ok()) return refuse(concerns.error().message);
  const Result<Plan> plan = chosen_plan(command.run);
  if (!plan.ok()) return refuse(plan.error().message);
  host::keep_memory();
  RunMemory memory;
  RunRequest request;
  request.record = true;
  const RunSummary summary = run_guarded(*plan, request, memory);
  if (!summary.simulator_fault.empty()) {
    report_fault(summary);
    return kSimulatorFault;
  }
  const RunOutcome outcome = outcome_of(summary);
  const auto concern = std::find_if(concerns->begin(), concerns->end(),
                                    [&](const Concern& one) { return !words_of(outcome, one).empty(); });
  if (concern == concerns->end()) return refuse(nothing_to_shrink(outcome, *concerns, command));
  const std::string cause = words_of(outcome, *concern);
  host::write_error(fmt::format("what must go on: {} (--of {})\nfrom {}\n", cause, to_string(concern->kind),
                                size_of(*plan)));

  // Nothing but the culprit of a loss needs what is recorded.
  request.record = concern->kind == OutcomeKind::loss;
  const int64_t began = host::real_ns();
  Trials trials(command.jobs);
  uint64_t steps = 0;
  ShrinkOptions options;
  options.enough = [&] {
    return trials.interrupted() || (command.time_ns && host::real_ns() - began > *command.time_ns);
  };
  options.first_that_fails = [&](const std::vector<Attempt>& attempts) {
    std::vector<const Plan*> plans;
    for (const Attempt& attempt : attempts) plans.push_back(&attempt.plan);
    return trials.first_with(plans, request, [&](const RunSummary& attempt) {
      return ends_so(outcome_of(attempt), *concern, cause);
    });
  };
  options.adopted = [&](const std::string& what) {
    ++steps;
    host::write_error(fmt::format("  {:>5} runs  {}\n", trials.runs(), what));
  };
  options.watch = watch;
  const Plan small = shrink(*plan, options);

  std::string text = fmt::format(
      "# {}\n# Shrunk from seed {} of {}: {} before; {} now.\n# {} runs in {:.0f} s, {} steps{}.\n", cause,
      plan->seed, plan->scenario, size_of(*plan), size_of(small), trials.runs(),
      static_cast<double>(host::real_ns() - began) / 1e9, steps, trials.interrupted() ? ", interrupted" : "");
  text += print_plan(small);
  host::write_error(fmt::format("to {}\n", size_of(small)));
  if (command.out) {
    const Result<void> written = host::write_whole(*command.out, text);
    if (!written.ok()) return refuse("--out " + written.error().message);
    host::write_error(fmt::format("repeat: scripts/ksim scenario --plan {}\n", *command.out));
  } else {
    host::write_out(text);
  }
  return trials.interrupted() ? kInterrupted : kHolds;
}

}  // namespace ksim::sim
