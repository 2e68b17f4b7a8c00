#include "sim/shrink/shrink.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "sim/plan/storm.h"
#include "sim/shrink/differences.h"

namespace ksim::sim {
namespace {

// A plan fails if this is so; no cluster runs.
using Fails = std::function<bool(const Plan&)>;

ShrinkOptions options_for(const Fails& fails, std::vector<std::string>* steps = nullptr) {
  ShrinkOptions options;
  options.first_that_fails = [fails](const std::vector<Attempt>& attempts) -> std::optional<size_t> {
    for (size_t i = 0; i < attempts.size(); ++i) {
      if (fails(attempts[i].plan)) return i;
    }
    return std::nullopt;
  };
  options.adopted = [steps](const std::string& what) {
    if (steps != nullptr) steps->push_back(what);
  };
  options.enough = [] { return false; };
  return options;
}

bool has_fault(const Plan& plan, const std::string& kind, Duration lasts) {
  return std::any_of(plan.faults.begin(), plan.faults.end(),
                     [&](const FaultPlan& f) { return f.kind == kind && f.lasts && *f.lasts >= lasts; });
}

Plan large() {
  Plan plan = draw_storm(3, {});
  plan.faults.clear();
  for (int i = 0; i < 9; ++i) {
    FaultPlan fault;
    fault.kind = i == 2 ? "pause" : i == 7 ? "power_loss" : "crash";
    fault.target = "leader(orders-0)";
    fault.trigger.at = seconds(1 + i);
    fault.lasts = seconds(8);
    plan.faults.push_back(std::move(fault));
  }
  plan.duration = seconds(40);
  plan.topics.front().config["min.insync.replicas"] = "1";
  plan.producers.front().config["acks"] = "all";
  return plan;
}

TEST(Shrink, LeavesWhatTheFailureNeedsAndNothingElse) {
  const Fails fails = [](const Plan& plan) {
    return has_fault(plan, "pause", milliseconds(100)) && has_fault(plan, "power_loss", milliseconds(1)) &&
           plan.duration >= seconds(12) && !plan.topics.empty() &&
           plan.topics.front().config.contains("min.insync.replicas") && plan.cluster.nodes.size() >= 2;
  };
  ASSERT_TRUE(fails(large()));
  std::vector<std::string> steps;
  const Plan small = shrink(large(), options_for(fails, &steps));
  EXPECT_TRUE(fails(small));
  ASSERT_EQ(small.faults.size(), 2U);
  EXPECT_LT(*small.faults[0].lasts, milliseconds(200));
  EXPECT_EQ(small.faults[1].lasts, milliseconds(1));
  EXPECT_LT(small.duration, seconds(24));
  EXPECT_EQ(small.topics.size(), 1U);
  EXPECT_EQ(small.topics.front().config.size(), 1U);
  EXPECT_EQ(small.topics.front().partitions, 1);
  EXPECT_EQ(small.cluster.nodes.size(), 2U);
  EXPECT_TRUE(small.producers.empty() && small.consumers.empty() && small.admins.empty());
  EXPECT_TRUE(small.cluster.config.empty());
  EXPECT_EQ(small.limits, "production");
  EXPECT_FALSE(steps.empty());
}

TEST(Shrink, ChangesNothingWhereEverythingIsNeeded) {
  const Plan plan = large();
  const std::string whole = print_plan(plan);
  const Plan small = shrink(plan, options_for([&](const Plan& tried) { return print_plan(tried) == whole; }));
  EXPECT_EQ(print_plan(small), whole);
}

TEST(Shrink, StopsWhenItIsEnough) {
  ShrinkOptions options = options_for([](const Plan&) { return true; });
  size_t steps = 0;
  options.adopted = [&](const std::string&) { ++steps; };
  options.enough = [&] { return steps >= 3; };
  shrink(large(), options);
  EXPECT_EQ(steps, 3U);
}

// The mark that the node has reached last, as often as it was reached by then.
TEST(Shrink, TurnsTimesIntoTriggers) {
  const Fails fails = [](const Plan& plan) { return has_fault(plan, "pause", milliseconds(1)); };
  ShrinkOptions options = options_for(fails);
  options.watch = [](const Plan&) {
    Sighting seen;
    seen.marks = {{Instant{} + milliseconds(900), "broker-1", "log.rolled", 1},
                  {Instant{} + milliseconds(950), "broker-2", "leader.became", 1},
                  {Instant{} + milliseconds(990), "broker-1", "isr.shrunk", 4}};
    seen.faults = {{0, Instant{} + seconds(1), {"broker-1"}}};
    return seen;
  };
  const Plan small = shrink(large(), options);
  ASSERT_EQ(small.faults.size(), 1U);
  EXPECT_EQ(small.faults[0].target, kHere);
  EXPECT_EQ(small.faults[0].trigger.when, "isr.shrunk");
  EXPECT_FALSE(small.faults[0].trigger.at);
}

TEST(Bisect, NamesTheSettingsThatDecideTogether) {
  Plan first = large();
  Plan second = first;
  second.cluster.config["replica.lag.time.max.ms"] = "1234";
  second.cluster.config["broker.session.timeout.ms"] = "4321";
  second.topics.front().config["min.insync.replicas"] = "2";
  second.topics.front().config["flush.messages"] = "1";
  second.producers.front().config["acks"] = "1";
  second.duration = seconds(20);
  const std::vector<Difference> all = differences(first, second);
  EXPECT_EQ(all.size(), 6U);
  const auto ends_so = [](const Plan& plan) {
    const auto& topic = plan.topics.front().config;
    return topic.at("min.insync.replicas") == "2" && topic.contains("flush.messages") &&
           topic.at("flush.messages") == "1";
  };
  const std::vector<Difference> decisive =
      deciding(first, all, [&](const std::vector<Plan>& plans) -> std::optional<size_t> {
        for (size_t i = 0; i < plans.size(); ++i) {
          if (ends_so(plans[i])) return i;
        }
        return std::nullopt;
      });
  ASSERT_EQ(decisive.size(), 2U);
  EXPECT_EQ(decisive[0].what, "topic orders: min.insync.replicas");
  EXPECT_EQ(decisive[0].first, "1");
  EXPECT_EQ(decisive[0].second, "2");
  EXPECT_EQ(decisive[1].what, "topic orders: flush.messages");
  EXPECT_EQ(decisive[1].second, "1");
}

}  // namespace
}  // namespace ksim::sim
