#pragma once
// Waiting among fibers of one scheduler: plain classes over park and wake. Waiters are served first come,
// first served.

#include <deque>
#include <optional>

#include "core/io/scheduler.h"

namespace ksim {

// Fibers waiting for something to change. Whoever waits checks its condition again after each return.
class Condition {
 public:
  explicit Condition(Scheduler& scheduler) : scheduler_(scheduler) {}
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;
  ~Condition() { ENSURE(first_ == nullptr, "a condition dies with waiters"); }

  // True if notified, false at the deadline.
  bool wait(Deadline deadline, const char* reason = "condition");
  void notify_one();
  void notify_all();
  bool has_waiters() const { return first_ != nullptr; }
  Scheduler& scheduler() const { return scheduler_; }

 private:
  struct Waiter {
    Fiber* fiber;
    bool notified = false;
    Waiter* previous = nullptr;
    Waiter* next = nullptr;
  };
  void unlink(Waiter& waiter);

  Scheduler& scheduler_;
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

// Mutual exclusion across waits. Not needed for code that does not wait: fibers switch only there.
class Mutex {
 public:
  explicit Mutex(Scheduler& scheduler) : free_(scheduler) {}
  void lock();
  void unlock();
  bool locked() const { return owner_ != nullptr; }

 private:
  Condition free_;
  Fiber* owner_ = nullptr;
};

class MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) : mutex_(mutex) { mutex_.lock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() { mutex_.unlock(); }

 private:
  Mutex& mutex_;
};

// Counted units.
class Semaphore {
 public:
  Semaphore(Scheduler& scheduler, int64_t units) : changed_(scheduler), units_(units) {}
  bool acquire(int64_t units, Deadline deadline);  // false at the deadline
  bool try_acquire(int64_t units);
  void release(int64_t units);
  int64_t available() const { return units_; }

 private:
  Condition changed_;
  int64_t units_;
};

// Bounded queue between fibers of one shard.
template <class T>
class Channel {
 public:
  Channel(Scheduler& scheduler, size_t capacity) : changed_(scheduler), capacity_(capacity) {}

  // False: closed; the value is dropped.
  bool send(T value) {
    while (!closed_ && queue_.size() >= capacity_)
      static_cast<void>(changed_.wait(Instant::never(), "channel full"));
    if (closed_) return false;
    queue_.push_back(std::move(value));
    changed_.notify_all();
    return true;
  }
  // Empty at the deadline, or when closed and drained.
  std::optional<T> receive(Deadline deadline) {
    while (queue_.empty()) {
      if (closed_ || !changed_.wait(deadline, "channel empty")) break;
    }
    if (queue_.empty()) return std::nullopt;
    std::optional<T> value(std::move(queue_.front()));
    queue_.pop_front();
    changed_.notify_all();
    return value;
  }
  void close() {
    closed_ = true;
    changed_.notify_all();
  }
  bool closed() const { return closed_; }
  size_t size() const { return queue_.size(); }

 private:
  Condition changed_;
  std::deque<T> queue_;
  size_t capacity_;
  bool closed_ = false;
};

// Counts who is inside; close() waits until all have left and lets nobody in any more.
class Gate {
 public:
  explicit Gate(Scheduler& scheduler) : left_(scheduler) {}
  ~Gate() { ENSURE(inside_ == 0, "a gate dies with somebody inside"); }
  bool try_enter() {
    if (closed_) return false;
    ++inside_;
    return true;
  }
  void leave() {
    ENSURE(inside_ > 0);
    if (--inside_ == 0) left_.notify_all();
  }
  void close() {
    closed_ = true;
    while (inside_ > 0) static_cast<void>(left_.wait(Instant::never(), "gate"));
  }
  size_t inside() const { return inside_; }

 private:
  Condition left_;
  size_t inside_ = 0;
  bool closed_ = false;
};

}  // namespace ksim
