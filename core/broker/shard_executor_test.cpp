#include "core/broker/shard_executor.h"

#include "core/broker/test_shards.h"

namespace ksim::broker {
namespace {

TEST(ShardExecutor, ACallBringsItsValueHome) {
  TestShards world(3);
  world.run([&] {
    const auto answer = world.executor(0).call(2, [&] {
      EXPECT_EQ(world.scheduler.current()->group().name(), "shard2");
      world.env(2).sleep(milliseconds(5));
      return std::string("from 2");
    });
    EXPECT_EQ(answer, "from 2");
    EXPECT_EQ(world.scheduler.current()->group().name(), "shard0");
  });
}

TEST(ShardExecutor, CallsToSeveralShardsRunTogether) {
  TestShards world(4);
  world.run([&] {
    const Instant began = world.policy.time;
    std::vector<ShardCall<size_t>> calls;
    for (size_t shard = 0; shard < 4; ++shard) {
      calls.push_back(world.executor(0).start_call(shard, [&world, shard] {
        world.env(shard).sleep(milliseconds(10));
        return shard;
      }));
    }
    size_t sum = 0;
    for (auto& call : calls) sum += call.wait();
    EXPECT_EQ(sum, 6u);
    EXPECT_EQ((world.policy.time - began).ms(), 10);
  });
}

TEST(ShardExecutor, NoticesKeepTheirOrderThroughAFullMailbox) {
  TestShards world(2, 2, 3);
  std::vector<int> seen;
  world.run([&] {
    for (int i = 0; i < 50; ++i) world.executor(0).post(1, [&seen, i] { seen.push_back(i); });
    EXPECT_TRUE(seen.empty());
    world.env().sleep(milliseconds(20));
  });
  ASSERT_EQ(seen.size(), 50u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(ShardExecutor, MoreCallsThanWorkersAllEnd) {
  TestShards world(2, 2, 2);
  int done = 0;
  for (int i = 0; i < 10; ++i) {
    world.shards[0]->executor.run_on_worker([&world, &done] {
      done += world.executor(0).call(1, [&world] {
        world.env(1).sleep(milliseconds(1));
        return 1;
      });
    });
  }
  world.run_for(seconds(1));
  EXPECT_EQ(done, 10);
}

TEST(ShardExecutor, ACancelledCallerLeavesTheAnswerToNobody) {
  TestShards world(2);
  bool ran = false;
  world.run([&] {
    Scope scope(world.env());
    scope.spawn("caller", [&] {
      static_cast<void>(world.executor(0).call(1, [&] {
        world.env(1).sleep(milliseconds(5));
        ran = true;
        return 0;
      }));
      ADD_FAILURE() << "was cancelled";
    });
    world.env().sleep(milliseconds(1));
    scope.close();
    world.env().sleep(milliseconds(50));
  });
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace ksim::broker
