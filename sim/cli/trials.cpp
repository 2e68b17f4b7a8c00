#include "sim/cli/trials.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "sim/host/farm.h"
#include "sim/host/scramble.h"
#include "sim/host/terminal.h"
#include "sim/ping/ping_run.h"
#include "sim/runner/check_plan.h"
#include "sim/swarm/swarm.h"

namespace ksim::sim {

Result<Plan> chosen_plan(const host::RunChoice& choice) {
  host::ScenarioCommand command;
  command.scenario = choice.scenario;
  command.plan_file = choice.plan_file;
  command.seed = choice.seed;
  command.settings = choice.settings;
  TRY_ASSIGN(const Source source, load_source(command));
  TRY_ASSIGN(const Lineage lineage, typed_lineage(choice.seed));
  return source.plan(lineage);
}

std::vector<std::string> causes_of(const RunSummary& summary) {
  std::vector<std::string> causes;
  for (const ViolationRow& violation : summary.violations)
    causes.push_back(cause_of(complaint_of(violation)));
  return causes;
}

Trials::Trials(size_t jobs) : jobs_(jobs == 0 ? host::processors() : jobs) {}

std::optional<size_t> Trials::first_with(const std::vector<const Plan*>& plans, const RunRequest& request,
                                         const std::function<bool(const RunSummary&)>& wanted) {
  std::vector<size_t> runnable;
  for (size_t i = 0; i < plans.size(); ++i) {
    if (!what_is_wrong(*plans[i], plans[i]->scenario, plans[i]->scenario != kPingScenario))
      runnable.push_back(i);
  }
  std::vector<std::optional<bool>> has(runnable.size());
  // The first one that has it is certain once all before it are known.
  const auto first = [&]() -> std::optional<size_t> {
    for (size_t i = 0; i < has.size() && has[i]; ++i) {
      if (*has[i]) return runnable[i];
    }
    return std::nullopt;
  };
  std::unique_ptr<RunMemory> memory;
  host::FarmOptions farm;
  farm.count = runnable.size();
  farm.workers = std::min<size_t>(jobs_, std::max<size_t>(runnable.size(), 1));
  farm.batch = 1;
  farm.patience_ns = kRunPatienceNs;
  farm.begin = [&] {
    host::keep_memory();
    memory = std::make_unique<RunMemory>();
  };
  farm.work = [&](uint64_t job, Bytes) {
    const RunSummary summary = run_guarded(*plans[runnable[job]], request, *memory);
    return ByteBuffer{static_cast<uint8_t>(summary.simulator_fault.empty() && wanted(summary) ? 1 : 0)};
  };
  farm.done = [&](uint64_t job, Bytes words) {
    has[job] = !words.empty() && words[0] == 1;
    ++runs_;
    return !first();
  };
  farm.died = [&](uint64_t job, const host::Death&) {
    has[job] = false;
    ++runs_;
    return true;
  };
  if (farm.count > 0 && !host::run_farm(farm)) interrupted_ = true;
  return first();
}

std::vector<std::optional<std::string>> Trials::judged(
    const std::vector<Plan>& plans, const std::function<std::string(const RunSummary&)>& judge) {
  std::vector<std::optional<std::string>> words(plans.size());
  std::vector<size_t> runnable;
  for (size_t i = 0; i < plans.size(); ++i) {
    if (!what_is_wrong(plans[i], plans[i].scenario, plans[i].scenario != kPingScenario))
      runnable.push_back(i);
  }
  if (runnable.empty()) return words;
  std::unique_ptr<RunMemory> memory;
  host::FarmOptions farm;
  farm.count = runnable.size();
  farm.workers = std::min<size_t>(jobs_, runnable.size());
  farm.batch = 1;
  farm.patience_ns = kRunPatienceNs;
  farm.begin = [&] {
    host::keep_memory();
    memory = std::make_unique<RunMemory>();
  };
  farm.work = [&](uint64_t job, Bytes) {
    RunRequest request;
    request.record = true;
    const std::string made = judge(run_guarded(plans[runnable[job]], request, *memory));
    return ByteBuffer(made.begin(), made.end());
  };
  farm.done = [&](uint64_t job, Bytes made) {
    words[runnable[job]] = std::string(made.begin(), made.end());
    ++runs_;
    return true;
  };
  farm.died = [&](uint64_t, const host::Death&) {
    ++runs_;
    return true;
  };
  if (!host::run_farm(farm)) interrupted_ = true;
  return words;
}

}  // namespace ksim::sim
