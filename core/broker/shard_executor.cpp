#include "core/broker/shard_executor.h"

namespace ksim::broker {
namespace {

// How long a full mailbox of another shard is left alone before the next try.
constexpr Duration kOutboxRetry = microseconds(100);

}  // namespace

ShardExecutor::ShardExecutor(const Env& env, const ShardPeers& peers, size_t workers)
    : env_(env),
      peers_(peers),
      workers_(workers),
      scope_(env),
      work_(env.scheduler),
      outbox_filled_(env.scheduler),
      outbox_(env.mailboxes.shard_count()) {}

void ShardExecutor::start() {
  ENSURE(peers_.size() == count() && peers_[self()] == this);
  if (count() == 1) return;
  scope_.spawn("mailbox", [this] { receive_loop(); });
  scope_.spawn("outbox", [this] { outbox_loop(); });
  for (size_t i = 0; i < workers_; ++i) scope_.spawn("shard-worker", [this] { worker_loop(); });
}

void ShardExecutor::stop() {
  scope_.close();
  queue_.clear();
  for (auto& waiting : outbox_) waiting.clear();
}

void ShardExecutor::post(size_t shard, Task task) {
  if (shard == self()) {
    task();
    return;
  }
  std::deque<Task>& waiting = outbox_[shard];
  if (waiting.empty() && env_.mailboxes.post(shard, task)) return;
  env_.reached(Mark::mailbox_full, env_.group.name());
  waiting.push_back(std::move(task));
  outbox_filled_.notify_one();
}

void ShardExecutor::run_on_worker(Task body) {
  queue_.push_back(std::move(body));
  work_.notify_one();
}

void ShardExecutor::receive_loop() {
  for (;;) {
    Task task = env_.mailboxes.receive(Instant::never());
    if (task) task();
  }
}

void ShardExecutor::worker_loop() {
  for (;;) {
    while (queue_.empty()) static_cast<void>(work_.wait(Instant::never(), "shard work"));
    Task body = std::move(queue_.front());
    queue_.pop_front();
    body();
  }
}

void ShardExecutor::outbox_loop() {
  for (;;) {
    bool left = false;
    for (size_t shard = 0; shard < outbox_.size(); ++shard) {
      std::deque<Task>& waiting = outbox_[shard];
      while (!waiting.empty() && env_.mailboxes.post(shard, waiting.front())) waiting.pop_front();
      left = left || !waiting.empty();
    }
    if (left) {
      env_.sleep(kOutboxRetry);
    } else {
      static_cast<void>(outbox_filled_.wait(Instant::never(), "outbox"));
    }
  }
}

}  // namespace ksim::broker
