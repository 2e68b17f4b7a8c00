#include <atomic>

#include <gtest/gtest.h>

#include "core/io/conformance/conformance.h"
#include "core/io/scope.h"

namespace ksim::conformance {
namespace {

void sleep_lasts(Env& env) {
  const Instant start = env.now();
  env.sleep(milliseconds(3));
  EXPECT_GE(env.now(), start + milliseconds(3));
  env.scheduler.sleep_until(start);  // long past
  EXPECT_GE(env.now(), start);
  EXPECT_EQ(env.scheduler.park(start, "past"), Wake::timed_out);
}

void wall_time_goes_with_the_clock(Env& env) {
  const WallTime wall = env.clock.wall();
  const Instant start = env.now();
  env.sleep(milliseconds(50));
  const Duration passed = env.now() - start;
  const Duration wall_passed = env.clock.wall() - wall;
  EXPECT_GT(wall_passed, passed - milliseconds(25)) << "without a step in between";
}

void draws_are_functions_of_their_key(Env& env) {
  const uint64_t draw = env.random.draw(Stream::uuid, 7, 9);
  EXPECT_EQ(env.random.draw(Stream::uuid, 7, 9), draw);
  EXPECT_NE(env.random.draw(Stream::uuid, 7, 10), draw);
  EXPECT_NE(env.random.draw(Stream::uuid, 8, 9), draw);
  EXPECT_NE(env.random.draw(Stream::placement, 7, 9), draw);
}

// Posts until it is taken.
void insist(Env& env, size_t shard, Task task) {
  while (!env.mailboxes.post(shard, task)) env.sleep(milliseconds(1));
}

void mailboxes_keep_the_order_of_each_pair(World& world) {
  constexpr size_t kShards = 3;
  constexpr int kTasks = 2000;
  // last[to][from] is touched by tasks that run on shard `to` only.
  std::vector<std::vector<int>> last(kShards, std::vector<int>(kShards, -1));
  std::atomic<int> out_of_order{0};
  world.run_shards(kShards, [&](Env& env) {
    ASSERT_EQ(env.mailboxes.shard_count(), kShards);
    const size_t from = env.mailboxes.self();
    Scope scope(env);
    scope.spawn("sender", [&] {
      for (int i = 0; i < kTasks; ++i) {
        for (size_t to = 0; to < kShards; ++to) {
          insist(env, to, Task([&last, &out_of_order, to, from, i] {
                   if (++last[to][from] != i) ++out_of_order;
                 }));
        }
      }
    });
    for (int i = 0; i < kTasks * static_cast<int>(kShards); ++i) {
      Task task = env.mailboxes.receive(eventually(env));
      ASSERT_TRUE(task) << "a task is lost";
      task();
    }
    scope.join();
  });
  EXPECT_EQ(out_of_order, 0);
  for (const auto& senders : last) {
    for (const int count : senders) EXPECT_EQ(count, kTasks - 1);
  }
}

void mailboxes_are_bounded(World& world) {
  world.run_shards(1, [&](Env& env) {
    int ran = 0;
    int posted = 0;
    Task task([&ran] { ++ran; });
    while (posted < 10'000'000 && env.mailboxes.post(0, task)) {
      ++posted;
      task = Task([&ran] { ++ran; });
    }
    ASSERT_LT(posted, 10'000'000) << "never full";
    ASSERT_GT(posted, 0);
    ASSERT_TRUE(task) << "a task that was not taken is the caller's still";
    for (int i = 0; i < posted; ++i) env.mailboxes.receive(eventually(env))();
    EXPECT_EQ(ran, posted);
    EXPECT_FALSE(env.mailboxes.receive(soon(env)));
    ASSERT_TRUE(env.mailboxes.post(0, task));
    env.mailboxes.receive(eventually(env))();
    EXPECT_EQ(ran, posted + 1);
  });
}

void receiving_gives_up_at_the_deadline(World& world) {
  world.run_shards(1, [&](Env& env) {
    const Instant start = env.now();
    EXPECT_FALSE(env.mailboxes.receive(start + milliseconds(5)));
    EXPECT_GE(env.now(), start + milliseconds(5));
    EXPECT_FALSE(env.mailboxes.receive(start)) << "a deadline long past, nothing there";
    Task task([] {});
    ASSERT_TRUE(env.mailboxes.post(0, task));
    env.sleep(milliseconds(5));
    EXPECT_TRUE(env.mailboxes.receive(start)) << "a deadline long past, but something there";
  });
}

void receiving_can_be_cancelled(World& world) {
  world.run_shards(1, [&](Env& env) {
    bool unwound = false;
    Scope scope(env);
    scope.spawn("receiver", [&] {
      struct Note {
        bool& unwound;
        ~Note() { unwound = true; }
      } note{unwound};
      env.mailboxes.receive(Instant::never());
      ADD_FAILURE() << "received nothing and went on";
    });
    env.sleep(milliseconds(2));
    scope.close();
    EXPECT_TRUE(unwound);
    Task task([] {});
    ASSERT_TRUE(env.mailboxes.post(0, task));
    EXPECT_TRUE(env.mailboxes.receive(eventually(env)));
  });
}

}  // namespace

std::vector<Promise> shard_promises() {
  return {
      {"sleep_lasts", on_one_node(sleep_lasts)},
      {"wall_time_goes_with_the_clock", on_one_node(wall_time_goes_with_the_clock)},
      {"draws_are_functions_of_their_key", on_one_node(draws_are_functions_of_their_key)},
      {"mailboxes_keep_the_order_of_each_pair", mailboxes_keep_the_order_of_each_pair},
      {"mailboxes_are_bounded", mailboxes_are_bounded},
      {"receiving_gives_up_at_the_deadline", receiving_gives_up_at_the_deadline},
      {"receiving_can_be_cancelled", receiving_can_be_cancelled},
  };
}

}  // namespace ksim::conformance
