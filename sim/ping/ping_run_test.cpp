#include "sim/ping/ping_run.h"

#include <gtest/gtest.h>

#include "core/base/repetitions.h"
#include "sim/faults/all.h"
#include "sim/verify/trace.h"

namespace ksim::sim {
namespace {

Plan ping_plan(uint64_t seed, const std::string& duration = "8s") {
  constexpr std::string_view kText = R"(
scenario = "ping"
settle = "300s"
buggify = "drawn"
[cluster]
brokers = { between = [3, 4] }
shards = { between = [1, 4] }
[[fault]]
kind = { one_of = ["crash", "power_loss", "pause", "stop"] }
target = "any broker"
at = { between = ["500ms", "3s"] }
lasts = { between = ["10ms", "2s"] }
[[fault]]
kind = { one_of = ["partition", "partition_one_way", "slow_disk", "stall_disk", "full_disk", "latency"] }
target = "any broker"
at = { between = ["1s", "5s"] }
lasts = { between = ["10ms", "2s"] }
[disk]
latency = { one_of = ["ssd", "cloud", "spinning"] }
[explore]
policy = { one_of = ["random", "change_points", "fifo"] }
)";
  return draw_plan(kText, "ping", seed, {{"duration", duration}}, fault_vocabulary()).value();
}

TEST(Ping, AllHoldsOverManySeeds) {
  RunMemory memory;
  uint64_t faults = 0;
  for (uint64_t seed = 0; seed < repetitions(60); ++seed) {
    const RunSummary summary = run_ping(ping_plan(seed), {}, memory);
    EXPECT_EQ(summary.simulator_fault, "") << seed;
    for (const ViolationRow& row : summary.violations) {
      ADD_FAILURE() << "seed " << seed << ": " << row.checker << " in " << row.subject << ": " << row.message;
    }
    EXPECT_GT(summary.counts.acknowledged, 100U) << seed;
    faults += summary.counts.faults;
    EXPECT_EQ(memory.pages.lent(), 0U) << "a run gives all its pages back";
  }
  EXPECT_GT(faults, repetitions(60) * 4 / 3 - 1);
}

TEST(Ping, ADigestDependsOnThePlanAlone) {
  RunMemory fresh;
  RunMemory used(0xa5);
  const uint64_t digest = run_ping(ping_plan(7), {}, fresh).digest;
  for (uint64_t seed = 100; seed < 100 + repetitions(50); ++seed) run_ping(ping_plan(seed, "1s"), {}, used);
  EXPECT_EQ(run_ping(ping_plan(7), {}, used).digest, digest);
  RunRequest request;
  request.checkers = false;
  EXPECT_EQ(run_ping(ping_plan(7), request, used).digest, digest);
  request.record = true;
  EXPECT_EQ(run_ping(ping_plan(7), request, used).digest, digest);
  size_t traced = 0;
  TraceWriter trace([&](Bytes) { ++traced; });
  request.trace = &trace;
  EXPECT_EQ(run_ping(ping_plan(7), request, used).digest, digest);
  EXPECT_GT(traced, 1000U);
  EXPECT_NE(run_ping(ping_plan(8), {}, used).digest, digest);
  const Plan again = parse_plan(print_plan(ping_plan(7)), "plan", {}, fault_vocabulary()).value();
  EXPECT_EQ(run_ping(again, {}, used).digest, digest);
}

TEST(Ping, WithoutFaultsEverythingIsAnswered) {
  RunMemory memory;
  RunRequest request;
  request.faults = false;
  const RunSummary summary = run_ping(ping_plan(3), request, memory);
  EXPECT_EQ(summary.counts.faults, 0U);
  EXPECT_TRUE(summary.holds());
  EXPECT_LE(summary.counts.sent - summary.counts.acknowledged, 20U);
}

}  // namespace
}  // namespace ksim::sim
