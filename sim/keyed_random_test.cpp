#include "sim/keyed_random.h"

#include <gtest/gtest.h>

#include "sim/clock/node_clock.h"
#include "sim/latency.h"

namespace ksim::sim {
namespace {

// Recorded seeds and plans mean something only as long as these numbers stay.
TEST(KeyedRandom, DrawsAreFixedForEver) {
  const KeyedRandom random(1);
  EXPECT_EQ(random.draw(SimStream::plan, 2, 3), KeyedRandom(1).draw(1001, 2, 3));
  EXPECT_EQ(KeyedRandom(0).draw(1, 0, 0), 0x230cbcbf3bfb4b35ULL);
  EXPECT_EQ(KeyedRandom(~0ULL).draw(1017, ~0ULL, ~0ULL), 0x64f4ffe0a4165e5fULL);
}

TEST(KeyedRandom, EveryPartOfTheKeyCounts) {
  const uint64_t base = KeyedRandom(5).draw(7, 11, 13);
  EXPECT_NE(KeyedRandom(6).draw(7, 11, 13), base);
  EXPECT_NE(KeyedRandom(5).draw(8, 11, 13), base);
  EXPECT_NE(KeyedRandom(5).draw(7, 12, 13), base);
  EXPECT_NE(KeyedRandom(5).draw(7, 11, 14), base);
}

TEST(KeyedRandom, SequentialKeysSpreadEvenly) {
  const KeyedRandom random(42);
  uint32_t buckets[64] = {};
  constexpr uint32_t kDraws = 64'000;
  for (uint64_t i = 0; i < kDraws; ++i) ++buckets[below(random.draw(3, i % 10, i / 10), 64)];
  uint64_t chi = 0;  // times 1000
  for (const uint32_t n : buckets) {
    const int64_t off = static_cast<int64_t>(n) - 1000;
    chi += static_cast<uint64_t>(off * off);
  }
  EXPECT_LT(chi, 110'000U);  // 63 degrees of freedom: 110 is passed once in 4000 times
  EXPECT_GT(chi, 30'000U);
}

TEST(KeyedRandom, BoundsAreKept) {
  EXPECT_EQ(below(~0ULL, 10), 9U);
  EXPECT_EQ(below(0, 10), 0U);
  EXPECT_EQ(between(~0ULL, 5, 5), 5U);
  EXPECT_EQ(between(~0ULL, 0, ~0ULL), ~0ULL);
}

TEST(Latency, TablesAreWalkedLinearly) {
  constexpr LatencyTable table{{{{500'000, 1'000}, {1'000'000, 3'000}}}};
  EXPECT_EQ(table.sample_ns(0), 1'000);
  EXPECT_EQ(table.sample_ns(~0ULL / 2), 1'000);
  EXPECT_NEAR(static_cast<double>(table.sample_ns(~0ULL / 4 * 3)), 2'000.0, 10.0);
  EXPECT_LE(table.sample_ns(~0ULL), 3'000);
  EXPECT_EQ(scale_per_mille(1'000'000'007, 1'500), 1'500'000'010);
}

TEST(NodeClock, AnInstantOfTheWorldIsTheFirstThatReachesADeadline) {
  for (const int32_t ppb : {0, 1, -1, 100'000, -100'000, kMaxDriftPpb, -kMaxDriftPpb}) {
    int64_t world = 1'000'000'000;
    NodeClock clock(world);
    clock.set_start(seconds(77));
    clock.set_drift(ppb);
    for (int64_t ahead : {1LL, 2LL, 999LL, 1'000'000'007LL, 86'400'000'000'000LL}) {
      const Instant local = clock.now() + nanoseconds(ahead);
      const Instant there = clock.world_time(local);
      const int64_t now = world;
      world = there.ns;
      EXPECT_GE(clock.now(), local) << ppb << " " << ahead;
      world = there.ns - 1;
      EXPECT_LT(clock.now(), local) << ppb << " " << ahead;
      world = now + ahead / 3;  // and so from anywhere on the way
      EXPECT_EQ(clock.world_time(local), there);
    }
    EXPECT_TRUE(clock.world_time(Instant::never()).is_never());
    const WallTime wall = clock.wall();
    clock.step_wall(seconds(-5));
    EXPECT_EQ((wall - clock.wall()).ms(), 5000);
  }
}

TEST(NodeClock, KnowsThatItWasPutBack) {
  int64_t world = 0;
  NodeClock clock(world);
  clock.step_wall(seconds(-3));
  EXPECT_EQ(clock.wall_put_back({0}).ns, 0) << "it was never right";
  world = seconds(5).ns;
  clock.step_wall(seconds(60));
  EXPECT_EQ(clock.wall_put_back({0}).ns, 0);
  world = seconds(7).ns;
  clock.step_wall(seconds(-50));
  world = seconds(8).ns;
  clock.step_wall(seconds(-10));
  EXPECT_EQ(clock.wall_put_back({seconds(7).ns}), seconds(60));
  EXPECT_EQ(clock.wall_put_back({seconds(8).ns}), seconds(10));
  EXPECT_EQ(clock.wall_put_back({seconds(9).ns}).ns, 0);
}

TEST(NodeClock, StandsStillAndGoesOnWithTheWallClockPutRight) {
  int64_t world = 1'000'000'000;
  NodeClock clock(world);
  clock.set_drift(100'000);
  const Instant local = clock.now();
  const WallTime wall = clock.wall();
  clock.hold();
  world += seconds(5).ns;
  clock.hold();
  world += seconds(5).ns;
  clock.release();
  EXPECT_EQ(clock.now(), local);
  EXPECT_TRUE(clock.world_time(local + nanoseconds(1)).is_never());
  clock.release();
  EXPECT_EQ(clock.now(), local);
  EXPECT_EQ((clock.wall() - wall).ms(), 10'000);
  EXPECT_EQ(clock.drift_ppb(), 100'000);
  EXPECT_EQ(clock.world_time(local + seconds(1)), Instant{world} + nanoseconds(999'900'010));
}

}  // namespace
}  // namespace ksim::sim
