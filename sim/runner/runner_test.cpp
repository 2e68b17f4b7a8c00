#include "sim/runner/runner.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/observer/run_watcher.h"
#include "sim/ping/ping_run.h"
#include "sim/verify/trace.h"
#include "sim/workloads/all.h"

namespace ksim::sim {
namespace {

std::vector<std::string> scenario_files() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(KSIM_SOURCE_DIR) + "/scenarios")) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Plan plan_of(const std::string& file, uint64_t seed, const char* duration = nullptr) {
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::vector<Setting> settings;
  if (duration != nullptr) settings.push_back({"duration", duration});
  auto plan = draw_plan(text, file, seed, settings, plan_vocabulary());
  EXPECT_TRUE(plan.ok()) << plan.error().message;
  return std::move(plan).value();
}

RunSummary play(const Plan& plan, const RunRequest& request, RunMemory& memory) {
  RunSummary summary =
      plan.scenario == kPingScenario ? run_ping(plan, request, memory) : run_plan(plan, request, memory);
  EXPECT_EQ(summary.simulator_fault, "") << plan.scenario;
  return summary;
}

// The first faults of every scenario are in it.
constexpr const char* kShort = "9s";

TEST(Digests, DependOnThePlanAlone) {
  RunMemory used(0xa5);
  for (const std::string& file : scenario_files()) {
    const Plan plan = plan_of(file, 2, kShort);
    RunMemory fresh;
    const RunSummary first = play(plan, {}, fresh);
    EXPECT_TRUE(first.holds()) << file;
    // `used` has all the scenarios before behind it, and now a seed of this one.
    play(plan_of(file, 3, "4s"), {}, used);
    size_t events = 0;
    TraceWriter trace([&](Bytes) { ++events; });
    RunRequest watched;
    watched.checkers = false;
    watched.record = true;
    watched.trace = &trace;
    const RunSummary second = play(plan, watched, used);
    EXPECT_EQ(second.digest, first.digest) << file;
    EXPECT_FALSE(second.recording.empty());
    EXPECT_GT(events, 0U);
    EXPECT_EQ(used.pages.lent(), 0U) << file;
  }
}

TEST(Plans, PrintedAndReadAreTheSameRun) {
  RunMemory memory;
  for (const std::string& file : scenario_files()) {
    const Plan plan = plan_of(file, 4, "5s");
    const auto again = parse_plan(print_plan(plan), "plan", {}, plan_vocabulary());
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(print_plan(*again), print_plan(plan));
    EXPECT_EQ(play(*again, {}, memory).digest, play(plan, {}, memory).digest) << file;
  }
}

// When a broker first began to load its logs.
class LoadingSince final : public RunWatcher {
 public:
  void on_event(const NodeEvent& note) override {
    const auto* changed = std::get_if<BrokerStateChanged>(note.event);
    if (changed != nullptr && changed->state == "RECOVERY" && at.is_never()) at = note.at;
  }
  Instant at = Instant::never();
};

// What its shards were asked to load, and have not begun with, ends with the one that asked.
TEST(Stops, ABrokerMayBeStoppedAtAnyMomentOfItsStart) {
  constexpr std::string_view kOneBroker = R"toml(
duration = "3s"
[[cluster.node]]
id = 1
roles = ["broker"]
shards = 3
[[cluster.node]]
id = 101
roles = ["controller"]
[[topic]]
name = "orders"
partitions = 1
replication = 1
[disk]
latency = "spinning"
[[fault]]
kind = "stop"
target = "broker-1"
lasts = "100ms"
at = )toml";
  RunMemory memory;
  const auto stopped_at = [&](Instant at, const RunRequest& request) {
    const std::string text = std::string(kOneBroker) + '"' + std::to_string(at.ns / 1000) + "us\"";
    const auto plan = draw_plan(text, "stops", 1, {}, plan_vocabulary());
    EXPECT_TRUE(plan.ok()) << plan.error().message;
    return play(*plan, request, memory);
  };
  LoadingSince loading;
  RunRequest watched;
  watched.watcher = &loading;
  EXPECT_TRUE(stopped_at(Instant{} + seconds(2), watched).holds());
  ASSERT_FALSE(loading.at.is_never());
  for (int64_t us = 0; us <= 3000; us += 200) {
    const RunSummary run = stopped_at(loading.at + microseconds(us), {});
    EXPECT_TRUE(run.holds()) << us;
    EXPECT_EQ(run.counts.faults, 1U) << us;
  }
}

// The workload and the checker that sim/EXTENDING.md shows.
TEST(Extending, TheExampleCounts) {
  RunMemory memory;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const RunSummary run =
        play(plan_of(std::string(KSIM_SOURCE_DIR) + "/scenarios/counter.toml", seed), {}, memory);
    EXPECT_TRUE(run.holds()) << seed;
    EXPECT_GT(run.counts.batches, 50U);
    EXPECT_EQ(run.checkers.back().code, "X1");
  }
}

// What an administrator alters, or a restart, is no promise; else the topic's own settings are, and the least
// that its nodes allow.
TEST(Promises, AreTheLargestThatMayBeInForce) {
  const auto promised = [](const std::string& more) {
    const std::string text = R"(
duration = "1s"
[cluster]
brokers = 1
controllers = 1
[sizes]
segment_bytes = 40000
[[topic]]
name = "orders"
config = { "segment.ms" = 500, "max.message.bytes" = 900 }
)" + more;
    const Plan plan = draw_plan(text, "test", 1, {}, plan_vocabulary()).value();
    TopicPromise promise;
    RunRequest request;
    request.at_end = [&](const ClusterView& view) { promise = view.promise_of("orders"); };
    RunMemory memory;
    run_plan(plan, request, memory);
    return promise;
  };
  EXPECT_EQ(promised("").segment_ms, 500);
  EXPECT_EQ(promised("").max_message_bytes, 900);
  EXPECT_EQ(promised("").segment_bytes, 40000);
  const TopicPromise altered = promised(R"(
[[admin]]
name = "clerk"
topic = "orders"
interval = "300ms"
calls = ["alter_configs"]
)");
  EXPECT_EQ(altered.segment_ms, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(altered.max_message_bytes, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(altered.segment_bytes, 40000);
}

TEST(Calm, IsNobodyWhoseOnlyWorkersReadSlowly) {
  const auto calm = [](const char* site, int shards, int workers) {
    const std::string text = fmt::format(R"(
duration = "1s"
buggify = ["{}"]
[sizes]
shard_workers = {}
[[cluster.node]]
id = 1
roles = ["broker", "controller"]
shards = {}
)",
                                         site, workers, shards);
    const Plan plan = draw_plan(text, "test", 1, {}, plan_vocabulary()).value();
    bool is_calm = false;
    RunRequest request;
    request.at_end = [&](const ClusterView& view) { is_calm = view.calm_since().has_value(); };
    RunMemory memory;
    run_plan(plan, request, memory);
    return is_calm;
  };
  EXPECT_FALSE(calm("fetch.slow_read", 2, 1));
  EXPECT_TRUE(calm("fetch.slow_read", 2, 2));
  EXPECT_TRUE(calm("fetch.slow_read", 1, 1)) << "nothing is sent from shard to shard";
  EXPECT_TRUE(calm("log.lookup_late", 2, 1));
}

// What is amiss without faults and rare paths is the system's own doing, or the scenario's.
TEST(Calm, WithoutItsFaultsAScenarioLosesNothingAndIsNeverUnavailable) {
  RunMemory memory;
  RunRequest calm;
  calm.faults = false;
  for (const std::string& file : scenario_files()) {
    if (file.ends_with("/ping.toml"))
      continue;  // its pings are sent once, and its nodes stop while some are under way
    for (uint64_t seed = 1; seed <= 2; ++seed) {
      SCOPED_TRACE(file + " seed " + std::to_string(seed));
      Plan plan = plan_of(file, seed);
      plan.buggify.clear();
      const RunSummary run = play(plan, calm, memory);
      EXPECT_TRUE(run.holds());
      EXPECT_EQ(run.counts.faults, 0U);
      EXPECT_EQ(run.counts.lost + run.counts.permitted, 0U);
      // A storm's producers may leave, or be impatient, before any broker can have answered.
      EXPECT_TRUE(run.counts.unknown == 0 || file.ends_with("/storm.toml"));
      // Forgeries are refused, and so may be records that are larger than a topic takes.
      const bool large = std::any_of(plan.producers.begin(), plan.producers.end(),
                                     [](const ProducerPlan& producer) { return producer.large_every > 0; });
      EXPECT_TRUE(run.counts.failed == 0 || run.counts.forged > 0 || large);
      EXPECT_EQ(run.counts.truncations + run.counts.unclean_elections, 0U);
      EXPECT_EQ(run.counts.elections, 0U);
      for (const PartitionSummary& partition : run.partitions) {
        EXPECT_GT(partition.acknowledged, 0U) << partition.name;
        EXPECT_LE(partition.unavailable, milliseconds(1500)) << partition.name;
      }
    }
  }
}

}  // namespace
}  // namespace ksim::sim
