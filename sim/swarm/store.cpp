// A swarm as the bytes of an sqlite file, and back.

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "core/base/hooks.h"
#include "sim/history/sqlite.h"
#include "sim/swarm/schema_sql.h"
#include "sim/swarm/swarm.h"

namespace ksim::sim {
namespace {

int64_t number(uint64_t value) { return static_cast<int64_t>(value); }

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::optional<uint64_t> parse(const std::string& text, int base) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<size_t> mark_named(const std::string& name) {
  for (size_t mark = 0; mark < kMarkCount; ++mark) {
    if (mark_name(static_cast<Mark>(mark)) == name) return mark;
  }
  return std::nullopt;  // a mark of another build
}

std::optional<SwarmOutcome> outcome_named(const std::string& name) {
  for (const SwarmOutcome outcome : {SwarmOutcome::held, SwarmOutcome::violated,
                                     SwarmOutcome::simulator_fault, SwarmOutcome::died, SwarmOutcome::hung}) {
    if (to_string(outcome) == name) return outcome;
  }
  return std::nullopt;
}

Failure<Error> damaged(const std::string& what) {
  return fail(ErrorCode::INVALID_REQUEST, "is no file of a swarm: " + what);
}

SwarmPlan plan_of(const std::map<std::string, std::string>& values) {
  const auto value = [&](const char* name) {
    const auto found = values.find(name);
    return found == values.end() ? std::string() : found->second;
  };
  SwarmPlan plan;
  plan.scenarios = lines_of(value("scenarios"));
  plan.first_seed = parse(value("first_seed"), 10).value_or(1);
  plan.last_seed = parse(value("last_seed"), 10);
  plan.settings = lines_of(value("settings"));
  plan.build = value("build");
  plan.guided = value("guided") == "1";
  plan.favoured = value("favoured");
  return plan;
}

}  // namespace

Result<std::string> Swarm::image() const {
  TRY_ASSIGN(Database database, Database::create());
  TRY(database.run(std::string(kSwarmSql)));
  TRY(database.run("BEGIN"));
  bool failed = false;
  {
    Insert rows(database, "swarm", 2);
    const auto put = [&](std::string_view name, const std::string& value) {
      rows.text(name).text(value).row();
    };
    put("scenarios", joined(plan_.scenarios));
    put("first_seed", std::to_string(plan_.first_seed));
    if (plan_.last_seed) put("last_seed", std::to_string(*plan_.last_seed));
    put("settings", joined(plan_.settings));
    put("build", plan_.build);
    if (plan_.guided) put("guided", "1");
    if (!plan_.favoured.empty()) put("favoured", plan_.favoured);
    put("real_ms", std::to_string(real_ms));
    failed = failed || rows.failed();
  }
  {
    Insert rows(database, "run", 16);
    for (const auto& [n, run] : runs_) {
      const RunCounts& c = run.counts;
      rows.number(number(n)).text(plan_.scenario_of(n)).text(to_string(run.lineage));
      rows.text(to_string(run.outcome)).text(fmt::format("{:016x}", run.digest));
      for (const uint64_t value : {run.events, run.virtual_ms, c.acknowledged, c.lost, c.permitted, c.faults,
                                   c.elections, c.quorum_elections, c.truncations, c.isr_changes}) {
        rows.number(number(value));
      }
      rows.number(run.kept ? 1 : 0).row();
    }
    failed = failed || rows.failed();
  }
  {
    Insert rows(database, "failure", 4);
    for (const auto& [n, failure] : failures_) {
      rows.number(number(n)).number(number(failure.cause)).text(failure.complaint);
      rows.text_or_null(failure.recording).row();
    }
    failed = failed || rows.failed();
  }
  {
    Insert rows(database, "recheck", 3);
    for (const auto& [n, digest] : rechecks_) {
      rows.number(number(n)).text(fmt::format("{:016x}", digest));
      const auto differs = differences_.find(n);
      if (differs == differences_.end()) {
        rows.text_or_null({});
      } else {
        rows.text(differs->second);
      }
      rows.row();
    }
    failed = failed || rows.failed();
  }
  {
    Insert marks(database, "mark", 4);
    for (const auto& [scenario, counts] : marks_) {
      for (size_t mark = 0; mark < counts.size() && mark < kMarkCount; ++mark) {
        marks.text(scenario).text(mark_name(static_cast<Mark>(mark)));
        marks.number(number(counts[mark].runs)).number(number(counts[mark].reached)).row();
      }
    }
    Insert kinds(database, "fault_kind", 3);
    for (const auto& [key, runs] : kinds_) kinds.text(key.first).text(key.second).number(number(runs)).row();
    Insert pairs(database, "fault_mark", 3);
    for (const auto& [key, runs] : pairs_) {
      pairs.text(key.first).text(mark_name(static_cast<Mark>(key.second))).number(number(runs)).row();
    }
    failed = failed || marks.failed() || kinds.failed() || pairs.failed();
  }
  {
    Insert rows(database, "run_time", 4);
    for (const auto& [n, run] : runs_) {
      if (!run.times) continue;
      for (const uint64_t value : {n, run.times->real_us, run.times->cpu_us, run.times->ended_ms})
        rows.number(number(value));
      rows.row();
    }
    failed = failed || rows.failed();
  }
  if (failed) return fail(ErrorCode::UNKNOWN_SERVER_ERROR, "sqlite: a row could not be written");
  TRY(database.run("COMMIT"));
  return database.image();
}

Result<Swarm> Swarm::load(const std::string& image) {
  TRY_ASSIGN(Database database, Database::open(image));
  std::map<std::string, std::string> values;
  Query query(database, "SELECT name, value FROM swarm");
  while (query.next()) values[query.text(0)] = query.text(1);
  TRY(query.end());
  SwarmPlan plan = plan_of(values);
  if (plan.scenarios.empty()) return damaged("it names no scenarios");
  if (!plan.favoured.empty() &&
      (plan.scenarios.size() < 2 ||
       std::find(plan.scenarios.begin(), plan.scenarios.end(), plan.favoured) == plan.scenarios.end()))
    return damaged("it favours a scenario that is not one of several");
  Swarm swarm(std::move(plan));
  swarm.real_ms = parse(values["real_ms"], 10).value_or(0);
  TRY(swarm.load_rows(database));
  return swarm;
}

Result<void> Swarm::load_rows(Database& database) {
  Query runs(database,
             "SELECT number, outcome, digest, events, virtual_ms, acknowledged, lost, permitted, faults, "
             "elections, quorum_elections, truncations, isr_changes, seed, kept FROM run");
  while (runs.next()) {
    const auto outcome = outcome_named(runs.text(1));
    const auto digest = parse(runs.text(2), 16);
    const auto lineage = parse_lineage(runs.text(13));
    if (!outcome || !digest || !lineage) return damaged(fmt::format("run {} has no outcome", runs.number(0)));
    const auto n = static_cast<uint64_t>(runs.number(0));
    SwarmRun& run = runs_[n];
    run.outcome = *outcome;
    run.lineage = *lineage;
    run.kept = runs.number(14) != 0;
    if (plan_.guided) lineages_[n] = run.lineage;
    if (run.kept) guide_.keep(plan_.turn_of(n), run.lineage);
    run.digest = *digest;
    RunCounts& c = run.counts;
    int column = 3;
    for (uint64_t* value : {&run.events, &run.virtual_ms, &c.acknowledged, &c.lost, &c.permitted, &c.faults,
                            &c.elections, &c.quorum_elections, &c.truncations, &c.isr_changes}) {
      *value = static_cast<uint64_t>(runs.number(column++));
    }
    ++outcomes_[static_cast<size_t>(run.outcome)];
    events_ += run.events;
    virtual_ms_ += run.virtual_ms;
  }
  TRY(runs.end());
  Query failures(database, "SELECT number, complaint, recording FROM failure ORDER BY cause, number");
  while (failures.next()) {
    const auto n = static_cast<uint64_t>(failures.number(0));
    if (!has(n)) return damaged(fmt::format("it has no run {}, which failed", n));
    fail_run(n, failures.text(1), failures.text(2));
  }
  TRY(failures.end());
  Query rechecks(database, "SELECT number, digest, difference FROM recheck");
  while (rechecks.next()) {
    const auto n = static_cast<uint64_t>(rechecks.number(0));
    rechecks_[n] = parse(rechecks.text(1), 16).value_or(0);
    if (!rechecks.is_null(2)) differences_[n] = rechecks.text(2);
  }
  TRY(rechecks.end());
  Query marks(database, "SELECT scenario, mark, runs, reached FROM mark");
  while (marks.next()) {
    const auto mark = mark_named(marks.text(1));
    if (!mark) continue;
    std::vector<MarkCount>& counts = marks_[marks.text(0)];
    counts.resize(std::max(counts.size(), *mark + 1));
    counts[*mark] = {static_cast<uint64_t>(marks.number(2)), static_cast<uint64_t>(marks.number(3))};
  }
  TRY(marks.end());
  Query kinds(database, "SELECT scenario, kind, runs FROM fault_kind");
  while (kinds.next()) kinds_[{kinds.text(0), kinds.text(1)}] = static_cast<uint64_t>(kinds.number(2));
  TRY(kinds.end());
  Query pairs(database, "SELECT kind, mark, runs FROM fault_mark");
  while (pairs.next()) {
    if (const auto mark = mark_named(pairs.text(1)))
      pairs_[{pairs.text(0), *mark}] = static_cast<uint64_t>(pairs.number(2));
  }
  TRY(pairs.end());
  Query tables(database, "SELECT count(*) FROM sqlite_master WHERE name = 'run_time'");
  bool timed = false;  // files of earlier builds are not
  while (tables.next()) timed = tables.number(0) > 0;
  TRY(tables.end());
  if (!timed) return {};
  Query times(database, "SELECT number, real_us, cpu_us, ended_ms FROM run_time");
  while (times.next()) {
    const auto value = [&](int column) { return static_cast<uint64_t>(times.number(column)); };
    const auto run = runs_.find(value(0));
    if (run == runs_.end()) return damaged(fmt::format("it has no run {}, which took time", value(0)));
    run->second.times = SwarmTimes{value(1), value(2), value(3)};
  }
  return times.end();
}

}  // namespace ksim::sim
