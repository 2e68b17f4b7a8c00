#pragma once
// For tests: the shards of one node on one scheduler with jumping time, without disk and network.

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/broker/shard_executor.h"
#include "core/io/linux/stack_memory.h"

namespace ksim::broker {

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
    ADD_FAILURE() << fiber.name() << ": " << what;
  }
  Instant time{seconds(1000).ns};
  uint64_t order = 0;
};

class PolicyClock : public Clock {
 public:
  explicit PolicyClock(JumpingPolicy& policy) : policy_(policy) {}
  Instant now() override { return policy_.time; }
  WallTime wall() override { return WallTime{policy_.time.ns + seconds(1'700'000'000).ns}; }

 private:
  JumpingPolicy& policy_;
};

class NoDisk : public Disk {
 public:
  IoResult<FileRef> open(std::string_view, Open) override { return fail(IoError::io); }
  IoResult<void> make_dir(std::string_view) override { return fail(IoError::io); }
  IoResult<std::vector<std::string>> list(std::string_view) override { return fail(IoError::io); }
  IoResult<void> rename(std::string_view, std::string_view) override { return fail(IoError::io); }
  IoResult<void> remove(std::string_view) override { return fail(IoError::io); }
  IoResult<void> sync_dir(std::string_view) override { return fail(IoError::io); }
  IoResult<FileStat> stat(std::string_view) override { return fail(IoError::io); }
  IoResult<DiskSpace> space(std::string_view) override { return fail(IoError::io); }
  IoResult<std::unique_ptr<DirLock>> lock(std::string_view) override { return fail(IoError::io); }
};

class NoNetwork : public Network {
 public:
  IoResult<std::unique_ptr<Listener>> listen(const Endpoint&) override { return fail(IoError::unreachable); }
  IoResult<ConnectionRef> connect(const Endpoint&, std::string_view, Deadline) override {
    return fail(IoError::unreachable);
  }
};

class HashRandom : public Random {
 public:
  uint64_t draw(Stream stream, uint64_t entity, uint64_t counter) override {
    return mix64(static_cast<uint64_t>(stream), entity, counter);
  }
};

class QueueMailboxes : public Mailboxes {
 public:
  struct Box {
    explicit Box(Scheduler& scheduler) : filled(scheduler) {}
    std::deque<Task> tasks;
    Condition filled;
  };
  using Boxes = std::vector<std::unique_ptr<Box>>;
  QueueMailboxes(Boxes& boxes, size_t self, size_t capacity)
      : boxes_(boxes), self_(self), capacity_(capacity) {}
  size_t shard_count() const override { return boxes_.size(); }
  size_t self() const override { return self_; }
  bool post(size_t shard, Task& task) override {
    if (boxes_[shard]->tasks.size() >= capacity_) return false;
    boxes_[shard]->tasks.push_back(std::move(task));
    boxes_[shard]->filled.notify_one();
    return true;
  }
  Task receive(Deadline deadline) override {
    Box& box = *boxes_[self_];
    while (box.tasks.empty()) {
      if (!box.filled.wait(deadline, "mailbox")) return {};
    }
    Task task = std::move(box.tasks.front());
    box.tasks.pop_front();
    return task;
  }

 private:
  Boxes& boxes_;
  size_t self_;
  size_t capacity_;
};

struct TestShard {
  TestShard(Scheduler& scheduler, PolicyClock& clock, Disk& disk, Network& network, Random& random,
            QueueMailboxes::Boxes& boxes, size_t self, size_t capacity, const ShardPeers& peers,
            size_t workers)
      : group("shard" + std::to_string(self), self + 1),
        mailboxes(boxes, self, capacity),
        env{clock, scheduler, group, disk, network, random, mailboxes},
        executor(env, peers, workers) {}
  FiberGroup group;
  QueueMailboxes mailboxes;
  Env env;
  ShardExecutor executor;
};

class TestShards {
 public:
  explicit TestShards(size_t count, size_t workers = 2, size_t mailbox_capacity = 4) {
    for (size_t i = 0; i < count; ++i) boxes.push_back(std::make_unique<QueueMailboxes::Box>(scheduler));
    for (size_t i = 0; i < count; ++i) {
      shards.push_back(std::make_unique<TestShard>(scheduler, clock, disk, network, random, boxes, i,
                                                   mailbox_capacity, peers, workers));
    }
    for (auto& shard : shards) peers.push_back(&shard->executor);
    for (auto& shard : shards) shard->executor.start();
  }
  ~TestShards() { finish(); }

  Env& env(size_t shard = 0) { return shards[shard]->env; }
  ShardExecutor& executor(size_t shard = 0) { return shards[shard]->executor; }
  // Runs `body` as a fiber of the shard and the world until all is still or `until`.
  void run(const std::function<void()>& body, size_t shard = 0) {
    Scope scope(shards[shard]->env);
    scope.spawn("test", body);
    scheduler.run([&] { return scope.empty(); });
    EXPECT_TRUE(scope.empty()) << "the test's fiber waits for ever";
    if (!scope.empty()) scheduler.kill(shards[shard]->group);
  }
  void run_for(Duration d) {
    const Instant end = policy.time + d;
    run([this, end] { env().scheduler.sleep_until(end); });
  }
  void finish() {
    for (auto& shard : shards) scheduler.kill(shard->group);
  }

  MappedStacks memory;
  StackPool stacks{memory, 0xdd};
  JumpingPolicy policy;
  Scheduler scheduler{policy, stacks};
  PolicyClock clock{policy};
  NoDisk disk;
  NoNetwork network;
  HashRandom random;
  QueueMailboxes::Boxes boxes;
  ShardPeers peers;
  std::vector<std::unique_ptr<TestShard>> shards;
};

}  // namespace ksim::broker
