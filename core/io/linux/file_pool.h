#pragma once
// Threads for file calls that may block, and the way of a fiber to wait for one.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/io/linux/loop_epoll.h"
#include "core/io/scheduler.h"

namespace ksim {

// Must live until complete() was called.
class FileJob : public Completion {
 public:
  explicit FileJob(EpollLoop& home) : home_(home) {}
  virtual void run() = 0;  // on a worker
  EpollLoop& home() const { return home_; }

 protected:
  ~FileJob() = default;

 private:
  EpollLoop& home_;
};

// Shared by the shards of a process. Jobs start first come first served. Destroyed before the loops that its
// jobs come home to.
class FilePool {
 public:
  explicit FilePool(size_t threads);
  FilePool(const FilePool&) = delete;
  FilePool& operator=(const FilePool&) = delete;
  ~FilePool();  // runs out what was submitted

  void submit(FileJob& job);  // from any thread

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<FileJob*> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// One shard's door to the pool.
struct Blocking {
  FilePool& pool;
  EpollLoop& loop;
  Scheduler& scheduler;

  // Runs `call` on a worker while the calling fiber waits. It cannot be recalled: a cancellation is seen only
  // at the fiber's next wait. Who is no fiber of this shard blocks.
  template <class F>
  auto operator()(const char* reason, F call) const -> decltype(call()) {
    Fiber* fiber = loop.on_thread() ? scheduler.current() : nullptr;
    if (fiber == nullptr) return call();
    struct Job final : FileJob {
      Job(const Blocking& door, F& f, Fiber& who)
          : FileJob(door.loop), scheduler(door.scheduler), call(f), fiber(who) {}
      void run() override { result.emplace(call()); }
      void complete() override {
        done = true;
        scheduler.wake(fiber);
      }
      Scheduler& scheduler;
      F& call;
      Fiber& fiber;
      bool done = false;
      std::optional<decltype(call())> result;
    } job(*this, call, *fiber);
    pool.submit(job);
    while (!job.done) static_cast<void>(scheduler.park_uncancellable(Instant::never(), reason));
    return std::move(*job.result);
  }
};

}  // namespace ksim
