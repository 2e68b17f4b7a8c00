// Events and their order.

#include <fmt/format.h>

#include "sim/judge/reader.h"

namespace ksim::judge {
namespace {

using Kind = Token::Kind;

enum Member : uint32_t {
  index,
  time_ns,
  process,
  type,
  f,
  value,
  error,
  rebalance_log,
  seek_to_beginning,
  members
};
constexpr std::string_view kMembers[] = {"index", "time_ns",       "process",          "type", "f", "value",
                                         "error", "rebalance_log", "seek_to_beginning"};
constexpr uint32_t kNeeded = 5;  // so many of the first ones

constexpr std::string_view kKinds[] = {"send", "poll", "txn", "assign", "subscribe", "crash", "trim"};

}  // namespace

bool Reader::read_event() {
  Event event;
  if (!read_members(event)) return false;
  if (has_event_ && event.index <= last_index_)
    return bad(fmt::format("\"index\": {} comes after {}: indexes increase", event.index, last_index_));
  if (has_event_ && event.time_ns < last_time_ns_)
    return bad(
        fmt::format("\"time_ns\": {} comes after {}: time does not decrease", event.time_ns, last_time_ns_));
  has_event_ = true;
  last_index_ = event.index;
  last_time_ns_ = event.time_ns;
  return event.is_note || take_in(event);
}

bool Reader::read_members(Event& event) {
  uint32_t at_of[members] = {};
  for (uint32_t at = JsonLine::kRoot + 1; at < json_[JsonLine::kRoot].stop(); at = json_[at + 1].next()) {
    const std::string_view name = json_[at].text();
    uint32_t member = 0;
    while (member < members && kMembers[member] != name) ++member;
    if (member == members) continue;
    if (at_of[member] != 0) return bad(fmt::format("\"{}\" twice", name));
    at_of[member] = at + 1;
  }
  for (uint32_t member = 0; member < kNeeded; ++member) {
    if (at_of[member] == 0) return bad(fmt::format("no \"{}\"", kMembers[member]));
  }
  int64_t number = 0;
  if (!read_integer("index", at_of[index], INT64_MIN, event.index) ||
      !read_integer("time_ns", at_of[time_ns], INT64_MIN, event.time_ns) ||
      !read_integer("process", at_of[process], 0, number) || !read_type(at_of[type], event) ||
      !read_f(at_of[f], event)) {
    return false;
  }
  if (at_of[error] != 0 && !json_[at_of[error]].is(Kind::text)) return bad("\"error\": expected text");
  event.process = history_.process(number);
  event.value = at_of[value];
  event.rebalance_log = at_of[rebalance_log];
  const bool assigns = event.kind == OpKind::assign || event.kind == OpKind::subscribe;
  if (const uint32_t at = at_of[seek_to_beginning]; at != 0 && assigns && !event.is_note) {
    event.seeks_to_beginning = json_[at].is(Kind::truth);
    if (!event.seeks_to_beginning && !json_[at].is(Kind::untruth))
      return bad("\"seek_to_beginning\": expected true or false");
  }
  return true;
}

bool Reader::read_type(uint32_t at, Event& event) {
  const Token token = json_[at];
  if (!token.is(Kind::text)) return bad("\"type\": expected text");
  event.is_invocation = token.text() == "invoke";
  if (event.is_invocation) return true;
  if (token.text() == "ok") {
    event.outcome = Outcome::ok;
  } else if (token.text() == "fail") {
    event.outcome = Outcome::fail;
  } else if (token.text() != "info") {
    return bad("\"type\": expected \"invoke\", \"ok\", \"fail\" or \"info\"");
  }
  return true;
}

bool Reader::read_f(uint32_t at, Event& event) {
  const Token token = json_[at];
  if (!token.is(Kind::text)) return bad("\"f\": expected text");
  for (uint32_t kind = 0; kind < std::size(kKinds); ++kind) {
    if (token.text() != kKinds[kind]) continue;
    event.kind = static_cast<OpKind>(kind);
    return true;
  }
  event.is_note = token.text() == "note";
  return event.is_note || bad("\"f\": expected \"send\", \"poll\", \"txn\", \"assign\", \"subscribe\", "
                              "\"crash\", \"trim\" or \"note\"");
}

bool Reader::take_in(const Event& event) {
  Process& process = history_.processes[event.process];
  if (event.is_invocation) {
    if (process.open_op != kNone) {
      return bad(fmt::format("process {} has the operation of index {} still open", process.number,
                             history_.ops[process.open_op].invoked));
    }
    return invoke(event);
  }
  if (process.open_op == kNone)
    return bad(fmt::format("process {} has no operation open that this could complete", process.number));
  Op& op = history_.ops[process.open_op];
  if (op.kind != event.kind) {
    return bad(fmt::format("process {} has \"{}\" open, not \"{}\"", process.number,
                           kKinds[static_cast<size_t>(op.kind)], kKinds[static_cast<size_t>(event.kind)]));
  }
  return complete(event, op);
}

bool Reader::invoke(const Event& event) {
  const auto number = static_cast<uint32_t>(history_.ops.size());
  if (number == kNone - 1) return bad("more operations than this program can hold");
  Op op;
  op.invoked = op.completed = event.index;
  op.process = event.process;
  op.kind = event.kind;
  op.seeks_to_beginning = event.seeks_to_beginning;
  op.oks_before = static_cast<uint32_t>(history_.oks.size());
  op.micro_begin = op.micro_end = static_cast<uint32_t>(history_.micro_ops.size());
  history_.ops.push_back(op);
  history_.processes[event.process].open_op = number;
  if (has_micro_ops(event.kind)) return invoke_micro_ops(event, number);
  if (event.kind == OpKind::trim) return invoke_trim(event, number);
  if (event.kind != OpKind::crash) return invoke_assign(event, number);
  return event.value == 0 || json_[event.value].is(Kind::null) || bad("\"value\": that of a crash is null");
}

bool Reader::complete(const Event& event, Op& op) {
  Process& process = history_.processes[event.process];
  const uint32_t number = process.open_op;
  process.open_op = kNone;
  op.completed = event.index;
  op.is_open = false;
  op.outcome = event.outcome;
  op.seeks_to_beginning = op.seeks_to_beginning || event.seeks_to_beginning;
  if (has_micro_ops(op.kind)) return complete_micro_ops(event, number);
  if (op.kind == OpKind::trim) return complete_trim(event, number);
  if (op.kind != OpKind::crash) return complete_assign(event, number);
  return event.value == 0 || json_[event.value].is(Kind::null) || bad("\"value\": that of a crash is null");
}

}  // namespace ksim::judge
