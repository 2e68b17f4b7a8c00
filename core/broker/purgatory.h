#pragma once
// Operations that wait for a condition or for their time to run out (rule D5). An operation is tried, then
// watched under every key, then tried again, because its condition may have come true in between; it
// completes exactly once. Nothing here waits; one duty fiber of the shard serves the timeouts of all
// purgatories of that shard.
//
// Whoever changes what operations wait for calls touch(key) while it changes it, and drain() when it has let
// go of its locks (Kafka's action queue).

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "core/base/assert.h"
#include "core/base/units.h"

namespace ksim::broker {

class DelayedOperation {
 public:
  enum class End : uint8_t { condition, timeout, dropped };

  virtual ~DelayedOperation() = default;
  bool completed() const { return completed_; }

 protected:
  // Has the condition come true? Does not wait and completes nothing.
  virtual bool satisfied() = 0;
  // Exactly once; does not wait. `dropped`: the shard stops, nobody is to be answered.
  virtual void on_complete(End end) = 0;

 private:
  template <class Key>
  friend class Purgatory;
  bool complete(End end) {
    if (completed_) return false;
    completed_ = true;
    on_complete(end);
    return true;
  }
  bool completed_ = false;
  Deadline deadline_;
  uint64_t number_ = 0;
};

// One purgatory as the duty fiber sees it.
class TimedOut {
 public:
  virtual ~TimedOut() = default;
  virtual Deadline next_deadline() const = 0;
  virtual size_t expire(Instant now) = 0;
};

template <class Key>
class Purgatory final : public TimedOut {
 public:
  using Operation = std::shared_ptr<DelayedOperation>;

  // True: completed without waiting. Without keys only the timeout can complete it.
  bool try_complete_else_watch(const Operation& operation, std::span<const Key> keys, Deadline deadline) {
    if (try_complete(*operation)) return true;
    const uint64_t number = ++numbers_;
    operation->deadline_ = deadline;
    operation->number_ = number;
    Entry& entry = entries_[number];
    entry.operation = operation;
    for (const Key& key : keys) {
      if (watchers_[key].insert(number).second) entry.keys.push_back(key);
    }
    if (!deadline.is_never()) deadlines_.insert({deadline, number});
    if (try_complete(*operation)) {
      forget(number);
      return true;
    }
    return false;
  }

  // Notes that what is watched under `key` has changed.
  void touch(const Key& key) {
    if (watchers_.contains(key)) touched_.insert(key);
  }
  // Tries what is watched under the keys touched since; the number completed.
  size_t drain() {
    size_t completed = 0;
    while (!touched_.empty()) {
      const Key key = *touched_.begin();
      touched_.erase(touched_.begin());
      completed += check(key);
    }
    return completed;
  }
  size_t check(const Key& key) {
    const auto found = watchers_.find(key);
    if (found == watchers_.end()) return 0;
    const std::vector<uint64_t> numbers(found->second.begin(), found->second.end());
    size_t completed = 0;
    for (uint64_t number : numbers) {
      const auto entry = entries_.find(number);
      if (entry == entries_.end()) continue;  // completed by one before it
      const Operation operation = entry->second.operation;
      const bool ended_before = operation->completed_;  // by itself: completing another one led here
      if (!try_complete(*operation)) continue;
      forget(number);
      if (!ended_before) ++completed;
    }
    return completed;
  }
  // Somebody else has no more interest in it; it never completes.
  void withdraw(const Operation& operation) {
    if (operation->completed_) return;
    operation->completed_ = true;
    forget(operation->number_);
  }

  Deadline next_deadline() const override {
    return deadlines_.empty() ? Instant::never() : deadlines_.begin()->first;
  }
  size_t expire(Instant now) override {
    size_t expired = 0;
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
      const uint64_t number = deadlines_.begin()->second;
      const Operation operation = entries_.at(number).operation;
      forget(number);
      if (operation->complete(DelayedOperation::End::timeout)) ++expired;
    }
    return expired;
  }
  void drop_all() {
    while (!entries_.empty()) {
      const uint64_t number = entries_.begin()->first;
      const Operation operation = entries_.begin()->second.operation;
      forget(number);
      static_cast<void>(operation->complete(DelayedOperation::End::dropped));
    }
  }

  size_t size() const { return entries_.size(); }
  size_t watched_keys() const { return watchers_.size(); }
  bool watches(const Key& key) const { return watchers_.contains(key); }

 private:
  struct Entry {
    Operation operation;
    std::vector<Key> keys;
  };
  static bool try_complete(DelayedOperation& operation) {
    return operation.completed_ ||
           (operation.satisfied() && operation.complete(DelayedOperation::End::condition));
  }
  void forget(uint64_t number) {
    const auto entry = entries_.find(number);
    if (entry == entries_.end()) return;
    for (const Key& key : entry->second.keys) {
      const auto watched = watchers_.find(key);
      watched->second.erase(number);
      if (watched->second.empty()) watchers_.erase(watched);
    }
    deadlines_.erase({entry->second.operation->deadline_, number});
    entries_.erase(entry);
  }

  uint64_t numbers_ = 0;
  std::map<uint64_t, Entry> entries_;           // oldest first
  std::map<Key, std::set<uint64_t>> watchers_;  // never an empty set
  std::set<std::pair<Deadline, uint64_t>> deadlines_;
  std::set<Key> touched_;
};

}  // namespace ksim::broker
