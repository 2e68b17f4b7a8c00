#include "core/io/timer_heap.h"

#include "core/base/assert.h"

namespace ksim {

void TimerHeap::add(Timer& timer, Instant at, uint64_t tie) {
  ENSURE(!timer.armed());
  entries_.push_back({at, tie, &timer});
  timer.index_ = static_cast<uint32_t>(entries_.size() - 1);
  sift_up(entries_.size() - 1);
}

void TimerHeap::remove(Timer& timer) {
  if (!timer.armed()) return;
  const size_t index = timer.index_;
  ENSURE(index < entries_.size() && entries_[index].timer == &timer);
  timer.index_ = Timer::kNone;
  const Entry last = entries_.back();
  entries_.pop_back();
  if (index == entries_.size()) return;
  place(index, last);
  sift_up(index);
  sift_down(last.timer->index_);
}

Timer* TimerHeap::pop_due(Instant now) {
  if (entries_.empty() || entries_.front().at > now) return nullptr;
  Timer* timer = entries_.front().timer;
  remove(*timer);
  return timer;
}

void TimerHeap::sift_up(size_t index) {
  const Entry moving = entries_[index];
  while (index > 0) {
    const size_t parent = (index - 1) / 4;
    if (!(moving < entries_[parent])) break;
    place(index, entries_[parent]);
    index = parent;
  }
  place(index, moving);
}

void TimerHeap::sift_down(size_t index) {
  const Entry moving = entries_[index];
  for (;;) {
    const size_t first = index * 4 + 1;
    if (first >= entries_.size()) break;
    size_t least = first;
    for (size_t child = first + 1; child < first + 4 && child < entries_.size(); ++child) {
      if (entries_[child] < entries_[least]) least = child;
    }
    if (!(entries_[least] < moving)) break;
    place(index, entries_[least]);
    index = least;
  }
  place(index, moving);
}

}  // namespace ksim
