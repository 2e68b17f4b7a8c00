#pragma once
// A plan that has run, to be asked: its summary, and its recording in SQL (sim/history/schema.sql) with one
// table more, of what is on the disks at the end.

#include <cstdint>
#include <string>
#include <vector>

#include "sim/campaign/run_function.h"
#include "sim/history/sqlite.h"
#include "sim/plan/plan.h"

namespace ksim::sim::properties {

// In the run's database beside the tables of its recording: the records of each replica's log of a topic when
// the run is over, and the batches of each voter's metadata log, which have no record.
constexpr const char* kLogAtEnd = R"sql(
CREATE TEMP TABLE log_at_end (
  partition TEXT NOT NULL,      -- "orders-0"
  node INTEGER NOT NULL,
  offset INTEGER NOT NULL,
  record TEXT,                  -- as in the table record
  leader_epoch INTEGER NOT NULL,
  crc INTEGER NOT NULL,         -- of its batch
  timestamp_ms INTEGER NOT NULL,
  producer_id INTEGER NOT NULL  -- -1: none
);
CREATE TEMP TABLE replica_at_end (partition TEXT NOT NULL, node INTEGER NOT NULL, end_offset INTEGER NOT NULL);
)sql";

class Ran {
 public:
  explicit Ran(const Plan& plan);

  const Plan& plan() const { return plan_; }
  const RunSummary& summary() const { return summary_; }
  // The first number of the first row.
  int64_t number(const std::string& sql) const;
  // The first rows of the answer, as text; empty if there are none.
  std::string rows(const std::string& sql) const;
  // What the checkers found, and whatever else is wrong; empty: nothing.
  std::string complaints() const;

 private:
  Plan plan_;
  RunSummary summary_;
  mutable Database database_;
};

}  // namespace ksim::sim::properties
