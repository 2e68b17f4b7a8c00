#include "sim/plan/storm.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "core/base/contains.h"
#include "core/base/hooks.h"
#include "sim/plan/mutate.h"

namespace ksim::sim {
namespace {

TEST(Storm, TheSameSeedMakesTheSamePlan) {
  EXPECT_EQ(print_plan(draw_storm(7, {})), print_plan(draw_storm(7, {})));
  EXPECT_NE(print_plan(draw_storm(7, {})), print_plan(draw_storm(8, {})));
}

// What is always there hides what the others would show, and what never is finds nothing.
TEST(Storm, ASeedHasSomeKindsOfFaultsAndSettingsAndNoneHasAll) {
  constexpr uint64_t kSeeds = 1000;
  std::map<std::string, uint64_t> kinds;
  std::map<std::string, uint64_t> settings;
  size_t most = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Plan plan = draw_storm(seed, {});
    std::set<std::string> here;
    for (const FaultPlan& fault : plan.faults) here.insert(fault.kind);
    EXPECT_FALSE(here.empty());
    most = std::max(most, here.size());
    for (const std::string& kind : here) ++kinds[kind];
    for (const TopicPlan& topic : plan.topics) {
      for (const auto& [key, value] : topic.config) ++settings[key];
    }
  }
  EXPECT_LE(most, 9U);  // with what comes before another one, and what takes a directory
  EXPECT_GE(kinds.size(), 35U);
  for (const auto& [kind, seeds] : kinds) {
    EXPECT_GE(seeds, kSeeds / 100) << kind;
    EXPECT_LE(seeds, kSeeds / 2) << kind;
  }
  for (const char* key : {"flush.messages", "segment.ms", "retention.ms", "unclean.leader.election.enable"}) {
    EXPECT_GE(settings[key], kSeeds / 10) << key;
    EXPECT_LE(settings[key], kSeeds / 2) << key;
  }
}

// One that gives a connection up before a slow read has ended may never hear where it is to read on.
TEST(Storm, NoConsumerIsTooImpatientForSlowReads) {
  const std::string site(site_name(Site::fetch_slow_read));
  const auto impatient = [](const Plan& plan) {
    return std::any_of(plan.consumers.begin(), plan.consumers.end(), [](const ConsumerPlan& consumer) {
      return consumer.config.at("request.timeout.ms") == "1300";
    });
  };
  int elsewhere = 0;
  int mutated = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Plan plan = draw_storm(seed, {});
    const bool slow = contains(plan.buggify, site);
    EXPECT_FALSE(slow && impatient(plan)) << seed;
    if (slow || !impatient(plan)) continue;
    ++elsewhere;
    mutate(plan, draw_storm(seed + 1, {}), seed, {{{"crash", {}}}, {}, {}});
    if (!contains(plan.buggify, site)) continue;
    ++mutated;
    EXPECT_FALSE(impatient(plan)) << seed;
  }
  EXPECT_GT(elsewhere, 30);
  EXPECT_GT(mutated, 0);
}

// The quorum keeps a majority of its disks.
TEST(Storm, NoDiskOfAVoterIsReplaced) {
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    const Plan plan = draw_storm(seed, {});
    bool combined = false;
    for (const NodePlan& node : plan.cluster.nodes) combined = combined || (node.broker && node.controller);
    for (const FaultPlan& fault : plan.faults) {
      if (fault.kind != "wipe_disk" && fault.kind != "restore_disk") continue;
      EXPECT_FALSE(combined) << seed;
      EXPECT_TRUE(fault.target.starts_with("leader(") || fault.target.starts_with("follower(")) << seed;
    }
  }
}

// A scenario says what it cares for, and leaves the rest to be drawn.
TEST(Storm, AScenarioOverrulesWhatIsDrawn) {
  const Vocabulary words{{{"crash", {}}}, {}, {}};
  const auto plan = draw_plan(
      "draws = \"storm\"\nduration = \"3s\"\n[[fault]]\nkind = \"crash\"\n"
      "target = \"broker-1\"\nat = \"1s\"\n",
      "own", 5, {{"network.latency", "\"wide\""}}, words);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  const Plan drawn = draw_storm(5, words);
  EXPECT_EQ(plan->scenario, "own");
  EXPECT_EQ(plan->seed, 5U);
  EXPECT_EQ(plan->duration, seconds(3));
  EXPECT_EQ(plan->network.latency, "wide");
  ASSERT_EQ(plan->faults.size(), 1U);
  EXPECT_EQ(plan->producers.size(), drawn.producers.size());
  EXPECT_EQ(plan->explore.micro_seed, drawn.explore.micro_seed);
  const auto wrong = draw_plan("draws = \"snow\"\n", "own", 5, {}, words);
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().message, "own:1:9: draws: expected \"storm\"");
}

}  // namespace
}  // namespace ksim::sim
