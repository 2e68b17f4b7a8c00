#include "sim/report/speed.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

namespace ksim::sim {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostSlow = 12;  // runs that are named

struct TimedRun {
  int64_t real_us = 0;
  int64_t cpu_us = 0;
  int64_t events = 0;
  int64_t virtual_ms = 0;
  std::string scenario;
  std::string seed;
};

struct SpeedSums {
  int64_t runs = 0;
  int64_t real_us = 0;
  int64_t cpu_us = 0;
  int64_t events = 0;
  int64_t virtual_ms = 0;
  std::vector<int64_t> took_us;  // of a processor, each run

  void add(const TimedRun& run) {
    ++runs;
    real_us += run.real_us;
    cpu_us += run.cpu_us;
    events += run.events;
    virtual_ms += run.virtual_ms;
    took_us.push_back(run.cpu_us);
  }
  Json json() {
    std::sort(took_us.begin(), took_us.end());
    const auto part = [&](size_t percent) { return took_us[(took_us.size() * percent + 99) / 100 - 1]; };
    return {{"runs", runs},
            {"real_us", real_us},
            {"cpu_us", cpu_us},
            {"events", events},
            {"virtual_ms", virtual_ms},
            {"cpu_parts", {part(50), part(90), part(99), part(100)}}};
  }
};

Result<bool> has_times(Database& database) {
  Query query(database, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'run_time'");
  bool has = false;
  while (query.next()) has = query.number(0) > 0;
  TRY(query.end());
  if (!has) return false;
  Query runs(database, "SELECT count(*) FROM run_time JOIN run USING (number)");
  while (runs.next()) has = runs.number(0) > 0;
  TRY(runs.end());
  return has;
}

// Of all sessions, the last run's end included; and how many runs were timed.
Result<std::pair<int64_t, int64_t>> real_ms_and_runs(Database& database) {
  Query query(database,
              "SELECT max(coalesce((SELECT CAST(value AS INTEGER) FROM swarm WHERE name = 'real_ms'), 0), "
              "max(ended_ms)), count(*) FROM run_time");
  std::pair<int64_t, int64_t> found;
  constexpr int64_t kMost = 1'000'000'000'000;  // thirty years
  while (query.next()) found = {std::clamp<int64_t>(query.number(0), 1, kMost), query.number(1)};
  TRY(query.end());
  return found;
}

}  // namespace

int64_t step_us(int64_t step) {
  // 2^(0/4) to 2^(3/4), in thousandths.
  constexpr int64_t kFourths[] = {1000, 1189, 1414, 1682};
  return (int64_t{1} << (step / 4)) * kFourths[step % 4] / 1000;
}

int64_t time_step(int64_t us) {
  int64_t step = 0;
  while (step < 160 && step_us(step + 1) <= us) ++step;
  return step;
}

int64_t piece_ms(int64_t real_ms, int64_t runs) {
  constexpr int64_t kMostPieces = 160;
  constexpr int64_t kRunsOfPiece = 8;
  const int64_t least = std::max(real_ms / kMostPieces, real_ms * kRunsOfPiece / std::max<int64_t>(runs, 1));
  int64_t piece = 100;
  for (;; piece *= 10) {
    for (const int64_t round : {1, 2, 5}) {
      if (piece * round >= least) return piece * round;
    }
  }
}

Result<Json> speed_data(Database& database) {
  TRY_ASSIGN(const bool timed, has_times(database));
  if (!timed) return Json();
  TRY_ASSIGN(const auto whole, real_ms_and_runs(database));
  const auto [real_ms, runs] = whole;
  const int64_t piece = piece_ms(real_ms, runs);
  SpeedSums all;
  std::map<std::string, SpeedSums> scenarios;
  std::map<int64_t, int64_t> steps;
  // Runs, events and virtual time of each piece of real time.
  std::vector<std::array<int64_t, 3>> pieces(static_cast<size_t>(real_ms / piece + 1));
  std::vector<TimedRun> slow;
  Query query(database,
              "SELECT t.real_us, t.cpu_us, r.events, r.virtual_ms, r.scenario, r.seed, t.ended_ms "
              "FROM run_time t JOIN run r USING (number) ORDER BY t.cpu_us DESC, t.number");
  while (query.next()) {
    const TimedRun run{query.number(0), query.number(1), query.number(2),
                       query.number(3), query.text(4),   query.text(5)};
    all.add(run);
    scenarios[run.scenario].add(run);
    ++steps[time_step(run.real_us)];
    const int64_t ended_ms = std::clamp<int64_t>(query.number(6), 0, real_ms);
    auto& [count, events, virtual_ms] = pieces[static_cast<size_t>(ended_ms / piece)];
    ++count;
    events += run.events;
    virtual_ms += run.virtual_ms;
    if (slow.size() < kMostSlow) slow.push_back(run);
  }
  TRY(query.end());
  Json out = all.json();
  out["real_ms"] = real_ms;
  out["piece_ms"] = piece;
  out["pieces"] = pieces;
  out["steps"] = Json::array();  // each beside the one before, so that nothing is skipped
  for (int64_t step = steps.begin()->first; step <= steps.rbegin()->first; ++step)
    out["steps"].push_back({step_us(step), step_us(step + 1), steps[step]});
  out["scenarios"] = Json::object();
  for (auto& [name, sums] : scenarios) out["scenarios"][name] = sums.json();
  out["slowest"] = Json::array();
  for (const TimedRun& run : slow)
    out["slowest"].push_back({run.scenario, run.seed, run.real_us, run.cpu_us, run.events, run.virtual_ms});
  return out;
}

}  // namespace ksim::sim
