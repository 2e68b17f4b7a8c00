#include <map>

#include "sim/report/run_data.h"
#include "sim/report/speed.h"

namespace ksim::sim {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMostPoints = 400;  // of a line over all runs
constexpr int64_t kMostExamples = 8;  // of failed runs, of each cause

// Names in `all`, and those of another build that the file knows as well, each with its count.
Json counted(const std::vector<std::string>& all, std::map<std::string, int64_t> counts) {
  Json list = Json::array();
  for (const std::string& name : all) {
    list.push_back({name, counts[name]});
    counts.erase(name);
  }
  for (const auto& [name, count] : counts) list.push_back({name, count});
  return list;
}

Result<std::map<std::string, int64_t>> sums(Database& database, const std::string& sql) {
  std::map<std::string, int64_t> found;
  Query query(database, sql);
  while (query.next()) found[query.text(0)] = query.number(1);
  TRY(query.end());
  return found;
}

Result<Json> rows(Database& database, const std::string& sql) {
  Json list = Json::array();
  Query query(database, sql);
  while (query.next()) {
    Json row = Json::array();
    for (int i = 0; i < query.columns(); ++i) {
      if (query.is_null(i)) {
        row.push_back(nullptr);
      } else if (query.is_number(i)) {
        row.push_back(query.number(i));
      } else {
        row.push_back(query.text(i));
      }
    }
    list.push_back(std::move(row));
  }
  TRY(query.end());
  return list;
}

}  // namespace

Result<Json> campaign_data(Database& database, const CampaignPage& page) {
  Json out;
  out["kind"] = "campaign";
  out["file"] = page.file;
  Query values(database, "SELECT name, value FROM swarm");
  while (values.next()) out["swarm"][values.text(0)] = values.text(1);
  TRY(values.end());
  const std::string permitted =
      has_column(database, "run", "permitted_lost") ? "permitted_lost" : "permitted";
  TRY_ASSIGN(out["totals"], rows(database,
                                 "SELECT count(*), coalesce(sum(events), 0), coalesce(sum(virtual_ms), 0), "
                                 "coalesce(sum(acknowledged), 0), coalesce(sum(lost), 0), coalesce(sum(" +
                                     permitted +
                                     "), 0), coalesce(sum(faults), 0), coalesce(sum(elections), 0), "
                                     "coalesce(sum(kept), 0) FROM run"));
  TRY_ASSIGN(
      out["scenarios"],
      rows(
          database,
          "SELECT scenario, count(*), sum(outcome <> 'held'), sum(events), sum(virtual_ms), sum(lost), sum(" +
              permitted + "), sum(elections) FROM run GROUP BY scenario ORDER BY scenario"));
  TRY_ASSIGN(out["causes"], rows(database,
                                 "SELECT f.cause, r.outcome, count(*), min(f.complaint), min(f.number) "
                                 "FROM failure f JOIN run r USING (number) GROUP BY f.cause, r.outcome "
                                 "ORDER BY count(*) DESC, f.cause"));
  TRY_ASSIGN(out["failures"],
             rows(database,
                  "SELECT cause, number, scenario, seed, complaint, recording, virtual_ms, events FROM "
                  "(SELECT f.*, r.scenario, r.seed, r.virtual_ms, r.events, row_number() OVER "
                  "(PARTITION BY f.cause ORDER BY r.events, f.number) AS place "
                  "FROM failure f JOIN run r USING (number)) WHERE place <= " +
                      std::to_string(kMostExamples)));
  TRY_ASSIGN(out["failed_scenarios"],
             rows(database,
                  "SELECT f.cause, r.scenario, count(*) FROM failure f JOIN run r USING (number) "
                  "GROUP BY f.cause, r.scenario ORDER BY f.cause, count(*) DESC, r.scenario"));
  out["checkers"] = Json::object();
  for (const auto& [code, invariant] : page.checkers) out["checkers"][code] = invariant;
  TRY_ASSIGN(out["rechecks"],
             rows(database, "SELECT count(*), coalesce(sum(difference IS NOT NULL), 0) FROM recheck"));
  TRY_ASSIGN(out["differences"],
             rows(database,
                  "SELECT r.scenario, r.seed, c.difference FROM recheck c JOIN run r USING (number) WHERE "
                  "c.difference IS NOT NULL ORDER BY c.number LIMIT 20"));
  TRY_ASSIGN(auto marks, sums(database, "SELECT mark, sum(runs) FROM mark GROUP BY mark"));
  out["marks"] = counted(page.marks, std::move(marks));
  TRY_ASSIGN(auto kinds, sums(database, "SELECT kind, sum(runs) FROM fault_kind GROUP BY kind"));
  out["faults"] = counted(page.fault_kinds, std::move(kinds));
  TRY_ASSIGN(out["pairs"], rows(database, "SELECT kind, mark, runs FROM fault_mark WHERE runs > 0"));
  // Along the numbers of the runs, in pieces of equal size.
  const std::string pieces = "(SELECT 1 + max(number) / " + std::to_string(kMostPoints) + " FROM run)";
  TRY_ASSIGN(out["along"],
             rows(database, "SELECT number / " + pieces + " * " + pieces +
                                ", count(*), sum(outcome <> 'held'), sum(kept), sum(events), sum(virtual_ms) "
                                "FROM run GROUP BY 1 ORDER BY 1"));
  TRY_ASSIGN(out["speed"], speed_data(database));
  return out;
}

}  // namespace ksim::sim
