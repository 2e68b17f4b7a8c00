#include "sim/judge/history.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/base/assert.h"
#include "core/base/hash.h"

namespace ksim::judge {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 20;

template <class T>
uint32_t added(std::vector<T>& all, T one) {
  ENSURE(all.size() < kNone, "a history of more than 4 thousand million things");
  all.push_back(std::move(one));
  return static_cast<uint32_t>(all.size() - 1);
}

}  // namespace

const char* History::keep(std::string_view text) {
  if (texts_next_ == nullptr || text.size() > texts_left_) {
    texts_left_ = std::max(kChunkBytes, text.size());
    texts_.push_back(std::make_unique<char[]>(texts_left_));
    texts_next_ = texts_.back().get();
  }
  char* const kept = texts_next_;
  if (!text.empty()) std::memcpy(kept, text.data(), text.size());
  texts_next_ += text.size();
  texts_left_ -= text.size();
  return kept;
}

uint32_t History::key(std::string_view name) {
  return key_ids_.find_or_add(
      hash_text(name), [&](uint32_t id) { return keys[id].name == name; },
      [&] { return added(keys, Key{std::string(name)}); });
}

uint32_t History::value(uint32_t key, int64_t number) {
  return value_ids_.find_or_add(
      mix64(key, static_cast<uint64_t>(number)),
      [&](uint32_t id) {
        const Value& known = values[id];
        return known.number == number && known.key == key && known.text == nullptr;
      },
      [&] {
        Value fresh;
        fresh.number = number;
        fresh.key = key;
        return added(values, fresh);
      });
}

uint32_t History::value(uint32_t key, std::string_view text) {
  return value_ids_.find_or_add(
      hash_text(text, key + 1),
      [&](uint32_t id) {
        const Value& known = values[id];
        return known.text != nullptr && known.key == key && known.as_text() == text;
      },
      [&] {
        Value fresh;
        fresh.text = keep(text);
        fresh.text_size = static_cast<uint32_t>(text.size());
        fresh.key = key;
        return added(values, fresh);
      });
}

uint32_t History::place(uint32_t value, int64_t offset) {
  Value& of = values[value];
  const uint32_t key = of.key;
  const auto add = [&] {
    const uint32_t fresh = added(places, Place{offset, value, key});
    note_seen(key, offset, fresh);
    return fresh;
  };
  if (of.place == kNone) return of.place = add();
  if (places[of.place].offset == offset) return of.place;
  return place_ids_.find_or_add(
      mix64(value, static_cast<uint64_t>(offset)),
      [&](uint32_t id) { return places[id].value == value && places[id].offset == offset; }, add);
}

uint32_t History::place_of(uint32_t key, int64_t offset, int64_t number) {
  if (const Seen* seen = seen_at(key, offset);
      seen != nullptr && seen->place != kNone && seen->number == number) {
    if (number != 0 || values[places[seen->place].value].text == nullptr) return seen->place;
  }
  return place(value(key, number), offset);
}

uint32_t History::place_of(uint32_t key, int64_t offset, std::string_view text) {
  if (const Seen* seen = seen_at(key, offset); seen != nullptr && seen->place != kNone && seen->number == 0) {
    const Value& known = values[places[seen->place].value];
    if (known.text != nullptr && known.as_text() == text) return seen->place;
  }
  return place(value(key, text), offset);
}

History::Seen* History::seen_at(uint32_t key, int64_t offset) {
  if (key >= seen_.size()) return nullptr;
  SeenOffsets& of = seen_[key];
  if (offset < of.base || offset - of.base >= static_cast<int64_t>(of.seen.size())) return nullptr;
  return &of.seen[static_cast<size_t>(offset - of.base)];
}

void History::note_seen(uint32_t key, int64_t offset, uint32_t place) {
  constexpr int64_t kSlack = 1024;
  if (key >= seen_.size()) seen_.resize(keys.size());
  SeenOffsets& of = seen_[key];
  if (of.used == 0) of.base = std::max<int64_t>(0, offset - kSlack / 2);
  if (offset < of.base) return;
  const int64_t at = offset - of.base;
  if (at >= static_cast<int64_t>(of.seen.size())) {
    if (at > 4 * int64_t{of.used} + kSlack) return;
    of.seen.resize(static_cast<size_t>(at) + 1);
  }
  Seen& seen = of.seen[static_cast<size_t>(at)];
  if (seen.place != kNone) return;
  seen = {values[places[place].value].number, place};
  ++of.used;
}

void History::sort_places() {
  std::vector<uint32_t> order(places.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [this](uint32_t a, uint32_t b) {
    const Place& left = places[a];
    const Place& right = places[b];
    if (left.key != right.key) return left.key < right.key;
    if (left.offset != right.offset) return left.offset < right.offset;
    return value_less(left.value, right.value);
  });
  seen_ = {};
  value_ids_ = {};
  place_ids_ = {};

  std::vector<uint32_t> now(places.size());  // by old place
  std::vector<Place> sorted(places.size());
  std::vector<uint32_t> value_now(values.size(), kNone);
  std::vector<Value> sorted_values;
  sorted_values.reserve(values.size());
  const auto move_value = [&](uint32_t value) {
    if (value_now[value] != kNone) return;
    value_now[value] = static_cast<uint32_t>(sorted_values.size());
    sorted_values.push_back(values[value]);
  };
  for (uint32_t i = 0; i < order.size(); ++i) {
    now[order[i]] = i;
    sorted[i] = places[order[i]];
    move_value(sorted[i].value);
    sorted[i].value = value_now[sorted[i].value];
  }
  for (uint32_t value = 0; value < values.size(); ++value) move_value(value);
  for (Value& value : sorted_values) {
    if (value.place != kNone) value.place = now[value.place];
  }
  places = std::move(sorted);
  values = std::move(sorted_values);
  for (uint32_t& record : records) record = now[record];
  for (MicroOp& micro : micro_ops) {
    if (micro.is_poll) continue;
    micro.first = value_now[micro.first];
    if (micro.second != kNone) micro.second = now[micro.second];
  }
}

uint32_t History::process(int64_t number) {
  return process_ids_.find_or_add(
      mix64(7, static_cast<uint64_t>(number)), [&](uint32_t id) { return processes[id].number == number; },
      [&] {
        const auto exception =
            std::lower_bound(settings.process_read_committed.begin(), settings.process_read_committed.end(),
                             std::make_pair(number, false));
        const bool named = exception != settings.process_read_committed.end() && exception->first == number;
        const bool committed = named ? exception->second : settings.read_committed;
        return added(processes, Process{number, kNone, settings.txn && !committed});
      });
}

bool History::value_less(uint32_t a, uint32_t b) const {
  const Value& left = values[a];
  const Value& right = values[b];
  if ((left.text == nullptr) != (right.text == nullptr)) return left.text == nullptr;
  if (left.text == nullptr) return left.number < right.number;
  return left.as_text() < right.as_text();
}

}  // namespace ksim::judge
