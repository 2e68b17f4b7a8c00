#include "sim/judge/logs.h"

#include <algorithm>
#include <tuple>

namespace ksim::judge {

Logs::Logs(const History& history)
    : history_(history), facts_(history.values.size()), place_slots_(history.places.size(), kNone) {
  note_polls();
  note_commits();
  lay_out();
  count_safe();
  note_trims();
}

void Logs::note_polls() {
  for (const Op& op : history_.ops) {
    const bool commits = !history_.processes[op.process].is_uncommitted_reader;
    const bool is_ok = op.outcome == Outcome::ok;
    for (uint32_t i = op.record_begin; i < op.record_end; ++i) {
      const uint32_t place = history_.records[i];
      place_slots_[place] = 0;
      Facts& facts = facts_[history_.places[place].value];
      facts.is_polled |= is_ok;
      facts.is_proof |= is_ok && commits;
      facts.is_polled_committed |= commits;
    }
  }
}

void Logs::note_commits() {
  for (const Op& op : history_.ops) {
    if (op.outcome == Outcome::fail) continue;
    bool all = op.outcome == Outcome::ok;
    for (uint32_t i = op.micro_begin; i < op.micro_end && !all && history_.settings.txn; ++i) {
      const MicroOp& micro = history_.micro_ops[i];
      all = !micro.is_poll && facts_[micro.first].is_proof;
    }
    for (uint32_t i = op.micro_begin; i < op.micro_end; ++i) {
      const MicroOp& micro = history_.micro_ops[i];
      if (micro.is_poll || !(all || facts_[micro.first].is_proof)) continue;
      facts_[micro.first].is_committed = true;
      if (micro.second != kNone) place_slots_[micro.second] = 0;
    }
  }
}

void Logs::lay_out() {
  key_slots_.assign(history_.keys.size() + 1, 0);
  values_.reserve(place_slots_.size());
  slots_.reserve(place_slots_.size() + 1);
  for (uint32_t number = 0; number < place_slots_.size(); ++number) {
    if (place_slots_[number] == kNone) continue;
    const Place& place = history_.places[number];
    if (slots_.empty() || slots_.back().key != place.key || slots_.back().offset != place.offset) {
      slots_.push_back({place.offset, place.key, static_cast<uint32_t>(values_.size())});
      ++key_slots_[place.key + 1];
    }
    const auto slot = static_cast<uint32_t>(slots_.size() - 1);
    values_.push_back(place.value);
    place_slots_[number] = slot;
    Facts& facts = facts_[place.value];
    if (facts.lowest == kNone) facts.lowest = slot;
    facts.highest = slot;
  }
  slots_.push_back({0, kNone, static_cast<uint32_t>(values_.size())});
  for (size_t key = 1; key < key_slots_.size(); ++key) key_slots_[key] += key_slots_[key - 1];
}

void Logs::count_safe() {
  const auto uncommitted = [](const Process& process) { return process.is_uncommitted_reader; };
  if (std::none_of(history_.processes.begin(), history_.processes.end(), uncommitted)) return;
  safe_.reserve(slots() + 1);
  uint32_t count = 0;
  for (uint32_t slot = 0; slot < slots(); ++slot) {
    safe_.push_back(count);
    const auto [first, last] = values_at(slot);
    if (std::any_of(first, last, [this](uint32_t value) { return is_safe(value); })) ++count;
  }
  safe_.push_back(count);
}

void Logs::note_trims() {
  for (const Trim& trim : history_.trims) {
    const Op& op = history_.ops[trim.op];
    if (op.outcome != Outcome::fail) starts_.push_back({trim.key, op.invoked, trim.start});
  }
  std::sort(starts_.begin(), starts_.end(), [](const Start& a, const Start& b) {
    return std::tie(a.key, a.invoked) < std::tie(b.key, b.invoked);
  });
  for (size_t i = 1; i < starts_.size(); ++i) {
    if (starts_[i].key == starts_[i - 1].key)
      starts_[i].start = std::max(starts_[i].start, starts_[i - 1].start);
  }
}

uint32_t Logs::slot_of_send(const MicroOp& send) const {
  const Facts& facts = facts_[send.first];
  if (facts.is_committed && send.second != kNone) return place_slots_[send.second];
  return facts.lowest;
}

Logs::Range Logs::between(uint32_t from, uint32_t to, std::optional<int64_t> start, bool only_safe) const {
  Range range{from + 1, to, only_safe && !safe_.empty()};
  if (range.begin >= range.end) return {0, 0, range.only_safe};
  if (start) {
    const auto begin = slots_.begin() + range.begin;
    const auto first = std::partition_point(begin, slots_.begin() + range.end,
                                            [&](const Slot& slot) { return slot.offset < *start; });
    range.begin = static_cast<uint32_t>(first - slots_.begin());
  }
  return range;
}

bool Logs::is_empty(const Range& range) const {
  if (range.begin >= range.end) return true;
  return range.only_safe && safe_[range.begin] == safe_[range.end];
}

std::optional<int64_t> Logs::start_ever(uint32_t key) const {
  const auto next =
      std::partition_point(starts_.begin(), starts_.end(), [key](const Start& s) { return s.key <= key; });
  if (next == starts_.begin() || (next - 1)->key != key) return std::nullopt;
  return (next - 1)->start;
}

std::optional<int64_t> Logs::start_at(uint32_t key, const Op& op) const {
  if (op.is_open) return start_ever(key);
  const auto next = std::partition_point(starts_.begin(), starts_.end(), [&](const Start& s) {
    return s.key < key || (s.key == key && s.invoked < op.completed);
  });
  if (next == starts_.begin() || (next - 1)->key != key) return std::nullopt;
  return (next - 1)->start;
}

}  // namespace ksim::judge
