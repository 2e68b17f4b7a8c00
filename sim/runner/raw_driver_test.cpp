// A raw driver in a small cluster: what it forges is answered as the rules say, and it forges every kind.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/repetitions.h"
#include "sim/runner/runner.h"
#include "sim/workloads/all.h"

namespace ksim::sim {
namespace {

constexpr std::string_view kText = R"toml(
duration = "30s"
[cluster]
brokers = 3
controllers = 1
shards = { between = [1, 3] }
[[topic]]
name = "orders"
partitions = 2
replication = 3
config = { "min.insync.replicas" = 2 }
[[raw_driver]]
topic = "orders"
interval = "5ms"
)toml";

constexpr std::string_view kRestarts = R"toml(
[[fault]]
kind = "rolling_restart"
target = "brokers"
at = "6s"
down = "1s"
gap = "4s"
)toml";

// The leader's power comes back while the driver waits for a connection to it; meanwhile another one, who
// lacks what was acknowledged since, is elected.
constexpr std::string_view kLossWhileItWaits = R"toml(
duration = "12s"
[cluster]
brokers = 3
controllers = 1
shards = 1
config = { "broker.session.timeout.ms" = 500, "broker.heartbeat.interval.ms" = 100 }
[[topic]]
name = "orders"
partitions = 1
replication = 3
config = { "min.insync.replicas" = 1, "flush.messages" = 1, "unclean.leader.election.enable" = true }
[[raw_driver]]
topic = "orders"
interval = "5ms"
[[fault]]
kind = "crash"
target = "broker-2"
at = "6s"
lasts = "2500ms"
[[fault]]
kind = "crash"
target = "broker-3"
at = "6s"
lasts = "2500ms"
[[fault]]
kind = "crash"
target = "broker-1"
at = "7900ms"
lasts = "80ms"
[[fault]]
kind = "power_loss"
target = "broker-1"
at = "7990ms"
lasts = "810ms"
)toml";

// Broker 1 leads alone, and hears nothing when the other one, which has been away, is elected uncleanly: it
// leads on, for clients that have not heard of it either.
constexpr std::string_view kReplacedAndUnaware = R"toml(
duration = "8s"
[cluster]
brokers = 2
controllers = 1
shards = 1
config = { "broker.session.timeout.ms" = 500, "broker.heartbeat.interval.ms" = 100 }
[[topic]]
name = "orders"
partitions = 1
replication = 2
config = { "min.insync.replicas" = 1, "unclean.leader.election.enable" = true }
[[raw_driver]]
topic = "orders"
count = 4
interval = "5ms"
[[fault]]
kind = "crash"
target = "broker-2"
at = "3s"
lasts = "2500ms"
[[fault]]
kind = "partition_one_way"
target = "broker-1"
at = "5s"
lasts = "2s"
direction = "in"
)toml";

// Broker 1 is cut off, and goes on to believe that it leads; who was elected in its place dies as well, so
// that the newest metadata names no leader.
constexpr std::string_view kNobodyLeads = R"toml(
duration = "9s"
[cluster]
brokers = 3
controllers = 1
shards = 1
config = { "broker.session.timeout.ms" = 500, "broker.heartbeat.interval.ms" = 100 }
[[topic]]
name = "orders"
partitions = 1
replication = 2
config = { "min.insync.replicas" = 1 }
[[raw_driver]]
topic = "orders"
count = 8
interval = "20ms"
[[fault]]
kind = "partition"
target = "broker-1"
at = "3s"
lasts = "5s"
[[fault]]
kind = "crash"
target = "leader(orders-0)"
at = "6300ms"
lasts = "2s"
)toml";

// Among much that is on the disk, and that readers come to again and again.
constexpr std::string_view kDamage = R"toml(
duration = "12s"
[cluster]
brokers = 1
controllers = 1
shards = 1
[[topic]]
name = "orders"
partitions = 1
replication = 1
config = { "flush.messages" = 1 }
[[raw_driver]]
topic = "orders"
count = 4
interval = "5ms"
[[fault]]
kind = "bit_rot"
target = "broker-1"
at = "4s"
lasts = "8s"
batches = 20
)toml";

// The broker is stopped in order again and again, and what it has in its log is soon deleted.
constexpr std::string_view kStopsAndRetention = R"toml(
duration = "20s"
[cluster]
brokers = 1
controllers = 1
shards = 1
config = { "log.initial.task.delay.ms" = 50, "log.retention.check.interval.ms" = 100 }
[[topic]]
name = "orders"
partitions = 1
config = { "segment.ms" = 100, "retention.ms" = 300 }
[[raw_driver]]
topic = "orders"
interval = "60ms"
)toml";

std::string stops_and_retention() {
  std::string text(kStopsAndRetention);
  for (int second = 2; second < 20; second += 2) {
    text += fmt::format(
        "[[fault]]\nkind = \"stop\"\ntarget = \"broker-1\"\nat = \"{}s\"\nlasts = \"100ms\"\n", second);
  }
  return text;
}

RunSummary run(const std::string& text, uint64_t seed) {
  const Plan plan = draw_plan(text, "raw", seed, {}, plan_vocabulary()).value();
  RunMemory memory;
  return run_plan(plan, {}, memory);
}

uint64_t reached(const RunSummary& summary, std::string_view mark) {
  for (const MarkRow& row : summary.marks) {
    if (row.name == mark) return row.reached;
  }
  return 0;
}

void expect_held(const RunSummary& summary) {
  EXPECT_EQ(summary.simulator_fault, "");
  for (const ViolationRow& row : summary.violations)
    ADD_FAILURE() << row.checker << " in " << row.subject << ": " << row.message;
}

TEST(RawDriver, EveryForgeryIsAnsweredAsTheRulesSay) {
  const RunSummary summary = run(std::string(kText), 1);
  expect_held(summary);
  EXPECT_GT(summary.counts.forged, 500U);
  EXPECT_GT(summary.counts.acknowledged, 500U);
  EXPECT_GT(summary.counts.failed, 100U);  // refused for good, and in no log
  EXPECT_GT(summary.counts.read, 100U);
  EXPECT_GT(reached(summary, "produce.duplicate"), 10U);
}

// What a leader knows of sequences and epochs survives restarts and elections.
TEST(RawDriver, SoItIsWhileBrokersRestartAndLeadersMove) {
  for (uint64_t seed = 1; seed <= repetitions(3); ++seed) {
    const RunSummary summary = run(std::string(kText) + std::string(kRestarts), seed);
    expect_held(summary);
    EXPECT_GT(summary.counts.elections, 0U);
    EXPECT_GT(summary.counts.forged, 300U);
    EXPECT_GT(reached(summary, "produce.duplicate"), 5U);
  }
}

TEST(RawDriver, WhatIsLostWhileItLooksForTheLeaderItHoldsAgainstNobody) {
  for (uint64_t seed = 1; seed <= repetitions(16); ++seed) {
    const RunSummary summary = run(std::string(kLossWhileItWaits), seed);
    expect_held(summary);
    EXPECT_GT(summary.counts.unclean_elections, 0U);
  }
}

TEST(RawDriver, WhatALeaderAcknowledgesThatWasReplacedItHoldsAgainstNobody) {
  for (uint64_t seed = 1; seed <= repetitions(8); ++seed) {
    const RunSummary summary = run(std::string(kReplacedAndUnaware), seed);
    expect_held(summary);
    EXPECT_GT(summary.counts.unclean_elections, 0U);
  }
}

TEST(RawDriver, WhatALeaderOfLongAgoAnswersItHoldsAgainstNobody) {
  for (uint64_t seed = 1; seed <= repetitions(4); ++seed) expect_held(run(std::string(kNobodyLeads), seed));
}

TEST(RawDriver, WhatItReadsItChecks) {
  const RunSummary summary = run(std::string(kDamage), 1);
  expect_held(summary);
  EXPECT_GT(summary.counts.read, 100U);
}

TEST(RawDriver, WhatWasDeletedSinceARestartIsRememberedByNobody) {
  for (uint64_t seed = 1; seed <= repetitions(8); ++seed) {
    const RunSummary summary = run(stops_and_retention(), seed);
    expect_held(summary);
    EXPECT_GT(reached(summary, "produce.duplicate"), 0U);
  }
}

TEST(RawDriver, ItsRunRepeats) {
  const RunSummary once = run(std::string(kText) + std::string(kRestarts), 9);
  const RunSummary again = run(std::string(kText) + std::string(kRestarts), 9);
  EXPECT_EQ(once.digest, again.digest);
  EXPECT_EQ(once.counts.forged, again.counts.forged);
}

}  // namespace
}  // namespace ksim::sim
