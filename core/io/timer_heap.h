#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/units.h"

namespace ksim {

// Something that happens at an instant. It knows its place in the heap, so that removing it is exact and
// leaves nothing behind.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual void fire() = 0;
  bool armed() const { return index_ != kNone; }

 protected:
  ~Timer() = default;

 private:
  friend class TimerHeap;
  static constexpr uint32_t kNone = ~0U;
  uint32_t index_ = kNone;
};

// 4-ary heap ordered by (instant, tie); keys stand in the array.
class TimerHeap {
 public:
  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  Instant next() const { return entries_.empty() ? Instant::never() : entries_.front().at; }
  void add(Timer& timer, Instant at, uint64_t tie);
  void remove(Timer& timer);  // nothing if not armed
  Timer* pop_due(Instant now);

 private:
  struct Entry {
    Instant at;
    uint64_t tie;
    Timer* timer;
    bool operator<(const Entry& other) const { return at != other.at ? at < other.at : tie < other.tie; }
  };
  void place(size_t index, const Entry& entry) {
    entries_[index] = entry;
    entry.timer->index_ = static_cast<uint32_t>(index);
  }
  void sift_up(size_t index);
  void sift_down(size_t index);

  std::vector<Entry> entries_;
};

}  // namespace ksim
