#include "core/io/sync.h"

namespace ksim {

bool Condition::wait(Deadline deadline, const char* reason) {
  Waiter waiter{scheduler_.current()};
  ENSURE(waiter.fiber != nullptr, "only a fiber can wait");
  waiter.previous = last_;
  (last_ == nullptr ? first_ : last_->next) = &waiter;
  last_ = &waiter;
  struct Unlink {
    Condition& condition;
    Waiter& waiter;
    bool returned = false;
    ~Unlink() {
      if (!waiter.notified) {
        condition.unlink(waiter);
      } else if (!returned) {
        condition.notify_one();  // cancelled after its turn had come: the turn is the next one's
      }
    }
  } unlink{*this, waiter};
  static_cast<void>(scheduler_.park(deadline, reason));
  unlink.returned = true;
  return waiter.notified;
}

void Condition::notify_one() {
  if (first_ == nullptr) return;
  Waiter& waiter = *first_;
  unlink(waiter);
  waiter.notified = true;
  scheduler_.wake(*waiter.fiber);
}

void Condition::notify_all() {
  while (first_ != nullptr) notify_one();
}

void Condition::unlink(Waiter& waiter) {
  (waiter.previous == nullptr ? first_ : waiter.previous->next) = waiter.next;
  (waiter.next == nullptr ? last_ : waiter.next->previous) = waiter.previous;
}

void Mutex::lock() {
  Fiber* self = free_.scheduler().current();
  ENSURE(self != nullptr && owner_ != self, "a mutex is locked twice");
  while (owner_ != nullptr) static_cast<void>(free_.wait(Instant::never(), "mutex"));
  owner_ = self;
}

void Mutex::unlock() {
  ENSURE(owner_ != nullptr);
  owner_ = nullptr;
  free_.notify_one();
}

bool Semaphore::acquire(int64_t units, Deadline deadline) {
  while (!try_acquire(units)) {
    if (!changed_.wait(deadline, "semaphore")) return try_acquire(units);
  }
  return true;
}

bool Semaphore::try_acquire(int64_t units) {
  if (units_ < units) return false;
  units_ -= units;
  return true;
}

void Semaphore::release(int64_t units) {
  units_ += units;
  changed_.notify_all();
}

}  // namespace ksim
