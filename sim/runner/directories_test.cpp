// A broker with two log directories that has lost one of them.

#include <gtest/gtest.h>

#include "sim/runner/test_run.h"

namespace ksim::sim {
namespace {

// Each directory has one of the two partitions, and nobody else has either.
constexpr std::string_view kLoneBroker = R"toml(
duration = "30s"
[cluster]
brokers = 1
controllers = 1
config = { "log.dirs" = "data,data-2" }
[[topic]]
name = "orders"
partitions = 2
[[producer]]
name = "producer"
topic = "orders"
keyed = true
interval = "50ms"
config = { "delivery.timeout.ms" = 3000, "request.timeout.ms" = 1000 }
[[consumer]]
name = "reader"
topic = "orders"
config = { "auto.offset.reset" = "earliest" }
)toml";

RunSummary run_lone(std::string_view faults) {
  return run_well(std::string(kLoneBroker) + std::string(faults));
}

TEST(Directories, WhatStandsInALostOneWaitsForItAndTheRestGoesOn) {
  const RunSummary summary = run_lone(R"toml(
[[fault]]
kind = "crash"
target = "broker-1"
at = "8s"
lasts = "500ms"
[[fault]]
kind = "disk_error"
target = "broker-1"
what = "all"
path = "data-2"
at = "8100ms"
lasts = "10s"
)toml");
  const std::string effects = effects_of(summary);
  EXPECT_NE(effects.find("broker-1 starts anew, with the directory"), std::string::npos) << effects;
  EXPECT_EQ(summary.counts.lost, 0U);
  EXPECT_GT(summary.counts.failed + summary.counts.unknown, 20U);
  EXPECT_GT(summary.counts.acknowledged, 250U);
}

// As it is where the directory fails under a process that has it.
TEST(Directories, OneThatFailsIsTakenBackWhenItIsWell) {
  const RunSummary summary = run_lone(R"toml(
[[fault]]
kind = "disk_error"
target = "broker-1"
what = "write"
path = "data-2"
at = "8s"
lasts = "10s"
)toml");
  const std::string effects = effects_of(summary);
  EXPECT_NE(effects.find("broker-1 starts anew, with the directory"), std::string::npos) << effects;
  EXPECT_EQ(summary.counts.lost, 0U);
  EXPECT_GT(summary.counts.acknowledged, 250U);
}

}  // namespace
}  // namespace ksim::sim
