#include "sim/world.h"

#include <gtest/gtest.h>

#include "core/io/sync.h"
#include "sim/test_world.h"

namespace ksim::sim {
namespace {

TEST(World, ANodeRunsAndExits) {
  TestWorld world;
  bool ran = false;
  EXPECT_TRUE(world.run("a", [&](Env& env) {
    const Instant before = env.now();
    env.sleep(milliseconds(250));
    EXPECT_GE((env.now() - before).ms(), 250);
    EXPECT_LT((env.now() - before).ms(), 300);
    ran = true;
  }));
  EXPECT_TRUE(ran);
  EXPECT_TRUE(world.failures().empty());
}

TEST(World, ABrokenInvariantCrashesItsNodeOnly) {
  TestWorld world;
  world.start("a", [](Env& env) {
    env.sleep(milliseconds(1));
    ENSURE(false, "on purpose");
  });
  bool other = false;
  world.start("b", [&](Env& env) {
    env.sleep(milliseconds(10));
    other = true;
  });
  EXPECT_TRUE(world.run());
  EXPECT_TRUE(other);
  ASSERT_EQ(world.failures().size(), 1U);
  EXPECT_NE(world.failures()[0].find("a/main: "), std::string::npos);
  EXPECT_NE(world.failures()[0].find("on purpose"), std::string::npos);
}

TEST(World, APausedNodeFreezesWhileTheWorldGoesOn) {
  TestWorld world;
  int ticks = 0;
  SimNode& node = world.start("a", [&](Env& env) {
    for (;;) {
      env.sleep(milliseconds(10));
      ++ticks;
    }
  });
  world.run(milliseconds(100));
  const int before = ticks;
  EXPECT_GT(before, 5);
  node.pause();
  world.run(seconds(1));
  EXPECT_EQ(ticks, before);
  node.unpause();
  world.run(milliseconds(100));
  EXPECT_GT(ticks, before);
}

TEST(World, ACrashUnwindsWithoutEffect) {
  TestWorld world;
  bool unwound = false;
  bool went_on = false;
  SimNode& node = world.start("a", [&](Env& env) {
    struct Note {
      Env& env;
      bool& flag;
      ~Note() { flag = true; }
    } note{env, unwound};
    while (env.disk.open("f", Open::create).ok()) env.sleep(milliseconds(1));
    went_on = true;  // a call of a dead process does not return
  });
  world.run(milliseconds(20));
  node.crash();
  EXPECT_FALSE(unwound);  // a crash ends the process's effects at once, its stacks a step later
  world.run(milliseconds(1));
  EXPECT_TRUE(unwound);
  EXPECT_FALSE(went_on);
  EXPECT_FALSE(node.running());
}

TEST(World, ACrashFromWithinAFiberTakesEffectBeforeItsNextCall) {
  TestWorld world;
  SimNode* node = nullptr;
  bool written = false;
  node = &world.start("a", [&](Env& env) {
    const FileRef file = *env.disk.open("f", Open::create);
    env.sleep(milliseconds(1));
    node->crash();
    const ByteBuffer bytes(10, 1);
    const Bytes view(bytes);
    static_cast<void>(file->write(0, std::span(&view, 1)));
    written = true;
  });
  EXPECT_TRUE(world.run());
  EXPECT_FALSE(written);
  EXPECT_EQ((*node->device().image().find("f"))->directory, false);
  EXPECT_EQ(static_cast<FileNode&>(**node->device().image().find("f")).content.size(), 0U);
}

TEST(World, SpinningWithoutTimeIsALivelock) {
  WorldSetup setup;
  setup.exploration.cost_per_mille = 0;
  setup.exploration.livelock_resumes = 1000;
  TestWorld world(setup);
  EXPECT_FALSE(world.run("a", [](Env& env) {
    for (;;) env.scheduler.yield();
  }));
  EXPECT_EQ(world.world().livelock(), "main");
}

TEST(World, FibersOfAShardShareItsTime) {
  TestWorld world;
  EXPECT_TRUE(world.run("a", [](Env& env) {
    const Instant before = env.now();
    for (int i = 0; i < 20'000; ++i) env.scheduler.yield();
    EXPECT_GT((env.now() - before).ms(), 10);
  }));
}

TEST(World, ADriftingClockKeepsItsDeadlines) {
  for (const int32_t ppb : {-20'000'000, 20'000'000, 333}) {
    TestWorld world;
    NodeSetup setup;
    setup.name = "a";
    setup.drift_ppb = ppb;
    SimNode& node = world.world().add_node(setup);
    const Instant world_before = world.world().now();
    EXPECT_TRUE(world.run("a", [&](Env& env) {
      for (int i = 0; i < 100; ++i) {
        const Deadline deadline = env.after(milliseconds(10));
        env.scheduler.sleep_until(deadline);
        EXPECT_GE(env.now(), deadline);
        if (i == 50) world.world().later(1, [&] { node.set_drift(-ppb); });
      }
    }));
    EXPECT_GT((world.world().now() - world_before).ms(), 900);
  }
}

TEST(World, MailboxesDeliverInOrderForEachPair) {
  TestWorld world;
  NodeSetup setup;
  setup.name = "a";
  setup.shards = 3;
  world.world().add_node(setup);
  std::string seen[3];
  EXPECT_TRUE(world.run("a", [&](Env& env) {
    const size_t self = env.mailboxes.self();
    for (int i = 0; i < 5; ++i) {
      Task task([&seen, self, i] { seen[self] += static_cast<char>('0' + i); });
      EXPECT_TRUE(env.mailboxes.post((self + 1) % 3, task));
    }
    for (int i = 0; i < 5; ++i) env.mailboxes.receive(Instant::never())();
    EXPECT_FALSE(env.mailboxes.receive(env.after(milliseconds(10))));
  }));
  for (const std::string& order : seen) EXPECT_EQ(order, "01234");
}

TEST(World, AFaultOfTheSimulatorItselfComesOutAndLeavesNothingBehind) {
  RunMemory memory;
  {
    World world(TestWorld::setup_of(1), memory);
    NodeSetup setup;
    setup.name = "a";
    SimNode& node = world.add_node(setup);
    node.start(FunctionProcess::factory([](Env& env) {
      const FileRef file = *env.disk.open("f", Open::create);
      const auto listener = *env.network.listen({"", 1});
      for (;;) env.sleep(milliseconds(1));
    }));
    world.at(world.now() + milliseconds(50), 1, [] { ENSURE(false, "the simulator is wrong"); });
    EXPECT_THROW(world.run_until(world.now() + seconds(1)), AssertionFailed);
  }
  EXPECT_EQ(memory.pages.lent(), 0U);
  EXPECT_TRUE(blames_simulator("sim/disk/image.cpp:7: ENSURE(x) failed"));
  EXPECT_FALSE(blames_simulator("sim/net/sim_network.cpp:7: ENSURE(x) failed"));
  EXPECT_FALSE(blames_simulator("core/storage/log.cpp:7: ENSURE(x) failed"));
}

TEST(World, AReplacedDiskIsEmpty) {
  TestWorld world;
  world.run("a", [](Env& env) { EXPECT_TRUE(env.disk.open("f", Open::create).ok()); });
  world.node("a").replace_disk({});
  world.run("a", [](Env& env) { EXPECT_TRUE(env.disk.list("")->empty()); });
}

// The digest of a busy little world: two nodes that write files, talk and crash.
uint64_t busy_digest(uint64_t seed, RunMemory& memory, Order order = Order::random) {
  WorldSetup setup = TestWorld::setup_of(seed);
  setup.exploration.order = order;
  World world(setup, memory);
  NodeSetup node;
  for (const char* name : {"a", "b"}) {
    node.name = name;
    world.add_node(node);
  }
  const auto body = [](Env& env) {
    Scope scope(env);
    for (int i = 0; i < 3; ++i) {
      scope.spawn("writer", [&env, i] {
        const FileRef file = *env.disk.open("f" + std::to_string(i), Open::create);
        for (uint64_t n = 0; n < 50; ++n) {
          const ByteBuffer bytes(100 + n, static_cast<uint8_t>(n));
          static_cast<void>(write_fully(*file, n * 100, bytes));
          if (n % 8 == 0) static_cast<void>(file->sync(SyncMode::data));
        }
      });
    }
    scope.join();
  };
  world.node(0).start(FunctionProcess::factory(body));
  world.node(1).start(FunctionProcess::factory(body));
  world.at(world.now() + milliseconds(3), 1, [&] { world.node(0).power_loss(); });
  world.run_until(world.now() + seconds(10));
  return mix64(world.digest().value(), world.node(0).device().image().fingerprint());
}

TEST(World, TheDigestIsAFunctionOfTheSeedAlone) {
  RunMemory fresh;
  RunMemory used(0xa5);
  const uint64_t first = busy_digest(7, fresh);
  for (uint64_t seed = 0; seed < 20; ++seed) busy_digest(seed, used);
  EXPECT_EQ(busy_digest(7, used), first);
  EXPECT_NE(busy_digest(8, used), first);
  EXPECT_NE(busy_digest(7, used, Order::fifo), first);
}

}  // namespace
}  // namespace ksim::sim
