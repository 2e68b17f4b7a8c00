#pragma once
// A swarm: many scenarios, seed after seed, for as long as it is given. What it has run and found is one
// sqlite file (schema.sql), from which it goes on after an interruption.
//
// Jobs are what workers are handed: runs in the order of their numbers, in which the scenarios take turns,
// and after each fifty of them one of these a second time.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "sim/campaign/campaign.h"
#include "sim/swarm/guide.h"

namespace ksim::sim {

// ---- which runs there are ----

struct SwarmJob {
  uint64_t number = 0;  // of the run
  bool recheck = false;
};
constexpr uint64_t kRunsToRecheck = 50;  // one of so many is run again
constexpr uint64_t kPlansToStrike = 50;  // of so many plans with a kind of fault it should take effect in one

SwarmJob swarm_job(uint64_t job);
// Jobs for so many runs.
uint64_t swarm_jobs(uint64_t runs);

struct SwarmPlan {
  std::vector<std::string> scenarios;  // names or paths, no two equal
  std::vector<std::string> texts;      // of each scenario, as a hash: its file may be edited
  uint64_t first_seed = 1;
  std::optional<uint64_t> last_seed;  // none: no end
  std::vector<std::string> settings;  // "key=value"
  std::string build;                  // what identifies the program
  bool guided = false;                // runs after the first ones are mutations of what brought something new
  std::string favoured;               // of the scenarios: it has three turns of four; empty: none

  // Whose turn run `number` is, by its place, and with which seed.
  size_t turn_of(uint64_t number) const { return turn(number).first; }
  const std::string& scenario_of(uint64_t number) const { return scenarios[turn_of(number)]; }
  uint64_t seed_of(uint64_t number) const { return first_seed + turn(number).second; }
  // No more than this many runs.
  uint64_t runs() const;
  bool operator==(const SwarmPlan&) const = default;

 private:
  // Place and round.
  std::pair<size_t, uint64_t> turn(uint64_t number) const;
};

// ---- what came of them ----

enum class SwarmOutcome : uint8_t { held, violated, simulator_fault, died, hung };
std::string_view to_string(SwarmOutcome outcome);

// Real times of a run. Nothing depends on them and nothing is compared by them.
struct SwarmTimes {
  uint64_t real_us = 0;   // how long its worker took,
  uint64_t cpu_us = 0;    // and how much of that it had a processor
  uint64_t ended_ms = 0;  // since the campaign began, the time between its sessions left out
};
struct SwarmRun {
  Lineage lineage;
  bool kept = false;  // it brought something new
  uint64_t digest = 0;
  SwarmOutcome outcome = SwarmOutcome::held;
  uint64_t events = 0;
  uint64_t virtual_ms = 0;
  RunCounts counts;
  std::optional<SwarmTimes> times;  // none: its worker did not come to its end
};
// A run that was done again.
struct SwarmRepetition {
  std::optional<uint64_t> digest;  // none: it did not come to its end
  std::string death;               // how it did not
};
struct SwarmFailure {
  size_t cause = 0;
  std::string complaint;
  std::string recording;  // empty: there is none
};

// The words of a complaint with its numbers taken out: runs that fail alike have the same.
std::string cause_of(const std::string& complaint);

class Swarm {
 public:
  explicit Swarm(SwarmPlan plan) : plan_(std::move(plan)) {}
  // Errors: INVALID_REQUEST if the bytes are not those of a swarm's file.
  static Result<Swarm> load(const std::string& image);
  Result<std::string> image() const;

  const SwarmPlan& plan() const { return plan_; }
  void continue_to(std::optional<uint64_t> last_seed) { plan_.last_seed = last_seed; }
  bool has(uint64_t number) const { return runs_.contains(number); }
  bool rechecked(uint64_t number) const { return rechecks_.contains(number); }

  // What run `number` is. Asked again it says the same, also before its result is known.
  Lineage lineage_of(uint64_t number);

  void add(uint64_t number, const SeedResult& result, std::string recording,
           std::optional<SwarmTimes> times = std::nullopt);
  void add_dead(uint64_t number, SwarmOutcome outcome, std::string complaint);
  // The run of that number has been repeated, perhaps before its first time is known.
  void add_recheck(uint64_t number, uint64_t digest);
  void add_dead_recheck(uint64_t number, SwarmOutcome outcome, const std::string& complaint);
  // It died or hung so, and did not when it was done again alone.
  void add_died_once(uint64_t number, std::string how) { died_once_[number] = std::move(how); }
  // Why the repetition differed, found later.
  void explain(uint64_t number, std::string difference) { differences_[number] = std::move(difference); }

  uint64_t real_ms = 0;  // of all sessions

  uint64_t runs() const { return runs_.size(); }
  size_t kept() const { return guide_.kept(); }
  uint64_t rechecks() const { return rechecks_.size(); }
  uint64_t count(SwarmOutcome outcome) const { return outcomes_[static_cast<size_t>(outcome)]; }
  uint64_t failures() const { return failures_.size(); }
  uint64_t events() const { return events_; }
  uint64_t virtual_ms() const { return virtual_ms_; }
  const std::map<uint64_t, SwarmFailure>& failed() const { return failures_; }
  const std::vector<std::string>& causes() const { return causes_; }
  // Of runs whose repetition differed.
  const std::map<uint64_t, std::string>& differences() const { return differences_; }
  const std::map<uint64_t, std::string>& died_once() const { return died_once_; }
  // The failed run of a cause that was shortest.
  uint64_t smallest(size_t cause) const;
  const SwarmRun& run(uint64_t number) const { return runs_.at(number); }
  // It is known what came of it: its process neither died nor hung.
  bool ended(uint64_t number) const;
  int exit_code() const;

  // ---- coverage ----
  // Of one scenario, or with "" of all.
  uint64_t mark_runs(const std::string& scenario, size_t mark) const;
  uint64_t fault_runs(const std::string& scenario, const std::string& kind) const;
  uint64_t planned_runs(const std::string& scenario, const std::string& kind) const;
  uint64_t pair_runs(const std::string& kind, size_t mark) const;
  // Kinds of fault that were planned and never took effect, and in how many runs they were.
  std::map<std::string, uint64_t> without_effect() const;
  // Those of them that are no accident any more: such a campaign has not tested what it says.
  std::map<std::string, uint64_t> dud_faults() const;

 private:
  struct MarkCount {
    uint64_t runs = 0;
    uint64_t reached = 0;
  };
  size_t cause_number(const std::string& complaint);
  void fail_run(uint64_t number, std::string complaint, std::string recording);
  void cover(const std::string& scenario, const SeedResult& result);
  void compare(uint64_t number);
  static uint64_t runs_in(const std::map<std::pair<std::string, std::string>, uint64_t>& kinds,
                          const std::string& scenario, const std::string& kind);
  // ---- store.cpp ----
  bool write_runs(class Database& database) const;
  bool write_coverage(Database& database) const;
  bool write_guide(Database& database) const;
  Result<void> load_runs(Database& database);
  Result<void> load_failures(Database& database);
  Result<void> load_coverage(Database& database);
  Result<void> load_guide(Database& database);
  Result<void> load_times(Database& database);

  SwarmPlan plan_;
  Guide guide_;
  std::map<uint64_t, Lineage> lineages_;  // of guided runs, where they are not their fresh seeds
  std::map<uint64_t, SwarmRun> runs_;
  std::map<uint64_t, SwarmFailure> failures_;
  std::map<uint64_t, SwarmRepetition> rechecks_;
  std::map<uint64_t, std::string> differences_;
  std::map<uint64_t, std::string> died_once_;
  std::vector<std::string> causes_;
  std::map<std::string, std::vector<MarkCount>> marks_;              // by scenario
  std::map<std::pair<std::string, std::string>, uint64_t> kinds_;    // (scenario, kind) that took effect,
  std::map<std::pair<std::string, std::string>, uint64_t> planned_;  // or was planned
  std::map<std::pair<std::string, size_t>, uint64_t> pairs_;         // (kind, mark)
  uint64_t outcomes_[5] = {};
  uint64_t events_ = 0;
  uint64_t virtual_ms_ = 0;
};

}  // namespace ksim::sim
