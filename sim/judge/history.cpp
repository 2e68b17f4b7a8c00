#include "sim/judge/history.h"

#include <algorithm>
#include <cstring>

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
  const auto add = [&] { return added(places, Place{offset, value, of.key}); };
  if (of.place == kNone) return of.place = add();
  if (places[of.place].offset == offset) return of.place;
  return place_ids_.find_or_add(
      mix64(value, static_cast<uint64_t>(offset)),
      [&](uint32_t id) { return places[id].value == value && places[id].offset == offset; }, add);
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
