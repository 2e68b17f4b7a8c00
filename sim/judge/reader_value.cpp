// What operations were asked to do and did.

#include <algorithm>

#include <fmt/format.h>

#include "sim/judge/reader.h"

namespace ksim::judge {
namespace {

using Kind = Token::Kind;

constexpr std::string_view kKeys = "\"value\": expected a list of keys";
constexpr std::string_view kStarts = "\"value\": expected {key: log start offset}";

// Those of one op in a table that is sorted by op.
template <class Entry>
std::pair<size_t, size_t> range_of(const std::vector<Entry>& all, uint32_t op) {
  const auto first = std::partition_point(all.begin(), all.end(), [op](const Entry& e) { return e.op < op; });
  const auto last = std::partition_point(first, all.end(), [op](const Entry& e) { return e.op == op; });
  return {static_cast<size_t>(first - all.begin()), static_cast<size_t>(last - all.begin())};
}

bool by_key(const Trim& a, const Trim& b) { return a.key < b.key; }

}  // namespace

// ---- send, poll, txn ----

bool Reader::invoke_micro_ops(const Event& event, uint32_t op) {
  if (event.value == 0 || !json_[event.value].is(Kind::array))
    return bad("\"value\": expected a list of micro-ops");
  for (uint32_t at = event.value + 1; at < json_[event.value].stop(); at = json_[at].next()) {
    bool is_poll = false;
    size_t size = 0;
    if (!read_micro_op(at, is_poll, size)) return false;
    if (is_wrong_kind(event.kind, is_poll))
      return bad(is_poll ? "a poll in a \"send\"" : "a send in a \"poll\"");
    if (history_.micro_ops.size() >= kNone - 1) return bad("more micro-ops than this program can hold");
    if (is_poll) {
      if (size != 1) return bad("a poll is invoked as [\"poll\"]");
      history_.micro_ops.push_back({true, 0, 0});
    } else {
      if (size != 3) return bad("a send is invoked as [\"send\",key,value]");
      if (!invoke_send(at, op)) return false;
    }
  }
  history_.ops[op].micro_end = static_cast<uint32_t>(history_.micro_ops.size());
  return true;
}

// `size`: of its list.
bool Reader::read_micro_op(uint32_t at, bool& is_poll, size_t& size) {
  const Token list = json_[at];
  if (!list.is(Kind::array) || list.is_empty() || !json_[at + 1].is(Kind::text))
    return bad("a micro-op: expected [\"send\",...] or [\"poll\",...]");
  is_poll = json_[at + 1].text() == "poll";
  if (!is_poll && json_[at + 1].text() != "send")
    return bad("a micro-op: expected [\"send\",...] or [\"poll\",...]");
  size = 0;
  for (uint32_t item = at + 1; item < list.stop() && size < 5; item = json_[item].next()) ++size;
  return true;
}

bool Reader::invoke_send(uint32_t at, uint32_t op) {
  if (!json_[at + 2].is(Kind::text)) return bad("a send: its key is text");
  if (!is_sound_value(at + 3)) return false;
  const Token token = json_[at + 3];
  const uint32_t key = history_.key(json_[at + 2].text());
  const uint32_t value =
      token.is(Kind::text) ? history_.value(key, token.text()) : history_.value(key, token.number());
  Value& sent = history_.values[value];
  if (sent.writer != kNone) {
    return bad(
        fmt::format("a value is sent to this key for the second time: the operation of index {} sent it",
                    history_.ops[sent.writer].invoked));
  }
  sent.writer = op;
  sent.writer_micro = static_cast<uint32_t>(history_.micro_ops.size());
  history_.micro_ops.push_back({false, value, kNone});
  return true;
}

bool Reader::complete_micro_ops(const Event& event, uint32_t number) {
  Op& op = history_.ops[number];
  op.record_begin = op.record_end = static_cast<uint32_t>(history_.records.size());
  const bool is_ok = event.outcome == Outcome::ok;
  if (is_ok) history_.oks.push_back(number);
  if (event.value == 0 || (!is_ok && json_[event.value].is(Kind::null))) {
    if (is_ok) return bad("no \"value\"");
  } else {
    if (!json_[event.value].is(Kind::array)) return bad("\"value\": expected a list of micro-ops");
    uint32_t micro = op.micro_begin;
    for (uint32_t at = event.value + 1; at < json_[event.value].stop(); at = json_[at].next()) {
      if (micro == op.micro_end) return bad("more micro-ops than were invoked");
      if (!complete_micro_op(at, history_.micro_ops[micro++], is_ok ? Form::completed : Form::either))
        return false;
    }
    if (micro != op.micro_end) return bad("fewer micro-ops than were invoked");
  }
  op.record_end = static_cast<uint32_t>(history_.records.size());
  return event.rebalance_log == 0 || read_rebalance_log(event.rebalance_log, number);
}

bool Reader::complete_micro_op(uint32_t at, MicroOp& micro, Form form) {
  bool is_poll = false;
  size_t size = 0;
  if (!read_micro_op(at, is_poll, size)) return false;
  if (is_poll != micro.is_poll) return bad("other micro-ops than were invoked");
  if (is_poll) {
    if (size > 2 || (size == 1 && form == Form::completed))
      return bad("a poll completes as [\"poll\",{key:[[offset,value],...],...}]");
    return complete_poll(at, micro, size == 1 ? Form::invoked : Form::completed);
  }
  if (size < 3 || size > 4 || (size == 3 && form == Form::completed))
    return bad("a send completes as [\"send\",key,value,offset or null]");
  return complete_send(at, micro, size == 3 ? Form::invoked : Form::completed);
}

bool Reader::complete_send(uint32_t at, MicroOp& micro, Form form) {
  const Value& sent = history_.values[micro.first];
  if (!json_[at + 2].is(Kind::text)) return bad("a send: its key is text");
  uint32_t value_at = at + 3;
  if (json_[at + 2].text() != history_.keys[sent.key].name || !is_value(value_at, micro.first))
    return bad("other micro-ops than were invoked");
  const uint32_t offset_at = json_[value_at].next();
  if (form == Form::invoked || json_[offset_at].is(Kind::null)) return true;
  int64_t offset = 0;
  if (!read_integer("offset", offset_at, 0, offset)) return false;
  micro.second = history_.place(micro.first, offset);
  return true;
}

bool Reader::complete_poll(uint32_t at, MicroOp& micro, Form form) {
  micro.first = micro.second = static_cast<uint32_t>(history_.records.size());
  if (form == Form::invoked) return true;
  const uint32_t keys = at + 2;
  if (!json_[keys].is(Kind::object)) return bad("a poll: expected {key:[[offset,value],...],...}");
  if (!has_distinct_names("poll", keys)) return false;
  for (uint32_t member = keys + 1; member < json_[keys].stop(); member = json_[member + 1].next()) {
    const Token list = json_[member + 1];
    if (!list.is(Kind::array)) return bad("a poll: expected {key:[[offset,value],...],...}");
    if (list.is_empty()) continue;
    if (!read_records(member + 1, history_.key(json_[member].text()))) return false;
  }
  micro.second = static_cast<uint32_t>(history_.records.size());
  return true;
}

bool Reader::read_records(uint32_t list, uint32_t key) {
  for (uint32_t at = list + 1; at < json_[list].stop(); at = json_[at].next()) {
    const Token pair = json_[at];
    if (!pair.is(Kind::array) || pair.is_empty()) return bad("a poll: expected [offset,value]");
    const uint32_t value = json_[at + 1].next();
    if (value >= pair.stop() || json_[value].next() != pair.stop())
      return bad("a poll: expected [offset,value]");
    int64_t offset = 0;
    if (!read_integer("offset", at + 1, 0, offset)) return false;
    if (!is_sound_value(value)) return false;
    if (history_.records.size() >= kNone - 1) return bad("more records than this program can hold");
    const Token token = json_[value];
    history_.records.push_back(token.is(Kind::text) ? history_.place_of(key, offset, token.text())
                                                    : history_.place_of(key, offset, token.number()));
  }
  return true;
}

bool Reader::is_sound_value(uint32_t at) {
  const Token token = json_[at];
  if (token.is(Kind::whole) || token.is(Kind::text)) return true;
  return bad(token.is(Kind::large) ? "a value is out of range: integers have 64 bits and a sign"
                                   : "a value is an integer or text");
}

bool Reader::is_value(uint32_t at, uint32_t value) const {
  const Value& known = history_.values[value];
  if (known.text != nullptr) return json_[at].is(Kind::text) && json_[at].text() == known.as_text();
  return json_[at].is(Kind::whole) && json_[at].number() == known.number;
}

bool Reader::read_rebalance_log(uint32_t at, uint32_t op) {
  constexpr std::string_view kExpected = "\"rebalance_log\": expected [{\"keys\":[key,...],...},...]";
  if (!json_[at].is(Kind::array)) return bad(std::string(kExpected));
  for (uint32_t entry = at + 1; entry < json_[at].stop(); entry = json_[entry].next()) {
    if (!json_[entry].is(Kind::object)) return bad(std::string(kExpected));
    bool has_keys = false;
    for (uint32_t member = entry + 1; member < json_[entry].stop(); member = json_[member + 1].next()) {
      if (json_[member].text() != "keys") continue;
      if (has_keys || !json_[member + 1].is(Kind::array)) return bad(std::string(kExpected));
      has_keys = true;
      for (uint32_t key = member + 2; key < json_[member + 1].stop(); key = json_[key].next()) {
        if (!json_[key].is(Kind::text)) return bad(std::string(kExpected));
        history_.rebalanced.push_back({op, history_.key(json_[key].text())});
      }
    }
    if (!has_keys) return bad(std::string(kExpected));
  }
  return true;
}

// ---- assign, subscribe ----

bool Reader::invoke_assign(const Event& event, uint32_t op) {
  if (event.value == 0 || !json_[event.value].is(Kind::array)) return bad(std::string(kKeys));
  for (uint32_t at = event.value + 1; at < json_[event.value].stop(); at = json_[at].next()) {
    if (!json_[at].is(Kind::text)) return bad(std::string(kKeys));
    history_.assigned.push_back({op, history_.key(json_[at].text())});
  }
  return true;
}

bool Reader::complete_assign(const Event& event, uint32_t op) {
  if (event.value == 0 || json_[event.value].is(Kind::null)) return true;
  if (!json_[event.value].is(Kind::array)) return bad(std::string(kKeys));
  names_.clear();
  for (uint32_t at = event.value + 1; at < json_[event.value].stop(); at = json_[at].next()) {
    if (!json_[at].is(Kind::text)) return bad(std::string(kKeys));
    names_.push_back(json_[at].text());
  }
  std::vector<std::string_view> asked;
  const auto [first, last] = range_of(history_.assigned, op);
  for (size_t i = first; i < last; ++i) asked.emplace_back(history_.keys[history_.assigned[i].key].name);
  std::sort(asked.begin(), asked.end());
  std::sort(names_.begin(), names_.end());
  return asked == names_ || bad("other keys than were invoked");
}

// ---- trim ----

bool Reader::invoke_trim(const Event& event, uint32_t op) {
  if (event.value == 0 || !json_[event.value].is(Kind::object)) return bad(std::string(kStarts));
  if (!has_distinct_names("value", event.value)) return false;
  for (uint32_t member = event.value + 1; member < json_[event.value].stop();
       member = json_[member + 1].next()) {
    int64_t start = 0;
    if (!read_integer("log start offset", member + 1, 0, start)) return false;
    history_.trims.push_back({op, history_.key(json_[member].text()), start});
  }
  const auto first = history_.trims.begin() + static_cast<ptrdiff_t>(range_of(history_.trims, op).first);
  std::sort(first, history_.trims.end(), by_key);
  return true;
}

bool Reader::complete_trim(const Event& event, uint32_t op) {
  if (event.value == 0 || json_[event.value].is(Kind::null)) return true;
  if (!json_[event.value].is(Kind::object)) return bad(std::string(kStarts));
  if (!has_distinct_names("value", event.value)) return false;
  const auto [first, last] = range_of(history_.trims, op);
  for (uint32_t member = event.value + 1; member < json_[event.value].stop();
       member = json_[member + 1].next()) {
    int64_t start = 0;
    if (!read_integer("log start offset", member + 1, 0, start)) return false;
    const uint32_t key = history_.key(json_[member].text());
    const auto end = history_.trims.begin() + static_cast<ptrdiff_t>(last);
    const auto asked = std::lower_bound(history_.trims.begin() + static_cast<ptrdiff_t>(first), end,
                                        Trim{op, key, 0}, by_key);
    if (asked == end || asked->key != key) return bad("other keys than were invoked");
    asked->start = start;
  }
  return true;
}

}  // namespace ksim::judge
