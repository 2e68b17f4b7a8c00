#pragma once
// The log of each key, as the history shows it: which offsets are occupied by which values, their ranks, what
// is committed, what was trimmed.

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "sim/judge/history.h"

namespace ksim::judge {

class Logs {
 public:
  // Of a history that is sorted (History::sort_places).
  explicit Logs(const History& history);

  // An occupied offset. Slots of a key follow one another in the order of offsets, so that the rank of one is
  // its number less that of the key's first, and a delta is a difference of numbers.
  struct Slot {
    int64_t offset = 0;
    uint32_t key = 0;
    uint32_t first = 0;  // of values(): those at this offset are followed by those of the next slot
  };
  size_t slots() const { return slots_.size() - 1; }
  const Slot& slot(uint32_t number) const { return slots_[number]; }
  // The values at a slot, sorted.
  std::pair<const uint32_t*, const uint32_t*> values_at(uint32_t slot) const {
    return {values_.data() + slots_[slot].first, values_.data() + slots_[slot + 1].first};
  }
  std::pair<uint32_t, uint32_t> slots_of_key(uint32_t key) const {
    return {key_slots_[key], key_slots_[key + 1]};
  }

  // kNone where there is none.
  uint32_t slot_of_place(uint32_t place) const { return place_slots_[place]; }
  uint32_t lowest(uint32_t value) const { return facts_[value].lowest; }
  uint32_t highest(uint32_t value) const { return facts_[value].highest; }
  // Of a send: where it has its rank.
  uint32_t slot_of_send(const MicroOp& send) const;

  bool is_committed(uint32_t value) const { return facts_[value].is_committed; }
  // By an op that is ok.
  bool is_polled(uint32_t value) const { return facts_[value].is_polled; }

  // ---- what was skipped ----
  // Counts and lists the values strictly between two slots, without those below `start`.
  // `is_reader_committed`: only those that are committed or that a read_committed process polled.
  struct Range {
    uint32_t begin = 0, end = 0;  // slots
    bool only_safe = false;
  };
  Range between(uint32_t from, uint32_t to, std::optional<int64_t> start, bool only_safe) const;
  bool is_empty(const Range& range) const;
  // Calls visit(value) for each in the order of the log until it returns false.
  template <class Visit>
  void each(const Range& range, Visit&& visit) const {
    for (uint32_t slot = range.begin; slot < range.end; ++slot) {
      const auto [first, last] = values_at(slot);
      for (const uint32_t* value = first; value != last; ++value) {
        if (!range.only_safe || is_safe(*value)) {
          if (!visit(*value)) return;
        }
      }
    }
  }

  // ---- trims (ok or info) ----
  // The highest log start offset of all trims of a key; of those invoked before an op completed.
  std::optional<int64_t> start_ever(uint32_t key) const;
  std::optional<int64_t> start_at(uint32_t key, const Op& op) const;

 private:
  struct Facts {
    uint32_t lowest = kNone;
    uint32_t highest = kNone;
    bool is_polled = false;
    bool is_proof = false;             // an ok op polled it that proves commits
    bool is_polled_committed = false;  // by a process that reads committed
    bool is_committed = false;
  };
  struct Start {
    uint32_t key = 0;
    int64_t invoked = 0;
    int64_t start = 0;  // the highest up to here
  };

  bool is_safe(uint32_t value) const {
    return facts_[value].is_committed || facts_[value].is_polled_committed;
  }
  void note_polls();
  void note_commits();
  void lay_out();
  void count_safe();
  void note_trims();

  const History& history_;
  std::vector<Facts> facts_;           // by value
  std::vector<uint32_t> place_slots_;  // by place; before lay_out() 0 marks those that are in a log
  std::vector<Slot> slots_;            // and one that ends the last
  std::vector<uint32_t> values_;
  std::vector<uint32_t> key_slots_;  // by key, and the end
  std::vector<uint32_t> safe_;       // safe slots before this one; empty if all are
  std::vector<Start> starts_;        // sorted by key and invocation
};

}  // namespace ksim::judge
