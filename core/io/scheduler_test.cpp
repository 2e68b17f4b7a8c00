#include "core/io/scheduler.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/io/linux/stack_memory.h"
#include "core/io/scope.h"
#include "core/io/sync.h"

namespace ksim {
namespace {

// A world of nothing but jumping time.
class JumpingPolicy : public SchedulerPolicy {
 public:
  Instant now() override { return time; }
  uint64_t wake_priority(const Fiber&) override { return ++order; }
  uint64_t timer_tie(const Fiber&) override { return ++order; }
  bool idle(Instant next) override {
    if (next.is_never()) return false;
    time = std::max(time, next);
    return true;
  }
  void fiber_failed(Fiber& fiber, std::string_view what) override {
    failures.push_back(fiber.name() + ": " + std::string(what));
  }
  Instant time{0};
  uint64_t order = 0;
  std::vector<std::string> failures;
};

// The kernel gives a process 65,530 mappings, and a guarded stack takes two.
TEST(MappedStacks, AreMoreThanTheKernelHasGuardsFor) {
  MappedStacks memory;
  std::vector<StackSpan> stacks;
  for (int i = 0; i < 40'000; ++i) {
    stacks.push_back(memory.map());
    ASSERT_NE(stacks.back().bottom, nullptr) << i;
  }
  stacks.back().bottom[0] = 1;
  EXPECT_EQ(stacks.back().bottom[kFiberStackBytes - 1], 0);
  for (const StackSpan& stack : stacks) memory.unmap(stack);
}

class SchedulerTest : public testing::Test {
 protected:
  void run() {
    scheduler.run([] { return false; });
  }
  MappedStacks memory;
  StackPool stacks{memory, 0xdd};
  JumpingPolicy policy;
  Scheduler scheduler{policy, stacks};
  FiberGroup group{"test", 1};
  Scope scope{scheduler, group};
  std::string log;
};

TEST_F(SchedulerTest, SleepersWakeInOrderOfTime) {
  scope.spawn("late", [&] { scheduler.sleep_until(Instant{} + milliseconds(20)), log += "late "; });
  scope.spawn("early", [&] { scheduler.sleep_until(Instant{} + milliseconds(10)), log += "early "; });
  run();
  EXPECT_EQ(log, "early late ");
  EXPECT_EQ(policy.time.ms(), 20);
  EXPECT_TRUE(scope.empty());
}

TEST_F(SchedulerTest, CancelUnwindsEveryFiberAndJoinWaits) {
  struct Note {
    std::string& log;
    ~Note() { log += "unwound "; }
  };
  Scope outer(scheduler, group);
  outer.spawn("waiter", [&] {
    Note note{log};
    static_cast<void>(scheduler.park(Instant::never(), "ever"));
    log += "never ";
  });
  scope.spawn("closer", [&] {
    scheduler.sleep_until(Instant{} + milliseconds(1));
    outer.close();
    log += "closed";
  });
  run();
  EXPECT_EQ(log, "unwound closed");
}

TEST_F(SchedulerTest, WhatIsSpawnedWhileAScopeClosesIsCancelledToo) {
  Scope outer(scheduler, group);
  outer.spawn("slow to end", [&] {
    Shield shield(scheduler);
    scheduler.sleep_until(Instant{} + milliseconds(10));
  });
  scope.spawn("spawner", [&] {
    scheduler.sleep_until(Instant{} + milliseconds(5));
    outer.spawn("late", [&] {
      static_cast<void>(scheduler.park(Instant::never(), "ever"));
      log += "never ";
    });
  });
  scope.spawn("closer", [&] {
    scheduler.sleep_until(Instant{} + milliseconds(1));
    outer.close();
    log += "closed";
  });
  run();
  EXPECT_EQ(log, "closed");
}

TEST_F(SchedulerTest, ShieldedCleanUpMayWait) {
  Scope inner(scheduler, group);
  inner.spawn("worker", [&] {
    try {
      static_cast<void>(scheduler.park(Instant::never(), "work"));
    } catch (const FiberCancelled&) {
      log += "cancelled ";
      throw;
    }
  });
  scope.spawn("closer", [&] {
    scheduler.yield();
    inner.cancel();
    Shield shield(scheduler);
    inner.join();
    scheduler.sleep_until(policy.time + milliseconds(1));
    log += "joined";
  });
  run();
  EXPECT_EQ(log, "cancelled joined");
}

TEST_F(SchedulerTest, KillEndsShieldedFibersNewestFirst) {
  for (const char* name : {"a", "b", "c"}) {
    scope.spawn(name, [this, name] {
      struct Note {
        std::string& log;
        const char* name;
        ~Note() { log += name; }
      } note{log, name};
      Shield shield(scheduler);
      for (;;) scheduler.sleep_until(policy.time + seconds(1));
    });
  }
  scheduler.run([&] { return policy.time.ms() > 2500; });
  scheduler.kill(group);
  EXPECT_EQ(log, "cba");
  EXPECT_TRUE(group.empty());
}

TEST_F(SchedulerTest, KillRunsOutAnOperationThatCannotBeRecalled) {
  scope.spawn("disk", [&] {
    static_cast<void>(scheduler.park_uncancellable(Instant::never(), "disk"));
    log += "write ended ";
    static_cast<void>(scheduler.park(Instant::never(), "next"));
    log += "never";
  });
  run();
  scheduler.kill(group);
  EXPECT_EQ(log, "write ended ");
}

TEST_F(SchedulerTest, CancelDoesNotEndAWaitThatCannotBeRecalled) {
  Scope inner(scheduler, group);
  inner.spawn("disk", [&] {
    EXPECT_EQ(scheduler.park_uncancellable(Instant{} + milliseconds(5), "disk"), Wake::timed_out);
    log += "write ended ";
    scheduler.yield();
    log += "never";
  });
  scope.spawn("closer", [&] {
    scheduler.sleep_until(Instant{} + milliseconds(1));
    inner.close();
    log += "closed";
  });
  run();
  EXPECT_EQ(log, "write ended closed");
  EXPECT_EQ(policy.time.ms(), 5);
}

TEST_F(SchedulerTest, WaitingTwiceAfterCancellationIsABug) {
  Scope inner(scheduler, group);
  inner.spawn("stubborn", [&] {
    try {
      static_cast<void>(scheduler.park(Instant::never(), "first"));
    } catch (const FiberCancelled&) {
    }
    static_cast<void>(scheduler.park(Instant::never(), "second"));
  });
  scope.spawn("closer", [&] {
    scheduler.yield();
    inner.close();
  });
  run();
  ASSERT_EQ(policy.failures.size(), 1U);
  EXPECT_NE(policy.failures[0].find("waits again"), std::string::npos);
}

TEST_F(SchedulerTest, WaitsInCatchBlocksAndCriticalSectionsAreBugs) {
  scope.spawn("catch", [&] {
    try {
      throw std::runtime_error("x");
    } catch (const std::runtime_error&) {
      scheduler.yield();
    }
  });
  scope.spawn("section", [&] {
    NoSwitch section(scheduler);
    scheduler.yield();
  });
  run();
  EXPECT_EQ(policy.failures.size(), 2U);
}

TEST_F(SchedulerTest, ExceptionsOfFibersDoNotMix) {
  for (int i = 0; i < 2; ++i) {
    scope.spawn("thrower", [this, i] {
      for (int round = 0; round < 3; ++round) {
        try {
          scheduler.yield();
          throw i;
        } catch (int mine) {
          EXPECT_EQ(mine, i);
        }
        scheduler.yield();
      }
      log += "ok";
    });
  }
  run();
  EXPECT_EQ(log, "okok");
}

TEST_F(SchedulerTest, KeysDependOnNamesNotOnOrder) {
  uint64_t first = 0;
  uint64_t second = 0;
  {
    FiberGroup other("g", 7);
    Scope s(scheduler, other);
    s.spawn("x", [&] { first = scheduler.current()->key(); });
    run();
  }
  {
    FiberGroup other("g", 7);
    Scope s(scheduler, other);
    s.spawn("noise", [] {});
    s.spawn("x", [&] { second = scheduler.current()->key(); });
    run();
  }
  EXPECT_EQ(first, second);
}

TEST_F(SchedulerTest, MutexIsFairAndSurvivesCancellation) {
  Mutex mutex(scheduler);
  Scope victims(scheduler, group);
  scope.spawn("holder", [&] {
    MutexLock lock(mutex);
    scheduler.sleep_until(Instant{} + milliseconds(5));
    victims.cancel();
  });
  victims.spawn("victim", [&] {
    scheduler.sleep_until(Instant{} + milliseconds(1));
    MutexLock lock(mutex);
    log += "victim";
  });
  scope.spawn("heir", [&] {
    scheduler.sleep_until(Instant{} + milliseconds(2));
    MutexLock lock(mutex);
    log += "heir";
  });
  run();
  EXPECT_EQ(log, "heir");
  EXPECT_FALSE(mutex.locked());
}

TEST_F(SchedulerTest, ChannelsAreBounded) {
  Channel<int> channel(scheduler, 2);
  scope.spawn("sender", [&] {
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(channel.send(i));
    channel.close();
  });
  scope.spawn("receiver", [&] {
    while (auto value = channel.receive(Instant::never())) log += std::to_string(*value);
  });
  run();
  EXPECT_EQ(log, "01234");
}

TEST_F(SchedulerTest, DeadlinesEndWaits) {
  Condition condition(scheduler);
  scope.spawn("waiter", [&] {
    EXPECT_FALSE(condition.wait(Instant{} + milliseconds(3)));
    EXPECT_FALSE(condition.wait(Instant{1}));  // long past
    EXPECT_TRUE(condition.wait(Instant::never()));
  });
  scope.spawn("notifier", [&] {
    scheduler.sleep_until(Instant{} + milliseconds(9));
    condition.notify_all();
  });
  run();
  EXPECT_EQ(policy.time.ms(), 9);
}

}  // namespace
}  // namespace ksim
