// What becomes of clients on whom faults act: they come again as other sessions, or go on where they were.

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "core/metadata/image.h"
#include "sim/observer/run_watcher.h"
#include "sim/runner/test_run.h"

namespace ksim::sim {
namespace {

constexpr std::string_view kCluster = R"toml(
duration = "20s"
[cluster]
brokers = 3
controllers = 1
[[topic]]
name = "orders"
partitions = 2
replication = 3
config = { "min.insync.replicas" = 2 }
[[producer]]
name = "producer"
topic = "orders"
interval = "50ms"
burst = 3
config = { "delivery.timeout.ms" = 3000, "request.timeout.ms" = 1000 }
[[consumer]]
name = "reader"
topic = "orders"
config = { "auto.offset.reset" = "earliest" }
)toml";

struct Lived {
  RunSummary summary;
  std::string effects;  // of all faults
};

Lived live(std::string_view faults) {
  Lived lived{run_well(std::string(kCluster) + std::string(faults)), {}};
  lived.effects = effects_of(lived.summary);
  return lived;
}

bool has(const Lived& lived, std::string_view words) {
  return lived.effects.find(words) != std::string::npos;
}

// What one sends goes into all of its topics, and another reads them together.
TEST(Clients, UseSeveralTopics) {
  const RunSummary summary = run_well(R"toml(
duration = "8s"
[cluster]
brokers = 2
controllers = 1
[[topic]]
name = "orders"
partitions = 2
[[topic]]
name = "bills"
partitions = 3
[[producer]]
topic = "orders"
also = ["bills"]
keyed = true
interval = "20ms"
[[consumer]]
topic = "bills"
also = ["orders"]
seek_every = 7
)toml");
  std::map<std::string, uint64_t> committed;
  for (const PartitionSummary& row : summary.partitions) committed[row.name] = row.committed;
  for (const char* name : {"orders-0", "orders-1", "bills-0", "bills-1", "bills-2"})
    EXPECT_GT(committed[name], 0U) << name;
  EXPECT_GE(summary.counts.read, summary.counts.acknowledged);
}

// By topic id, since all have one name.
struct RebornWatcher final : RunWatcher {
  void on_event(const NodeEvent& note) override {
    const auto* appended = std::get_if<LogAppended>(note.event);
    if (appended != nullptr && appended->log == "churner-own-0") written.insert(appended->topic_id);
  }
  std::set<Uuid> written;
};

TEST(Clients, LiveOnWhereATopicIsMadeAgain) {
  RebornWatcher watcher;
  RunRequest request;
  request.watcher = &watcher;
  run_well(R"toml(
duration = "12s"
[cluster]
brokers = 2
controllers = 1
config = { "auto.create.topics.enable" = false }
[[topic]]
name = "orders"
[[admin]]
name = "churner"
topic = "orders"
interval = "100ms"
calls = ["delete_topics"]
)toml",
           request);
  EXPECT_GT(watcher.written.size(), 5U);
}

// What metadata says in a run, as it is published.
struct ConfigWatcher final : RunWatcher {
  void on_event(const NodeEvent& note) override {
    const auto* published = std::get_if<MetadataPublished>(note.event);
    if (published == nullptr || published->image == nullptr) return;
    const ConfigsImage& configs = (*published->image)->configs;
    keep(configs.value(ConfigResource::topic("orders"), "min.insync.replicas"), minima);
    keep(configs.value(ConfigResource::cluster_default(), "log.index.interval.bytes"), of_all);
    keep(configs.value(ConfigResource::broker(1), "log.index.interval.bytes"), of_one);
  }
  static void keep(const std::string* value, std::set<std::string>& into) {
    into.insert(value == nullptr ? "" : *value);
  }
  std::set<std::string> minima, of_all, of_one;
};

TEST(Clients, AdministratorsAlterMinimaAndDefaults) {
  ConfigWatcher watcher;
  RunRequest request;
  request.watcher = &watcher;
  run_well(R"toml(
duration = "12s"
[cluster]
brokers = 3
controllers = 1
[[topic]]
name = "orders"
replication = 3
config = { "min.insync.replicas" = 2 }
[[admin]]
topic = "orders"
interval = "20ms"
calls = ["alter_configs"]
)toml",
           request);
  EXPECT_EQ(watcher.minima, (std::set<std::string>{"", "2", "3"})) << "never less than is promised";
  EXPECT_EQ(watcher.of_all, (std::set<std::string>{"", "100", "4096"}));
  EXPECT_EQ(watcher.of_one, (std::set<std::string>{"", "100", "4096"}));
}

// Sessions of both brokers end all the time, and one of five partitions waits for its ISR at any moment.
constexpr std::string_view kHindered = R"toml(
duration = "4s"
settle = "5s"
buggify = ["broker.heartbeat_late", "alter_partition.late", "alter_partition.lost"]
[cluster]
brokers = 2
controllers = 1
config = { "broker.heartbeat.interval.ms" = 10, "broker.session.timeout.ms" = 500, "unclean.leader.election.interval.ms" = 500 }
[[topic]]
name = "orders"
partitions = 5
replication = 2
config = { "unclean.leader.election.enable" = "true" }
)toml";

TEST(Clients, ComeToRestOnceRarePathsAreOver) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const Plan plan = draw_plan(kHindered, "test", seed, {}, fault_vocabulary()).value();
    RunMemory memory;
    const RunSummary summary = run_plan(plan, {}, memory);
    for (const ViolationRow& row : summary.violations)
      ADD_FAILURE() << seed << ": " << row.checker << " in " << row.subject << ": " << row.message;
  }
}

// One partition is left to an operator, since its minimum was altered while nobody led, and sessions of
// brokers end all the time.
constexpr std::string_view kForgotten = R"toml(
duration = "16s"
settle = "30s"
buggify = ["broker.heartbeat_late"]
[cluster]
brokers = 3
controllers = 1
config = { "broker.heartbeat.interval.ms" = 200, "broker.session.timeout.ms" = 1000 }
[[topic]]
name = "orders"
replication = 2
[[topic]]
name = "bills"
partitions = 3
replication = 3
[[producer]]
topic = "orders"
records = 5
[[admin]]
topic = "orders"
interval = "30ms"
count = 6
calls = ["alter_configs"]
[[fault]]
kind = "pause"
target = "leader(orders-0)"
at = "6s"
lasts = "9s"
[[fault]]
kind = "pause"
target = "follower(orders-0)"
at = "6s"
lasts = "9s"
)toml";

TEST(Clients, MayLeaveAPartitionOfflineBesideWhichAllIsWellNowAndThen) {
  bool offline = false;
  for (uint64_t seed = 1; seed <= 7; ++seed) {
    const Plan plan = draw_plan(kForgotten, "test", seed, {}, fault_vocabulary()).value();
    RunMemory memory;
    const RunSummary summary = run_plan(plan, {}, memory);
    for (const ViolationRow& row : summary.violations)
      ADD_FAILURE() << seed << ": " << row.checker << " in " << row.subject << ": " << row.message;
    for (const PartitionSummary& partition : summary.partitions) offline = offline || partition.leader < 0;
  }
  EXPECT_TRUE(offline);
}

TEST(Clients, AreStoppedInOrderAndComeAgain) {
  const Lived lived = live(R"toml(
[[fault]]
kind = "stop"
target = "producers"
at = "8s"
lasts = "1s"
[[fault]]
kind = "rolling_restart"
target = "consumers"
at = "10s"
down = "200ms"
[[fault]]
kind = "stop"
target = "clients"
at = "19900ms"
)toml");
  EXPECT_TRUE(has(lived, "producer was asked to stop; started producer")) << lived.effects;
  EXPECT_TRUE(has(lived, "1 of 1 restarted")) << lived.effects;
  EXPECT_EQ(lived.summary.counts.unknown + lived.summary.counts.failed, 0U);
  // Each of three readers read it all, one after the other; the second one at least half of it.
  EXPECT_GT(lived.summary.counts.read, lived.summary.counts.acknowledged * 2);
  EXPECT_GT(lived.summary.counts.acknowledged, 300U);
}

TEST(Clients, WhoIsKilledNeverKnowsWhatBecameOfItsSends) {
  const Lived lived = live(R"toml(
[[fault]]
kind = "crash"
target = "any producer"
when = "produce.appended"
nth = 60
lasts = "1s"
)toml");
  EXPECT_TRUE(has(lived, "producer died; started producer")) << lived.effects;
  EXPECT_GT(lived.summary.counts.unknown, 0U);
  EXPECT_GT(lived.summary.counts.acknowledged, 200U);
}

// The frozen one finds its batch expired, the one that slept finds it as young as it was.
TEST(Clients, OneThatSleptDoesNotKnowHowLong) {
  constexpr std::string_view kAway = R"toml(
target = "producer"
when = "produce.appended"
nth = 60
lasts = "8s"
)toml";
  const Lived frozen = live("[[fault]]\nkind = \"pause\"" + std::string(kAway));
  const Lived asleep = live("[[fault]]\nkind = \"suspend\"" + std::string(kAway));
  EXPECT_TRUE(has(asleep, "producer fell asleep; producer continued")) << asleep.effects;
  EXPECT_EQ(asleep.summary.counts.unknown + asleep.summary.counts.failed, 0U);
  EXPECT_EQ(frozen.summary.counts.acknowledged + frozen.summary.counts.unknown, frozen.summary.counts.sent);
}

// Its bytes arrive when all is quiet, and everybody who read has gone.
TEST(Clients, WhatWasSentInVainMayBeWrittenWhenReadersHaveStopped) {
  const RunSummary summary = run_well(R"toml(
duration = "5s"
settle = "20s"
[cluster]
brokers = 1
controllers = 1
[[topic]]
name = "orders"
partitions = 1
replication = 1
[[producer]]
name = "producer"
topic = "orders"
interval = "50ms"
config = { "delivery.timeout.ms" = 600, "request.timeout.ms" = 300, "enable.idempotence" = "false", "linger.ms" = 0 }
[[consumer]]
name = "reader"
topic = "orders"
config = { "auto.offset.reset" = "earliest" }
[[fault]]
kind = "late_bytes"
target = "producer"
at = "4500ms"
lasts = "400ms"
extra = "1200ms"
)toml");
  EXPECT_GT(summary.partitions[0].committed, summary.counts.read) << "nothing came so late";
  EXPECT_LT(summary.ended, Instant{} + seconds(10)) << "it was waited for";
}

// One batch a second, since no fetch may bring what it is to wait for.
TEST(Clients, MayReadForAsLongAsTheirSettingsMakeThem) {
  const RunSummary summary = run_well(R"toml(
duration = "6s"
settle = "2s"
[cluster]
brokers = 1
controllers = 1
[[topic]]
name = "orders"
partitions = 1
replication = 1
[[producer]]
name = "producer"
topic = "orders"
interval = "50ms"
record_bytes = 20
config = { "batch.size" = 1 }
[[consumer]]
name = "reader"
topic = "orders"
config = { "auto.offset.reset" = "earliest", "fetch.min.bytes" = 5000, "max.partition.fetch.bytes" = 150, "fetch.max.wait.ms" = 1000 }
)toml");
  EXPECT_EQ(summary.counts.read, summary.counts.acknowledged);
  EXPECT_GT(summary.ended, Instant{} + seconds(60)) << "it was fast";
}

// Its follower takes a batch after 300 ms, where ten come in that time.
TEST(Clients, MayWriteFasterThanSettingsLetFollowersFollow) {
  const RunSummary summary = run_well(R"toml(
duration = "9s"
settle = "2s"
[cluster]
brokers = 2
controllers = 1
config = { "replica.fetch.min.bytes" = 20000, "replica.fetch.max.bytes" = 150, "replica.fetch.wait.max.ms" = 300 }
[[topic]]
name = "orders"
partitions = 1
replication = 2
[[producer]]
name = "producer"
topic = "orders"
interval = "30ms"
record_bytes = 20
config = { "acks" = 1, "batch.size" = 1, "linger.ms" = 0 }
)toml");
  EXPECT_GT(summary.counts.acknowledged, 100U);
  EXPECT_GT(summary.ended, Instant{} + seconds(40)) << "it was fast";
}

// Whatever it sends comes to the followers 300 ms later, or with what it sends next.
TEST(Clients, AreNotImpatientInStepWithFollowers) {
  const RunSummary summary = run_well(R"toml(
duration = "4s"
settle = "20s"
[cluster]
brokers = 3
controllers = 1
shards = 1
config = { "replica.fetch.min.bytes" = 1000, "replica.fetch.wait.max.ms" = 300 }
[disk]
latency = "spinning"
[[topic]]
name = "orders"
partitions = 1
replication = 3
config = { "min.insync.replicas" = 2, "flush.messages" = 1, "segment.ms" = 300 }
[[producer]]
name = "producer"
topic = "orders"
interval = "350ms"
config = { acks = "all", "enable.idempotence" = false, "request.timeout.ms" = 150, "delivery.timeout.ms" = 1000, retries = 0 }
)toml");
  EXPECT_GT(summary.counts.acknowledged, 0U);
}

TEST(Clients, NoFaultOfDisksStrikesThem) {
  const Plan plan = draw_plan(std::string(kCluster) + R"toml(
[[fault]]
kind = "stall_disk"
target = "any producer"
at = "8s"
)toml",
                              "clients", 1, {}, fault_vocabulary())
                        .value();
  EXPECT_NE(what_is_wrong(plan, "clients", true).value_or("").find("no target"), std::string::npos);
}

}  // namespace
}  // namespace ksim::sim
