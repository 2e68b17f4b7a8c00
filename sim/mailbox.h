#pragma once
// Mailboxes between the simulated shards of one node: values arrive after a keyed delay, in order for each
// pair of shards.

#include <deque>
#include <memory>
#include <vector>

#include "core/io/mailbox.h"
#include "core/io/sync.h"
#include "sim/ground.h"

namespace ksim::sim {

// All mailboxes of one life.
class Post {
 public:
  Post(Ground& ground, Life& life, size_t shards, size_t capacity);
  ~Post();

  Mailboxes& of(size_t shard) { return *boxes_[shard]; }
  // What was under way or unread is destroyed unread; nothing is sent any more.
  void close();

 private:
  // From one shard to one other.
  struct Lane final : Timer {
    void fire() override;
    Post* post = nullptr;
    size_t from = 0;
    size_t to = 0;
    std::deque<std::pair<Instant, Task>> under_way;
    Instant last{0};
    uint64_t count = 0;
  };
  struct Box final : Mailboxes {
    Box(Post& p, size_t shard) : post_office(p), self_shard(shard), arrived(p.ground_.scheduler) {}
    size_t shard_count() const override { return post_office.boxes_.size(); }
    size_t self() const override { return self_shard; }
    bool post(size_t shard, Task& task) override;
    Task receive(Deadline deadline) override;
    Post& post_office;
    size_t self_shard;
    Condition arrived;
    std::deque<Task> tasks;
    size_t filled = 0;  // tasks here and on their way here
  };

  Lane& lane(size_t from, size_t to) { return *lanes_[from * boxes_.size() + to]; }
  void arm(Lane& lane);

  Ground& ground_;
  Life& life_;
  size_t capacity_;
  std::vector<std::unique_ptr<Box>> boxes_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace ksim::sim
