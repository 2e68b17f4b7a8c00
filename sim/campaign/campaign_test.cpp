#include "sim/campaign/campaign.h"

#include <gtest/gtest.h>

namespace ksim::sim {
namespace {

SeedResult result_of(uint64_t seed, uint64_t faults, bool holds = true) {
  SeedResult result;
  result.seed = seed;
  result.digest = seed * 1'000'003;
  result.holds = holds;
  result.counts.faults = faults;
  result.counts.elections = seed;
  result.marks = {1, 0, seed};
  if (faults > 0) result.fault_kinds = {"crash", "pause"};
  if (!holds) result.complaint = "R1 in orders-0: gone";
  return result;
}

TEST(Campaign, ResultsCrossAPipe) {
  SeedResult sent = result_of(~0ULL, 3, false);
  sent.counts.quorum_elections = 77;
  sent.simulator_fault = true;
  Plan plan;
  for (const char* kind : {"pause", "crash", "power_loss", "crash"}) plan.faults.emplace_back().kind = kind;
  sent.plan_faults(plan);
  const std::optional<SeedResult> got = SeedResult::decode(sent.encode());
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->seed, sent.seed);
  EXPECT_EQ(got->digest, sent.digest);
  EXPECT_EQ(got->holds, false);
  EXPECT_EQ(got->simulator_fault, true);
  EXPECT_EQ(got->counts.faults, 3U);
  EXPECT_EQ(got->counts.quorum_elections, 77U);
  EXPECT_EQ(got->marks, sent.marks);
  EXPECT_EQ(got->complaint, sent.complaint);
  EXPECT_EQ(got->fault_kinds, sent.fault_kinds);
  EXPECT_EQ(got->planned, (std::vector<std::string>{"crash", "pause", "power_loss"}));
  ByteBuffer damaged = sent.encode();
  for (size_t n = 0; n < damaged.size(); ++n) {
    EXPECT_FALSE(SeedResult::decode(Bytes(damaged).first(n)).has_value());
  }
}

TEST(Campaign, SumsUpWhateverTheOrder) {
  std::string renderings[2];
  for (const bool backwards : {false, true}) {
    Campaign campaign("leader_crash");
    for (uint64_t i = 1; i <= 9; ++i) {
      const uint64_t seed = backwards ? 10 - i : i;
      campaign.add(result_of(seed, seed * 2, seed != 4));
    }
    EXPECT_EQ(campaign.exit_code(), 1);
    renderings[backwards] = campaign.render(2'000'000'000, "ksim scenario leader_crash", false);
  }
  EXPECT_EQ(renderings[0], renderings[1]);
  EXPECT_NE(renderings[0].find("median of a seed: 10 faults that took effect, 5 elections"),
            std::string::npos)
      << renderings[0];
  EXPECT_NE(renderings[0].find("VIOLATION seed 4: R1 in orders-0: gone"), std::string::npos);
  EXPECT_NE(renderings[0].find("repeat: ksim scenario leader_crash --seed 4"), std::string::npos);
  EXPECT_NE(renderings[0].find("4.5 seeds/s"), std::string::npos) << renderings[0];
}

TEST(Campaign, AFaultOfTheSimulatorOutweighsViolations) {
  Campaign campaign("x");
  campaign.add(result_of(1, 0));
  EXPECT_EQ(campaign.exit_code(), 0);
  campaign.add(result_of(2, 0, false));
  SeedResult broken = result_of(3, 0);
  broken.simulator_fault = true;
  campaign.add(broken);
  EXPECT_EQ(campaign.exit_code(), 3);
}

}  // namespace
}  // namespace ksim::sim
