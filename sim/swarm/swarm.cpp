#include "sim/swarm/swarm.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/hash.h"
#include "core/base/hooks.h"

namespace ksim::sim {
namespace {

constexpr uint64_t kJobsOfBlock = kRunsToRecheck + 1;
constexpr std::string_view kOutcomes[] = {"held", "violated", "simulator_fault", "died", "hung"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

SwarmJob swarm_job(uint64_t job) {
  const uint64_t block = job / kJobsOfBlock;
  const uint64_t within = job % kJobsOfBlock;
  if (within < kRunsToRecheck) return {block * kRunsToRecheck + within, false};
  return {block * kRunsToRecheck + mix64(block, 0x5eed) % kRunsToRecheck, true};
}

uint64_t swarm_jobs(uint64_t runs) { return runs / kRunsToRecheck * kJobsOfBlock + runs % kRunsToRecheck; }

// Of so many turns the favoured scenario has all but one.
constexpr uint64_t kTurns = 4;

uint64_t SwarmPlan::runs() const {
  constexpr uint64_t kMost = 1ULL << 48;
  const uint64_t last = last_seed.value_or(~0ULL);
  const uint64_t turns = favoured.empty() ? scenarios.size() : kTurns * (scenarios.size() - 1);
  const uint64_t more = std::min(last - first_seed, kMost / turns - 1);
  return (more + 1) * turns;
}

std::pair<size_t, uint64_t> SwarmPlan::turn(uint64_t number) const {
  if (favoured.empty()) return {number % scenarios.size(), number / scenarios.size()};
  const auto place =
      static_cast<size_t>(std::find(scenarios.begin(), scenarios.end(), favoured) - scenarios.begin());
  const uint64_t round = number / kTurns;
  if (number % kTurns != kTurns - 1) return {place, round * (kTurns - 1) + number % kTurns};
  const uint64_t others = scenarios.size() - 1;
  const uint64_t other = round % others;
  return {other < place ? other : other + 1, round / others};
}

std::string_view to_string(SwarmOutcome outcome) { return kOutcomes[static_cast<size_t>(outcome)]; }

// "R1 in orders-0: record 00ab was ..." -> "R1 in #: record # was ...". The name of a checker has its number,
// and a word that is one keeps it. Of what partition, group or client it was is no matter, whatever they are
// called.
std::string cause_of(const std::string& complaint) {
  constexpr std::string_view kIn = " in ";
  const size_t checker = std::min(complaint.find(' '), complaint.size());
  std::string out = complaint.substr(0, checker);
  size_t begin = checker;
  if (const size_t colon = complaint.find(": ", checker);
      colon != std::string::npos && complaint.compare(checker, kIn.size(), kIn) == 0 &&
      complaint.find(' ', checker + kIn.size()) > colon && is_digit(complaint[colon - 1])) {
    out.append(kIn).append("#");
    begin = colon;
  }
  for (size_t i = begin; i < complaint.size();) {
    if (!is_digit(complaint[i]) && !is_letter(complaint[i])) {
      out += complaint[i++];
      continue;
    }
    size_t end = i;
    bool number = false;
    while (end < complaint.size() && (is_digit(complaint[end]) || is_letter(complaint[end]))) {
      number = number || is_digit(complaint[end]);
      ++end;
    }
    out += number ? "#" : complaint.substr(i, end - i);
    i = end;
  }
  // "[#,#,#]" and "[#,#]" are one list of numbers.
  for (size_t at = out.find("#,#"); at != std::string::npos; at = out.find("#,#")) out.erase(at, 2);
  return out;
}

size_t Swarm::cause_number(const std::string& complaint) {
  const std::string cause = cause_of(complaint);
  const auto known = std::find(causes_.begin(), causes_.end(), cause);
  if (known != causes_.end()) return static_cast<size_t>(known - causes_.begin());
  causes_.push_back(cause);
  return causes_.size() - 1;
}

void Swarm::fail_run(uint64_t number, std::string complaint, std::string recording) {
  const size_t cause = cause_number(complaint);
  failures_[number] = {cause, std::move(complaint), std::move(recording)};
}

Lineage Swarm::lineage_of(uint64_t number) {
  if (!plan_.guided) return {plan_.seed_of(number), {}};
  const auto known = lineages_.find(number);
  if (known != lineages_.end()) return known->second;
  return lineages_[number] = guide_.next(plan_.turn_of(number), number, plan_.seed_of(number));
}

void Swarm::add(uint64_t number, const SeedResult& result, std::string recording,
                std::optional<SwarmTimes> times) {
  if (has(number)) return;
  SwarmRun run;
  run.lineage = lineage_of(number);
  if (plan_.guided) run.kept = guide_.learn(plan_.turn_of(number), run.lineage, result);
  run.digest = result.digest;
  run.outcome = result.simulator_fault ? SwarmOutcome::simulator_fault
                : result.holds         ? SwarmOutcome::held
                                       : SwarmOutcome::violated;
  run.events = result.events;
  run.virtual_ms = result.virtual_ns / 1'000'000;
  run.counts = result.counts;
  run.times = times;
  runs_[number] = run;
  ++outcomes_[static_cast<size_t>(run.outcome)];
  events_ += run.events;
  virtual_ms_ += run.virtual_ms;
  cover(plan_.scenario_of(number), result);
  if (run.outcome != SwarmOutcome::held) fail_run(number, result.complaint, std::move(recording));
  compare(number);
}

void Swarm::add_dead(uint64_t number, SwarmOutcome outcome, std::string complaint) {
  if (has(number)) return;
  runs_[number].lineage = lineage_of(number);
  runs_[number].outcome = outcome;
  ++outcomes_[static_cast<size_t>(outcome)];
  fail_run(number, std::move(complaint), {});
  compare(number);
}

void Swarm::add_recheck(uint64_t number, uint64_t digest) {
  rechecks_[number] = {digest, {}};
  compare(number);
}

void Swarm::add_dead_recheck(uint64_t number, SwarmOutcome outcome, const std::string& complaint) {
  rechecks_[number] = {std::nullopt, fmt::format("{}: {}", to_string(outcome), complaint)};
  compare(number);
}

bool Swarm::ended(uint64_t number) const {
  const auto run = runs_.find(number);
  return run != runs_.end() && run->second.outcome != SwarmOutcome::died &&
         run->second.outcome != SwarmOutcome::hung;
}

// What does not end has no digest: there is only that it did not.
void Swarm::compare(uint64_t number) {
  const auto first = runs_.find(number);
  const auto again = rechecks_.find(number);
  if (first == runs_.end() || again == rechecks_.end()) return;
  if (ended(number) && !again->second.digest) {
    differences_.emplace(number, "the second run " + again->second.death);
  } else if (!ended(number) && again->second.digest) {
    const std::string& complaint = failures_.at(number).complaint;
    differences_.emplace(
        number, fmt::format("only the first run {}: {}", to_string(first->second.outcome), complaint));
  } else if (ended(number) && *again->second.digest != first->second.digest) {
    differences_.emplace(number, "");
  }
}

void Swarm::cover(const std::string& scenario, const SeedResult& result) {
  std::vector<MarkCount>& marks = marks_[scenario];
  marks.resize(std::max(marks.size(), result.marks.size()));
  for (const std::string& kind : result.fault_kinds) ++kinds_[{scenario, kind}];
  for (const std::string& kind : result.planned) ++planned_[{scenario, kind}];
  for (size_t mark = 0; mark < result.marks.size(); ++mark) {
    if (result.marks[mark] == 0) continue;
    ++marks[mark].runs;
    marks[mark].reached += result.marks[mark];
    for (const std::string& kind : result.fault_kinds) ++pairs_[{kind, mark}];
  }
}

uint64_t Swarm::smallest(size_t cause) const {
  uint64_t best = 0;
  uint64_t fewest = ~0ULL;
  for (const auto& [number, failure] : failures_) {
    const uint64_t events = runs_.at(number).events;
    if (failure.cause != cause || events >= fewest) continue;
    best = number;
    fewest = events;
  }
  return best;
}

int Swarm::exit_code() const {
  if (!differences_.empty() || count(SwarmOutcome::simulator_fault) > 0) return 3;
  return failures_.empty() && dud_faults().empty() ? 0 : 1;
}

uint64_t Swarm::mark_runs(const std::string& scenario, size_t mark) const {
  uint64_t sum = 0;
  for (const auto& [name, marks] : marks_) {
    if ((scenario.empty() || name == scenario) && mark < marks.size()) sum += marks[mark].runs;
  }
  return sum;
}

uint64_t Swarm::runs_in(const std::map<std::pair<std::string, std::string>, uint64_t>& kinds,
                        const std::string& scenario, const std::string& kind) {
  uint64_t sum = 0;
  for (const auto& [key, runs] : kinds) {
    if ((scenario.empty() || key.first == scenario) && key.second == kind) sum += runs;
  }
  return sum;
}

uint64_t Swarm::fault_runs(const std::string& scenario, const std::string& kind) const {
  return runs_in(kinds_, scenario, kind);
}

uint64_t Swarm::planned_runs(const std::string& scenario, const std::string& kind) const {
  return runs_in(planned_, scenario, kind);
}

std::map<std::string, uint64_t> Swarm::without_effect() const {
  std::map<std::string, uint64_t> kinds;
  for (const auto& [key, runs] : planned_) {
    if (fault_runs("", key.second) == 0) kinds[key.second] += runs;
  }
  return kinds;
}

std::map<std::string, uint64_t> Swarm::dud_faults() const {
  std::map<std::string, uint64_t> kinds = without_effect();
  std::erase_if(kinds, [](const auto& kind) { return kind.second < kPlansToStrike; });
  return kinds;
}

uint64_t Swarm::pair_runs(const std::string& kind, size_t mark) const {
  const auto found = pairs_.find({kind, mark});
  return found == pairs_.end() ? 0 : found->second;
}

}  // namespace ksim::sim
