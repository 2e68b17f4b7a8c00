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

Failure<Error> damaged(const std::string& what) { return fail(ErrorCode::INVALID_REQUEST, what); }

SwarmPlan plan_of(const std::map<std::string, std::string>& values) {
  const auto value = [&](const char* name) {
    const auto found = values.find(name);
    return found == values.end() ? std::string() : found->second;
  };
  SwarmPlan plan;
  plan.scenarios = lines_of(value("scenarios"));
  plan.texts = lines_of(value("texts"));
  plan.first_seed = parse(value("first_seed"), 10).value_or(1);
  plan.last_seed = parse(value("last_seed"), 10);
  plan.settings = lines_of(value("settings"));
  plan.build = value("build");
  plan.guided = value("guided") == "1";
  plan.favoured = value("favoured");
  return plan;
}

// Files of earlier builds lack some.
Result<bool> has_table(Database& database, const std::string& name) {
  Query tables(database, "SELECT count(*) FROM sqlite_master WHERE name = '" + name + "'");
  bool has = false;
  while (tables.next()) has = tables.number(0) > 0;
  TRY(tables.end());
  return has;
}

using KindRuns = std::map<std::pair<std::string, std::string>, uint64_t>;  // by scenario and kind

bool write_kinds(Database& database, std::string_view table, const KindRuns& kinds) {
  Insert rows(database, table, 3);
  for (const auto& [key, runs] : kinds) rows.text(key.first).text(key.second).number(number(runs)).row();
  return !rows.failed();
}

Result<void> load_kinds(Database& database, const std::string& table, KindRuns& kinds) {
  Query rows(database, "SELECT scenario, kind, runs FROM " + table);
  while (rows.next()) kinds[{rows.text(0), rows.text(1)}] = static_cast<uint64_t>(rows.number(2));
  return rows.end();
}

bool write_plan(Database& database, const SwarmPlan& plan, uint64_t real_ms) {
  Insert rows(database, "swarm", 2);
  const auto put = [&](std::string_view name, const std::string& value) {
    rows.text(name).text(value).row();
  };
  put("scenarios", joined(plan.scenarios));
  put("texts", joined(plan.texts));
  put("first_seed", std::to_string(plan.first_seed));
  if (plan.last_seed) put("last_seed", std::to_string(*plan.last_seed));
  put("settings", joined(plan.settings));
  put("build", plan.build);
  if (plan.guided) put("guided", "1");
  if (!plan.favoured.empty()) put("favoured", plan.favoured);
  put("real_ms", std::to_string(real_ms));
  return !rows.failed();
}

}  // namespace

Result<std::string> Swarm::image() const {
  TRY_ASSIGN(Database database, Database::create());
  TRY(database.run(std::string(kSwarmSql)));
  TRY(database.run("BEGIN"));
  if (!write_plan(database, plan_, real_ms) || !write_runs(database) || !write_coverage(database) ||
      !write_guide(database))
    return fail(ErrorCode::UNKNOWN_SERVER_ERROR, "sqlite: a row could not be written");
  TRY(database.run("COMMIT"));
  return database.image();
}

bool Swarm::write_runs(Database& database) const {
  Insert rows(database, "run", 16);
  Insert times(database, "run_time", 4);
  for (const auto& [n, run] : runs_) {
    const RunCounts& c = run.counts;
    rows.number(number(n)).text(plan_.scenario_of(n)).text(to_string(run.lineage));
    rows.text(to_string(run.outcome)).text(fmt::format("{:016x}", run.digest));
    for (const uint64_t value : {run.events, run.virtual_ms, c.acknowledged, c.lost, c.permitted, c.faults,
                                 c.elections, c.quorum_elections, c.truncations, c.isr_changes}) {
      rows.number(number(value));
    }
    rows.number(run.kept ? 1 : 0).row();
    if (!run.times) continue;
    for (const uint64_t value : {n, run.times->real_us, run.times->cpu_us, run.times->ended_ms})
      times.number(number(value));
    times.row();
  }
  Insert failures(database, "failure", 4);
  for (const auto& [n, failure] : failures_) {
    failures.number(number(n)).number(number(failure.cause)).text(failure.complaint);
    failures.text_or_null(failure.recording).row();
  }
  Insert rechecks(database, "recheck", 3);
  for (const auto& [n, again] : rechecks_) {
    if (!has(n)) continue;  // its first run is still under way: both are done again
    rechecks.number(number(n)).text(again.digest ? fmt::format("{:016x}", *again.digest) : "");
    const auto differs = differences_.find(n);
    if (differs == differences_.end()) {
      rechecks.text_or_null({});
    } else {
      rechecks.text(differs->second);
    }
    rechecks.row();
  }
  Insert died_once(database, "died_once", 2);
  for (const auto& [n, how] : died_once_) {
    if (has(n)) died_once.number(number(n)).text(how).row();
  }
  return !rows.failed() && !times.failed() && !failures.failed() && !rechecks.failed() && !died_once.failed();
}

bool Swarm::write_coverage(Database& database) const {
  Insert marks(database, "mark", 4);
  for (const auto& [scenario, counts] : marks_) {
    for (size_t mark = 0; mark < counts.size() && mark < kMarkCount; ++mark) {
      marks.text(scenario).text(mark_name(static_cast<Mark>(mark)));
      marks.number(number(counts[mark].runs)).number(number(counts[mark].reached)).row();
    }
  }
  Insert pairs(database, "fault_mark", 3);
  for (const auto& [key, runs] : pairs_) {
    pairs.text(key.first).text(mark_name(static_cast<Mark>(key.second))).number(number(runs)).row();
  }
  return !marks.failed() && !pairs.failed() && write_kinds(database, "fault_kind", kinds_) &&
         write_kinds(database, "fault_plan", planned_);
}

bool Swarm::write_guide(Database& database) const {
  if (!plan_.guided) return true;
  Insert marks(database, "seen_mark", 2);
  for (size_t mark = 0; mark < guide_.marks().size() && mark < kMarkCount; ++mark)
    marks.text(mark_name(static_cast<Mark>(mark))).number(guide_.marks()[mark]).row();
  Insert situations(database, "situation", 1);
  for (const uint16_t situation : guide_.situations()) situations.number(situation).row();
  Insert mutated(database, "mutated", 2);
  const auto times = guide_.mutated();
  for (const auto& [n, run] : runs_) {
    if (!run.kept) continue;
    mutated.number(number(n)).number(number(times.at({plan_.turn_of(n), run.lineage}))).row();
  }
  return !marks.failed() && !situations.failed() && !mutated.failed();
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
  TRY(swarm.load_runs(database));
  TRY(swarm.load_failures(database));
  TRY(swarm.load_coverage(database));
  TRY(swarm.load_guide(database));
  TRY(swarm.load_times(database));
  return swarm;
}

Result<void> Swarm::load_runs(Database& database) {
  const char* const permitted =
      has_column(database, "run", "permitted_lost") ? "permitted_lost" : "permitted";
  Query runs(
      database,
      fmt::format("SELECT number, outcome, digest, events, virtual_ms, acknowledged, lost, {}, faults, "
                  "elections, quorum_elections, truncations, isr_changes, seed, kept FROM run",
                  permitted));
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
  return runs.end();
}

Result<void> Swarm::load_failures(Database& database) {
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
    if (!has(n)) return damaged(fmt::format("it has no run {}, which was done twice", n));
    rechecks_[n] = {parse(rechecks.text(1), 16), {}};
    if (!rechecks.is_null(2)) differences_[n] = rechecks.text(2);
  }
  TRY(rechecks.end());
  TRY_ASSIGN(const bool told, has_table(database, "died_once"));
  if (!told) return {};
  Query died(database, "SELECT number, how FROM died_once");
  while (died.next()) {
    const auto n = static_cast<uint64_t>(died.number(0));
    if (!has(n)) return damaged(fmt::format("it has no run {}, which died once", n));
    died_once_[n] = died.text(1);
  }
  return died.end();
}

Result<void> Swarm::load_coverage(Database& database) {
  Query marks(database, "SELECT scenario, mark, runs, reached FROM mark");
  while (marks.next()) {
    const auto mark = mark_named(marks.text(1));
    if (!mark) continue;
    std::vector<MarkCount>& counts = marks_[marks.text(0)];
    counts.resize(std::max(counts.size(), *mark + 1));
    counts[*mark] = {static_cast<uint64_t>(marks.number(2)), static_cast<uint64_t>(marks.number(3))};
  }
  TRY(marks.end());
  TRY(load_kinds(database, "fault_kind", kinds_));
  TRY_ASSIGN(const bool planned, has_table(database, "fault_plan"));
  if (planned) TRY(load_kinds(database, "fault_plan", planned_));
  Query pairs(database, "SELECT kind, mark, runs FROM fault_mark");
  while (pairs.next()) {
    if (const auto mark = mark_named(pairs.text(1)))
      pairs_[{pairs.text(0), *mark}] = static_cast<uint64_t>(pairs.number(2));
  }
  return pairs.end();
}

Result<void> Swarm::load_guide(Database& database) {
  if (!plan_.guided) return {};
  for (const auto& [key, runs] : pairs_) guide_.know_pair(key.first, key.second);
  Query marks(database, "SELECT mark, bits FROM seen_mark");
  while (marks.next()) {
    if (const auto mark = mark_named(marks.text(0)))
      guide_.know_mark(*mark, static_cast<uint8_t>(marks.number(1)));
  }
  TRY(marks.end());
  Query situations(database, "SELECT number FROM situation");
  while (situations.next()) guide_.know_situation(static_cast<uint16_t>(situations.number(0)));
  TRY(situations.end());
  std::map<uint64_t, uint64_t> times;
  Query mutated(database, "SELECT number, times FROM mutated");
  while (mutated.next())
    times[static_cast<uint64_t>(mutated.number(0))] = static_cast<uint64_t>(mutated.number(1));
  TRY(mutated.end());
  for (const auto& [n, run] : runs_) {
    if (run.kept) guide_.keep(plan_.turn_of(n), run.lineage, times[n]);
  }
  return {};
}

Result<void> Swarm::load_times(Database& database) {
  TRY_ASSIGN(const bool timed, has_table(database, "run_time"));
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
