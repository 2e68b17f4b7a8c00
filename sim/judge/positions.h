#pragma once
// Where each process is in each key, and what makes it forget.

#include <utility>

#include "core/base/hash.h"
#include "sim/judge/history.h"

namespace ksim::judge {

class Positions {
 public:
  struct Position {
    uint32_t op = kNone;    // kNone: forgotten
    uint32_t what = kNone;  // the caller's: a place, a micro-op
  };

  explicit Positions(const History& history)
      : history_(history), named_(history.keys.size(), kNone), keys_of_(history.processes.size()) {}

  Position find(uint32_t process, uint32_t key) const {
    const uint32_t id =
        ids_.find(hash(process, key), [&](uint32_t i) { return entries_[i].is(process, key); });
    return id == kNone ? Position{} : entries_[id].position;
  }
  void set(uint32_t process, uint32_t key, Position position) {
    const uint32_t id = ids_.find_or_add(
        hash(process, key), [&](uint32_t i) { return entries_[i].is(process, key); },
        [&] {
          entries_.push_back({process, key, {}});
          return static_cast<uint32_t>(entries_.size() - 1);
        });
    if (entries_[id].position.op == kNone) keys_of_[process].push_back(id);
    entries_[id].position = position;
  }
  // What this op, which is no fail, makes its process forget. Ops come in the order of their invocations.
  void forget(uint32_t number) {
    const Op& op = history_.ops[number];
    if (op.outcome == Outcome::fail) return;
    const bool names = op.kind == OpKind::assign || op.kind == OpKind::subscribe;
    if (!names && op.kind != OpKind::crash) return;
    while (at_ < history_.assigned.size() && history_.assigned[at_].op < number) ++at_;
    if (names && !op.seeks_to_beginning) {
      for (; at_ < history_.assigned.size() && history_.assigned[at_].op == number; ++at_)
        named_[history_.assigned[at_].key] = number;
    }
    std::vector<uint32_t> kept;
    for (const uint32_t id : keys_of_[op.process]) {
      if (names && !op.seeks_to_beginning && named_[entries_[id].key] == number) {
        kept.push_back(id);
      } else {
        entries_[id].position = {};
      }
    }
    keys_of_[op.process] = std::move(kept);
  }

 private:
  struct Entry {
    uint32_t process, key;
    Position position;
    bool is(uint32_t other_process, uint32_t other_key) const {
      return process == other_process && key == other_key;
    }
  };
  static uint64_t hash(uint32_t process, uint32_t key) { return mix64(process, key); }

  const History& history_;
  IdTable ids_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> named_;                 // by key: the last op that named it
  std::vector<std::vector<uint32_t>> keys_of_;  // by process: entries that are not forgotten
  size_t at_ = 0;                               // of History::assigned
};

}  // namespace ksim::judge
