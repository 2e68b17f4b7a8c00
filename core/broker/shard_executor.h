#pragma once
// Work across the shards of one node: calls that run on another shard's fibers and bring their value back,
// and notices that run there without waiting. What travels are values, counted Buffers and FileRefs.
//
// Rules for what is sent:
//  - a notice (post) never waits;
//  - the body of a call may wait for disk and for locks of its own shard, never for another shard: workers
//  are
//    few, and two shards that wait for each other's would wait for ever;
//  - who holds a lock of a partition does not call another shard.

#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/io/env.h"
#include "core/io/scope.h"
#include "core/io/sync.h"

namespace ksim::broker {

class ShardExecutor;

// The executors of one node by shard; filled before any of them starts and never changed after.
using ShardPeers = std::vector<ShardExecutor*>;

namespace detail {

// Where the answer of a call arrives. Touched on the caller's shard only.
template <class R>
struct CallSlot {
  Fiber* waiter = nullptr;
  std::optional<R> value;
};

}  // namespace detail

// A call that has been sent. wait() once; a call to the own shard runs there and then.
template <class R>
class ShardCall {
 public:
  ShardCall(ShardCall&&) noexcept = default;
  ShardCall& operator=(ShardCall&&) noexcept = default;

  R wait();

 private:
  friend class ShardExecutor;
  struct Local {
    virtual ~Local() = default;
    virtual R run() = 0;
  };
  ShardCall() = default;

  Scheduler* scheduler_ = nullptr;
  std::shared_ptr<detail::CallSlot<R>> slot_;  // of a call to another shard
  std::unique_ptr<Local> local_;
};

class ShardExecutor {
 public:
  // `peers` outlives the executor. `workers`: fibers that run the bodies of calls from other shards.
  ShardExecutor(const Env& env, const ShardPeers& peers, size_t workers);

  void start();
  void stop();  // waits; calls that have not run are dropped

  size_t self() const { return env_.mailboxes.self(); }
  size_t count() const { return env_.mailboxes.shard_count(); }
  // For use in what runs on that shard.
  ShardExecutor* peer(size_t shard) const { return peers_[shard]; }

  // Runs `task` on `shard`, in order for each pair of shards; on this shard at once. Does not wait.
  void post(size_t shard, Task task);

  // Sends fn to run on a worker of `shard`; its value comes back through wait(). Does not wait itself.
  template <class F>
  auto start_call(size_t shard, F fn) -> ShardCall<decltype(fn())>;
  template <class F>
  auto call(size_t shard, F fn) {
    return start_call(shard, std::move(fn)).wait();
  }

  // On this shard: hands a body that may wait to a worker. Does not wait.
  void run_on_worker(Task body);

 private:
  void receive_loop();
  void worker_loop();
  void outbox_loop();

  const Env& env_;
  const ShardPeers& peers_;
  size_t workers_;
  Scope scope_;
  Condition work_;
  std::deque<Task> queue_;
  Condition outbox_filled_;
  std::vector<std::deque<Task>> outbox_;  // by shard: what did not fit into its mailbox
};

template <class R>
R ShardCall<R>::wait() {
  if (local_ != nullptr) return local_->run();
  ENSURE(slot_ != nullptr && slot_->waiter == nullptr, "a call is waited for once");
  // The fiber may be cancelled in the wait; the slot then outlives it and wakes nobody.
  struct Unset {
    detail::CallSlot<R>& slot;
    ~Unset() { slot.waiter = nullptr; }
  } unset{*slot_};
  slot_->waiter = scheduler_->current();
  while (!slot_->value) static_cast<void>(scheduler_->park(Instant::never(), "shard call"));
  return std::move(*slot_->value);
}

template <class F>
auto ShardExecutor::start_call(size_t shard, F fn) -> ShardCall<decltype(fn())> {
  using R = decltype(fn());
  ShardCall<R> call;
  call.scheduler_ = &env_.scheduler;
  if (shard == self()) {
    struct Here final : ShardCall<R>::Local {
      explicit Here(F f) : body(std::move(f)) {}
      R run() override { return body(); }
      F body;
    };
    call.local_ = std::make_unique<Here>(std::move(fn));
    return call;
  }
  call.slot_ = std::make_shared<detail::CallSlot<R>>();
  ShardExecutor* there = peers_[shard];
  auto body = [there, home = self(), scheduler = &env_.scheduler, slot = call.slot_,
               fn = std::move(fn)]() mutable {
    auto bring_back = [scheduler, slot = std::move(slot), value = fn()]() mutable {
      slot->value.emplace(std::move(value));
      if (slot->waiter != nullptr) scheduler->wake(*slot->waiter);
    };
    there->post(home, Task(std::move(bring_back)));
  };
  post(shard,
       Task([there, body = Task(std::move(body))]() mutable { there->run_on_worker(std::move(body)); }));
  return call;
}

}  // namespace ksim::broker
