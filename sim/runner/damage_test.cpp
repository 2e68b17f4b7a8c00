// What a cluster does about bytes that a disk has changed: whoever checks does not take them, and when they
// are right again everything goes on.

#include <algorithm>

#include <gtest/gtest.h>

#include "sim/runner/test_run.h"

namespace ksim::sim {
namespace {

// Broker 1 leads the only partition, and flushes all it has.
constexpr std::string_view kCluster = R"toml(
duration = "30s"
[cluster]
brokers = 3
controllers = 1
config = { "broker.session.timeout.ms" = 3000, "broker.heartbeat.interval.ms" = 500, "replica.lag.time.max.ms" = 2000 }
[[topic]]
name = "orders"
partitions = 1
replication = 3
config = { "min.insync.replicas" = 2, "flush.messages" = 1 }
[[producer]]
name = "producer"
topic = "orders"
interval = "100ms"
[[consumer]]
name = "early"
topic = "orders"
config = { "auto.offset.reset" = "earliest" }
[[consumer]]
name = "late"
topic = "orders"
starts = "12s"
config = { "auto.offset.reset" = "earliest" }
[[fault]]
kind = "bit_rot"
target = "leader(orders-0)"
at = "10s"
lasts = "10s"
)toml";

RunSummary run(std::string_view faults, bool checkers = true) {
  RunRequest request;
  request.checkers = checkers;
  return run_well(std::string(kCluster) + std::string(faults), request);
}

uint64_t reached(const RunSummary& summary, std::string_view mark) {
  const auto found = std::find_if(summary.marks.begin(), summary.marks.end(),
                                  [&](const MarkRow& row) { return row.name == mark; });
  return found == summary.marks.end() ? 0 : found->reached;
}

TEST(Damage, AFollowerDoesNotTakeItAndAReaderWaits) {
  const RunSummary summary = run(R"toml(
[[fault]]
kind = "wipe_disk"
target = "follower(orders-0)"
at = "11s"
lasts = "100ms"
)toml");
  EXPECT_GT(reached(summary, "replica.append_failed"), 0U);
  EXPECT_NE(effects_of(summary).find("1 of 1 damaged places were put right"), std::string::npos)
      << effects_of(summary);
  EXPECT_EQ(summary.counts.lost, 0U);
  EXPECT_GT(summary.counts.acknowledged, 200U);
}

// It cuts its log where the damage is, and copies the rest from the next leader; nobody waits for a scrub.
TEST(Damage, RecoveryCutsItOff) {
  const RunSummary summary = run(R"toml(
[[fault]]
kind = "crash"
target = "leader(orders-0)"
at = "11s"
lasts = "1s"
)toml");
  EXPECT_EQ(summary.counts.lost, 0U);
  EXPECT_GT(summary.counts.acknowledged, 200U);
}

}  // namespace
}  // namespace ksim::sim
