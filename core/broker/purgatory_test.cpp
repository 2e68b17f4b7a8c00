#include "core/broker/purgatory.h"

#include <array>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/broker/purgatory_duty.h"
#include "core/broker/test_shards.h"

namespace ksim::broker {
namespace {

using Key = std::string;

struct Operation : DelayedOperation {
  bool ready = false;
  bool ready_at_second_look = false;
  int looks = 0;
  std::vector<End> ends;
  bool satisfied() override { return ready || (ready_at_second_look && ++looks == 2); }
  void on_complete(End end) override { ends.push_back(end); }
};
using End = DelayedOperation::End;

class PurgatoryTest : public testing::Test {
 protected:
  std::shared_ptr<Operation> watch(std::vector<Key> keys, Deadline deadline = Instant::never()) {
    auto operation = std::make_shared<Operation>();
    EXPECT_FALSE(purgatory.try_complete_else_watch(operation, keys, deadline));
    return operation;
  }
  Purgatory<Key> purgatory;
};

TEST_F(PurgatoryTest, WhatIsReadyNeverWaits) {
  auto operation = std::make_shared<Operation>();
  operation->ready = true;
  const std::array<Key, 1> keys{"a"};
  EXPECT_TRUE(purgatory.try_complete_else_watch(operation, keys, Instant::never()));
  EXPECT_EQ(operation->ends, std::vector<End>{End::condition});
  EXPECT_EQ(purgatory.watched_keys(), 0u);
}

TEST_F(PurgatoryTest, TriedAgainAfterItIsWatched) {
  auto operation = std::make_shared<Operation>();
  operation->ready_at_second_look = true;
  const std::array<Key, 2> keys{"a", "b"};
  EXPECT_TRUE(purgatory.try_complete_else_watch(operation, keys, Instant{} + seconds(1)));
  EXPECT_EQ(operation->ends.size(), 1u);
  EXPECT_EQ(purgatory.size(), 0u);
  EXPECT_EQ(purgatory.watched_keys(), 0u);
  EXPECT_TRUE(purgatory.next_deadline().is_never());
}

TEST_F(PurgatoryTest, CompletesOnceUnderEveryKey) {
  auto operation = watch({"a", "b", "b"});
  EXPECT_EQ(purgatory.check("a"), 0u);
  operation->ready = true;
  EXPECT_EQ(purgatory.check("c"), 0u);
  EXPECT_EQ(purgatory.check("b"), 1u);
  EXPECT_EQ(purgatory.check("a"), 0u);
  EXPECT_EQ(operation->ends, std::vector<End>{End::condition});
  EXPECT_EQ(purgatory.watched_keys(), 0u);
}

TEST_F(PurgatoryTest, TouchedKeysAreCheckedWhenDrained) {
  auto operation = watch({"a"});
  operation->ready = true;
  purgatory.touch("a");
  purgatory.touch("nobody");
  EXPECT_TRUE(operation->ends.empty());
  EXPECT_EQ(purgatory.drain(), 1u);
  EXPECT_EQ(purgatory.drain(), 0u);
  EXPECT_EQ(operation->ends.size(), 1u);
}

TEST_F(PurgatoryTest, TimesOutInOrderAndOnce) {
  auto late = watch({"a"}, Instant{} + seconds(2));
  auto early = watch({"a"}, Instant{} + seconds(1));
  EXPECT_EQ(purgatory.next_deadline(), Instant{} + seconds(1));
  EXPECT_EQ(purgatory.expire(Instant{} + milliseconds(999)), 0u);
  EXPECT_EQ(purgatory.expire(Instant{} + seconds(1)), 1u);
  EXPECT_EQ(early->ends, std::vector<End>{End::timeout});
  early->ready = late->ready = true;
  EXPECT_EQ(purgatory.check("a"), 1u);
  EXPECT_EQ(purgatory.expire(Instant{} + seconds(9)), 0u);
  EXPECT_EQ(late->ends, std::vector<End>{End::condition});
}

TEST_F(PurgatoryTest, WithdrawnAndDropped) {
  auto withdrawn = watch({"a"}, Instant{} + seconds(1));
  auto dropped = watch({"a"}, Instant{} + seconds(1));
  purgatory.withdraw(withdrawn);
  purgatory.withdraw(withdrawn);
  withdrawn->ready = true;
  EXPECT_EQ(purgatory.check("a"), 0u);
  purgatory.drop_all();
  EXPECT_TRUE(withdrawn->ends.empty());
  EXPECT_EQ(dropped->ends, std::vector<End>{End::dropped});
  EXPECT_EQ(purgatory.size(), 0u);
  EXPECT_TRUE(purgatory.next_deadline().is_never());
}

TEST_F(PurgatoryTest, CompletingOneMayCompleteOrAddOthers) {
  struct Chain : DelayedOperation {
    Purgatory<Key>* purgatory = nullptr;
    std::shared_ptr<Operation> next;
    bool ready = false;
    bool satisfied() override { return ready; }
    void on_complete(End) override {
      next->ready = true;
      EXPECT_EQ(purgatory->check("a"), 1u);
      const std::array<Key, 1> keys{"a"};
      EXPECT_FALSE(purgatory->try_complete_else_watch(std::make_shared<Operation>(), keys, Instant::never()));
    }
  };
  auto chain = std::make_shared<Chain>();
  chain->purgatory = &purgatory;
  const std::array<Key, 1> keys{"a"};
  ASSERT_FALSE(purgatory.try_complete_else_watch(chain, keys, Instant::never()));
  chain->next = watch({"a"});
  chain->ready = true;
  EXPECT_EQ(purgatory.check("a"), 1u) << "the other one was completed inside";
  EXPECT_EQ(chain->next->ends.size(), 1u);
  EXPECT_EQ(purgatory.size(), 1u);
}

TEST(PurgatoryDutyTest, OneFiberTimesOutWhatIsAddedLater) {
  TestShards world(1);
  Purgatory<Key> produce;
  Purgatory<Key> fetch;
  PurgatoryDuty duty(world.env(), {&produce, &fetch});
  duty.start();
  auto late = std::make_shared<Operation>();
  auto early = std::make_shared<Operation>();
  world.run([&] {
    const Instant now = world.env().now();
    const std::array<Key, 1> keys{"a"};
    EXPECT_FALSE(produce.try_complete_else_watch(late, keys, now + seconds(30)));
    duty.watch(now + seconds(30));
    world.env().sleep(seconds(1));
    EXPECT_FALSE(fetch.try_complete_else_watch(early, keys, now + seconds(2)));
    duty.watch(now + seconds(2));
    world.env().sleep(milliseconds(1001));
    EXPECT_EQ(early->ends.size(), 1u);
    EXPECT_EQ(late->ends.size(), 0u);
    world.env().sleep(seconds(28));
    EXPECT_EQ(late->ends, std::vector<End>{End::timeout});
    duty.stop();
  });
}

// Whatever the order of checks, touches, timeouts and withdrawals: each operation ends at most once, an
// operation whose condition holds is gone after its key was checked, and nothing is left behind.
RC_GTEST_PROP(PurgatoryModel, EndsExactlyOnce, (const std::vector<std::array<uint8_t, 3>>& steps)) {
  Purgatory<int> purgatory;
  std::vector<std::pair<std::shared_ptr<Operation>, std::vector<int>>> all;
  Instant now;
  for (const auto& [kind, a, b] : steps) {
    switch (kind % 6) {
      case 0: {
        auto operation = std::make_shared<Operation>();
        const std::vector<int> keys{a % 4, b % 4};
        RC_ASSERT(!purgatory.try_complete_else_watch(operation, keys, now + seconds(a % 8)));
        all.push_back({operation, keys});
        break;
      }
      case 1:
        if (!all.empty()) all[a % all.size()].first->ready = true;
        break;
      case 2:
        static_cast<void>(purgatory.check(a % 4));
        break;
      case 3:
        purgatory.touch(a % 4);
        break;
      case 4:
        static_cast<void>(purgatory.drain());
        break;
      case 5:
        now = now + seconds(a % 3), static_cast<void>(purgatory.expire(now));
        break;
    }
    if (kind % 6 == 2) {
      for (const auto& [operation, keys] : all)
        RC_ASSERT(!(operation->ready && !operation->completed() && (keys[0] == a % 4 || keys[1] == a % 4)));
    }
    for (const auto& [operation, keys] : all) RC_ASSERT(operation->ends.size() <= 1u);
  }
  static_cast<void>(purgatory.expire(now + seconds(9)));
  RC_ASSERT(purgatory.size() == 0u);
  RC_ASSERT(purgatory.watched_keys() == 0u);
  for (const auto& [operation, keys] : all) RC_ASSERT(operation->ends.size() == 1u);
}

}  // namespace
}  // namespace ksim::broker
