#include "sim/judge/findings.h"

#include <algorithm>

#include "sim/judge/json_line.h"

namespace ksim::judge {
namespace {

struct Named {
  Code code;
  std::string_view name;
};
constexpr Named kNames[] = {
    {Code::unsent_read, "unsent-read"},
    {Code::inconsistent_offsets, "inconsistent-offsets"},
    {Code::duplicate, "duplicate"},
    {Code::g1a, "G1a"},
    {Code::precommitted_read, "precommitted-read"},
    {Code::lost_write, "lost-write"},
    {Code::unseen, "unseen"},
    {Code::poll_skip, "poll-skip"},
    {Code::nonmonotonic_poll, "nonmonotonic-poll"},
    {Code::int_poll_skip, "int-poll-skip"},
    {Code::int_nonmonotonic_poll, "int-nonmonotonic-poll"},
    {Code::nonmonotonic_send, "nonmonotonic-send"},
    {Code::int_nonmonotonic_send, "int-nonmonotonic-send"},
    {Code::int_send_skip, "int-send-skip"},
    {Code::g0, "G0"},
    {Code::g0_process, "G0-process"},
    {Code::g0_realtime, "G0-realtime"},
    {Code::g1c, "G1c"},
    {Code::g1c_process, "G1c-process"},
    {Code::g1c_realtime, "G1c-realtime"},
};
static_assert(std::size(kNames) == kCodes);

template <size_t n>
bool among(Code code, const Code (&codes)[n]) {
  return std::find(std::begin(codes), std::end(codes), code) != std::end(codes);
}

}  // namespace

std::string_view name_of(Code code) { return kNames[static_cast<size_t>(code)].name; }

bool is_permitted(Code code, const Settings& settings) {
  using enum Code;
  if (code == int_send_skip) return true;
  if (settings.txn && among(code, {g0, g0_process, g0_realtime})) return true;
  if (settings.txn && settings.ww_deps && among(code, {g1c, g1c_process, g1c_realtime})) return true;
  if (settings.subscribes && among(code, {poll_skip, nonmonotonic_poll})) return true;
  if (!settings.final_polls && code == unseen) return true;
  if (settings.acks != Acks::all && among(code, {lost_write, unseen, inconsistent_offsets, nonmonotonic_send,
                                                 int_nonmonotonic_send, g0_process, g0_realtime})) {
    return true;
  }
  if (!settings.idempotence && among(code, {duplicate, nonmonotonic_send, int_nonmonotonic_send}))
    return true;
  return settings.unclean_elections && !among(code, {unsent_read, g1a, precommitted_read, g0, g1c});
}

// ---- Witness ----

void Witness::name(std::string_view name) {
  if (text_.size() > 1) text_.push_back(',');
  append_json_text(text_, name);
  text_.push_back(':');
}

void Witness::append_value(uint32_t value) {
  const Value& known = history_.values[value];
  if (known.text == nullptr) {
    text_ += std::to_string(known.number);
  } else {
    append_json_text(text_, known.as_text());
  }
}

template <class Items, class Append>
Witness& Witness::list(std::string_view name_of_list, const Items& items, Append&& append) {
  name(name_of_list);
  text_.push_back('[');
  bool first = true;
  for (const auto& item : items) {
    if (!first) text_.push_back(',');
    first = false;
    append(item);
  }
  text_.push_back(']');
  return *this;
}

Witness& Witness::key(uint32_t key) {
  name("key");
  append_json_text(text_, history_.keys[key].name);
  return *this;
}

Witness& Witness::number(std::string_view name_of_it, int64_t number) {
  name(name_of_it);
  text_ += std::to_string(number);
  return *this;
}

Witness& Witness::flag(std::string_view name_of_it) {
  name(name_of_it);
  text_ += "true";
  return *this;
}

Witness& Witness::op(std::string_view name_of_it, uint32_t op) {
  return number(name_of_it, history_.ops[op].completed);
}

Witness& Witness::ops(std::span<const uint32_t> ops) {
  return list("ops", ops, [this](uint32_t op) { text_ += std::to_string(history_.ops[op].completed); });
}

Witness& Witness::value(std::string_view name_of_it, uint32_t value) {
  name(name_of_it);
  append_value(value);
  return *this;
}

Witness& Witness::values(std::string_view name_of_them, std::span<const uint32_t> values) {
  return list(name_of_them, values, [this](uint32_t value) { append_value(value); });
}

Witness& Witness::offsets(std::span<const int64_t> offsets) {
  return list("offsets", offsets, [this](int64_t offset) { text_ += std::to_string(offset); });
}

Witness& Witness::skipped(const Logs& logs, const Logs::Range& range, size_t most_bytes) {
  name("skipped");
  text_.push_back('[');
  const size_t begin = text_.size();
  bool is_cut = false;
  logs.each(range, [&](uint32_t value) {
    const Value& known = history_.values[value];
    is_cut = text_.size() - begin + (known.text == nullptr ? 0 : known.text_size) >= most_bytes;
    if (is_cut) return false;
    if (text_.size() > begin) text_.push_back(',');
    append_value(value);
    return true;
  });
  text_.push_back(']');
  return is_cut ? flag("skipped_cut") : *this;
}

std::string Witness::take() {
  text_.push_back('}');
  return std::move(text_);
}

// ---- Findings ----

void Findings::add(Code code, Witness& witness) {
  if (is_full(code)) return;
  const auto [it, fresh] = of(code).known.insert(witness.take());
  if (fresh) of(code).witnesses.push_back(*it);
}

void Findings::list_skipped(Witness& witness, const Logs& logs, const Logs::Range& range) {
  const size_t before = witness.size();
  witness.skipped(logs, range,
                  skipped_bytes_ < kMostSkippedBytesInAll ? kMostSkippedBytes : kFewSkippedBytes);
  skipped_bytes_ += witness.size() - before;
}

}  // namespace ksim::judge
