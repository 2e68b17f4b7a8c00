#pragma once
// Messages between the shards of one node. A node's mutable state belongs to one shard each; what another
// shard needs of it goes there as a Task that carries values, counted Buffers and FileRefs, never pointers
// to the sender's state other than to its own reply slot, which only the reply Task (run at home) touches.

#include <memory>
#include <utility>

#include "core/base/units.h"

namespace ksim {

// Move-only callable without arguments.
class Task {
 public:
  Task() = default;
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Task>) Task(F&& body)
      : body_(std::make_unique<Body<std::remove_cvref_t<F>>>(std::forward<F>(body))) {}

  void operator()() { body_->run(); }
  explicit operator bool() const { return body_ != nullptr; }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual void run() = 0;
  };
  template <class F>
  struct Body final : Base {
    explicit Body(F f) : callable(std::move(f)) {}
    void run() override { callable(); }
    F callable;
  };
  std::unique_ptr<Base> body_;
};

// One shard's view of the mailboxes of its node. Bounded.
class Mailboxes {
 public:
  virtual ~Mailboxes() = default;
  virtual size_t shard_count() const = 0;
  virtual size_t self() const = 0;
  // Hands `task` to `shard`, in order for each pair of shards. False: that mailbox is full, `task` is
  // untouched. Never waits.
  virtual bool post(size_t shard, Task& task) = 0;
  // The next task for this shard, or none at the deadline.
  virtual Task receive(Deadline deadline) = 0;
};

}  // namespace ksim
