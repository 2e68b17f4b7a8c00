#include "sim/swarm/guide.h"

#include <gtest/gtest.h>

namespace ksim::sim {
namespace {

SeedResult result_of(std::vector<uint64_t> marks, std::vector<std::string> kinds = {},
                     std::vector<uint16_t> situations = {}) {
  SeedResult result;
  result.marks = std::move(marks);
  result.fault_kinds = std::move(kinds);
  result.situations = std::move(situations);
  return result;
}

TEST(Guide, KeepsWhatNoRunHadBefore) {
  Guide guide;
  EXPECT_TRUE(guide.learn(0, {1, {}}, result_of({1, 0})));
  EXPECT_FALSE(guide.learn(0, {2, {}}, result_of({1, 0})));
  EXPECT_TRUE(guide.learn(0, {3, {}}, result_of({0, 1})));           // a mark
  EXPECT_TRUE(guide.learn(0, {4, {}}, result_of({2, 0})));           // twice as often
  EXPECT_FALSE(guide.learn(0, {5, {}}, result_of({3, 0})));          // not twice as often again
  EXPECT_TRUE(guide.learn(0, {6, {}}, result_of({1}, {"crash"})));   // a pair
  EXPECT_FALSE(guide.learn(0, {7, {}}, result_of({1}, {"crash"})));  // known in another scenario too
  EXPECT_TRUE(guide.learn(1, {8, {}}, result_of({1}, {}, {77})));    // a situation
  EXPECT_FALSE(guide.learn(1, {9, {}}, result_of({1}, {}, {77})));
  EXPECT_EQ(guide.kept(), 5U);
}

TEST(Guide, BeginsWithFreshSeedsAndThenMutatesWhatItKeptOfTheScenario) {
  Guide guide;
  for (uint64_t number = 0; number < 20; ++number) {
    EXPECT_EQ(guide.next(0, number, 100 + number), (Lineage{100 + number, {}}));
  }
  guide.keep(0, {7, {}});
  guide.keep(1, {8, {}});
  uint64_t fresh = 0;
  for (uint64_t number = 0; number < 300; ++number) {
    const Lineage next = guide.next(0, number, 1000 + number);
    if (next.mutations.empty()) {
      ++fresh;
      EXPECT_EQ(next.seed, 1000 + number);
    } else {
      EXPECT_EQ(next.seed, 7U);
      EXPECT_EQ(next.mutations.size(), 1U);
    }
  }
  EXPECT_GT(fresh, 50U);
  EXPECT_LT(fresh, 150U);
}

TEST(Guide, LineagesStayShortAndAllPlansAreMutated) {
  Guide guide;
  for (uint64_t seed = 1; seed <= 10; ++seed) guide.keep(0, {seed, std::vector<uint32_t>(12, 5)});
  std::set<uint64_t> parents;
  for (uint64_t number = 0; number < 100; ++number) {
    const Lineage next = guide.next(0, number, 1000 + number);
    EXPECT_LE(next.mutations.size(), 12U);
    if (!next.mutations.empty()) parents.insert(next.seed);
  }
  EXPECT_EQ(parents.size(), 10U);
}

}  // namespace
}  // namespace ksim::sim
