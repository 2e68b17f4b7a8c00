#include "sim/properties/test_ran.h"

#include <stdexcept>

#include <fmt/format.h>

#include "core/base/assert.h"
#include "sim/faults/all.h"
#include "sim/runner/check_plan.h"
#include "sim/runner/runner.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim::properties {
namespace {

struct LogRow {
  std::string partition;
  int32_t node;
  TruthBatch batch;
  TruthRecord record;
};
struct ReplicaRow {
  std::string partition;
  int32_t node;
  int64_t end_offset;
};
struct AtEnd {
  std::vector<LogRow> logs;
  std::vector<ReplicaRow> replicas;

  void take(const std::string& partition, const ReplicaTruth& log, const BatchContents* contents) {
    replicas.push_back({partition, log.node(), log.end_offset()});
    for (const TruthBatch& batch : log.batches()) {
      const std::vector<TruthRecord>* records = contents == nullptr ? nullptr : contents->find(batch);
      if (records == nullptr) {
        logs.push_back({partition, log.node(), batch, {batch.base_offset}});
        continue;
      }
      for (const TruthRecord& record : *records) logs.push_back({partition, log.node(), batch, record});
    }
  }
  void take(const ClusterView& view) {
    for (PartitionId id : view.partitions()) {
      const PartitionTruth& truth = *view.partition(id);
      for (const auto& [node, log] : truth.replicas) {
        if (log != nullptr) take(to_string(view.names().name(id)), *log, &truth.contents);
      }
    }
    for (int32_t node : view.voters()) {
      if (const ReplicaTruth* log = view.metadata_log(node)) take(std::string(kMetadataLog), *log, nullptr);
    }
  }
  void write(Database& database) const {
    ENSURE(database.run(kLogAtEnd).ok());
    ENSURE(database.run("BEGIN").ok());
    Insert log(database, "log_at_end", 8);
    for (const LogRow& row : logs) {
      log.text(row.partition).number(row.node).number(row.record.offset);
      log.text_or_null(row.record.id == 0 ? std::string() : fmt::format("{:016x}", row.record.id));
      log.number(row.batch.leader_epoch).number(row.batch.crc).number(row.record.timestamp_ms);
      log.number(row.batch.producer.id).row();
    }
    Insert replica(database, "replica_at_end", 3);
    for (const ReplicaRow& row : replicas)
      replica.text(row.partition).number(row.node).number(row.end_offset).row();
    ENSURE(!log.failed() && !replica.failed());
    ENSURE(database.run("COMMIT").ok());
  }
};

Database run(const Plan& plan, RunSummary& summary) {
  if (const auto wrong = what_is_wrong(plan, "property", true)) throw std::runtime_error(*wrong);
  AtEnd at_end;
  RunRequest request;
  request.record = true;
  request.at_end = [&](const ClusterView& view) { at_end.take(view); };
  RunMemory memory;
  summary = run_plan(plan, request, memory);
  Result<Database> database = Database::open(summary.recording);
  ENSURE(database.ok());
  at_end.write(*database);
  return std::move(database).value();
}

}  // namespace

Ran::Ran(const Plan& plan) : plan_(plan), database_(run(plan_, summary_)) {}

int64_t Ran::number(const std::string& sql) const {
  Query query(database_, sql);
  const bool any = query.next();
  ENSURE(any);
  return query.number(0);
}

std::string Ran::rows(const std::string& sql) const {
  constexpr int kMost = 5;
  std::string text;
  Query query(database_, sql);
  for (int row = 0; query.next(); ++row) {
    if (row == kMost) return text + "  ...\n";
    for (int i = 0; i < query.columns(); ++i)
      text += fmt::format("{}{} {}", i == 0 ? "  " : ", ", query.name(i), query.text(i));
    text += "\n";
  }
  const Result<void> end = query.end();
  if (!end.ok()) return "  " + end.error().message + "\n";
  return text;
}

std::string Ran::complaints() const {
  if (!summary_.simulator_fault.empty())
    return fmt::format("the simulator is at fault\n  {}\n", summary_.simulator_fault);
  if (summary_.violations.empty()) return {};
  std::string text = fmt::format("{} cries\n", summary_.violations.front().checker);
  for (const ViolationRow& row : summary_.violations)
    text += fmt::format("  {} in {}: {}\n", row.checker, row.subject, row.message);
  return text;
}

}  // namespace ksim::sim::properties
