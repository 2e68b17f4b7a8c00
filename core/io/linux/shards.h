#pragma once
// Mailboxes between the threads of one node's shards.

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "core/io/linux/loop_epoll.h"
#include "core/io/mailbox.h"
#include "core/io/sync.h"

namespace ksim {

// What one shard receives: filled by any thread, emptied by its own.
class Inbox final : public Completion {
 public:
  Inbox(EpollLoop& loop, Scheduler& scheduler, size_t capacity)
      : loop_(loop), arrived_(scheduler), capacity_(capacity) {}
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;
  ~Inbox() = default;

  bool post(Task& task);            // from any thread; false: full
  Task receive(Deadline deadline);  // from the shard's fibers

  void complete() override;

 private:
  EpollLoop& loop_;
  Condition arrived_;
  size_t capacity_;
  std::mutex mutex_;
  std::deque<Task> tasks_;
  bool announced_ = false;  // complete() is on its way
};

class ShardMailboxes final : public Mailboxes {
 public:
  // `inboxes` is the node's table, by shard.
  ShardMailboxes(const std::vector<std::unique_ptr<Inbox>>& inboxes, size_t self)
      : inboxes_(inboxes), self_(self) {}
  size_t shard_count() const override { return inboxes_.size(); }
  size_t self() const override { return self_; }
  bool post(size_t shard, Task& task) override { return inboxes_[shard]->post(task); }
  Task receive(Deadline deadline) override { return inboxes_[self_]->receive(deadline); }

 private:
  const std::vector<std::unique_ptr<Inbox>>& inboxes_;
  size_t self_;
};

}  // namespace ksim
