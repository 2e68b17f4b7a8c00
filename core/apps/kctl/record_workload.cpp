#include "core/apps/kctl/record_workload.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/storage/text.h"

namespace ksim::kctl {
namespace {

using client::Consumer;
using client::Outcome;
using client::Producer;
using client::SendHandle;
using client::SendResult;

constexpr int64_t kMostSends = 4;              // of one operation
constexpr uint64_t kPollsBetweenAssigns = 40;  // on average
constexpr Duration kPollWait = milliseconds(300);

std::vector<TopicPartition> draw_some(const std::vector<TopicPartition>& all, Dice& dice) {
  std::vector<TopicPartition> some;
  for (const TopicPartition& partition : all)
    if (dice.below(2) == 0) some.push_back(partition);
  if (some.empty()) some.push_back(all[dice.below(all.size())]);
  return some;
}

Json keys_of(const std::vector<TopicPartition>& partitions) {
  Json keys = Json::array();
  for (const TopicPartition& partition : partitions) keys.push_back(partition.to_string());
  return keys;
}

// The value as it was sent; what others have written stays text.
Json value_of(const std::optional<Bytes>& bytes) {
  const std::string_view text = as_text(bytes.value_or(Bytes{}));
  if (const auto number = storage::parse_number<int64_t>(text)) return *number;
  return is_utf8(as_bytes(text)) ? std::string(text) : to_base64(as_bytes(text));
}

}  // namespace

Workload::Workload(Session& session, const WorkloadPlan& plan, History& history)
    : session_(session), plan_(plan), history_(history), started_(session.env.now()) {}

void Workload::run(Deadline deadline) {
  run_scoped(session_.env, [&](Scope& scope) {
    for (int32_t i = 0; i < plan_.producers; ++i)
      scope.spawn(
          "record.producer", [this, i, deadline] { produce(i, deadline); }, static_cast<uint64_t>(i));
    for (int32_t i = 0; i < plan_.consumers; ++i)
      scope.spawn(
          "record.consumer", [this, i, deadline] { consume(plan_.producers + i, deadline); },
          static_cast<uint64_t>(i));
    scope.join();
  });
}

// ---- producers ----

void Workload::produce(int32_t process, Deadline deadline) {
  const auto producer = Producer::create(session_.env, plan_.producer);
  ENSURE(producer.ok(), "settings that were checked");
  Dice dice(session_.env.random, Stream::workload, static_cast<uint64_t>(process) + 100);
  const double seconds_each = plan_.producers / plan_.sends_per_second;
  double due_seconds = 0;
  while (!session_.stopping() && session_.env.now() < deadline) {
    const auto count = static_cast<int64_t>(1 + dice.below(kMostSends));
    send_some(process, **producer, dice, count);
    due_seconds += seconds_each * static_cast<double>(count);
    const Instant due = started_ + nanoseconds(static_cast<int64_t>(due_seconds * 1e9));
    if (!session_.sleep_until(std::min(due, deadline))) break;
  }
  (*producer)->close(session_.env.after(milliseconds(plan_.producer.delivery_timeout_ms)));
}

void Workload::send_some(int32_t process, Producer& producer, Dice& dice, int64_t count) {
  struct Send {
    TopicPartition partition;
    int64_t value;
    std::optional<SendHandle> handle;
  };
  std::vector<Send> sends;
  Json invoked = Json::array();
  for (int64_t i = 0; i < count; ++i) {
    sends.push_back({plan_.partitions[dice.below(plan_.partitions.size())], next_value_++, {}});
    invoked.push_back(send_op(sends.back().partition.to_string(), sends.back().value));
  }
  history_.event(time(), process, "invoke", "send", invoked);
  for (Send& send : sends) {
    const std::string text = std::to_string(send.value);
    client::ProducerRecord record;
    record.topic = send.partition.topic;
    record.partition = send.partition.partition;
    record.value = as_bytes(text);
    send.handle = producer.send(record);
  }
  Json completed = Json::array();
  int64_t written = 0;
  int64_t definite = 0;
  std::string error;
  for (const Send& send : sends) {
    const SendResult result = send.handle->wait();
    const std::string key = send.partition.to_string();
    if (result.outcome == Outcome::written) {
      ++written;
      completed.push_back(
          send_result(key, send.value, result.offset < 0 ? std::nullopt : std::optional(result.offset)));
      continue;
    }
    if (result.outcome == Outcome::not_written) ++definite;
    completed.push_back(send_result(key, send.value, std::nullopt));
    if (error.empty()) error = fmt::format("{}: {}", to_string(result.error), result.message);
  }
  acknowledged_ += written;
  not_written_ += definite;
  unknown_ += count - written - definite;
  // What is partly done is neither.
  const char* const type = written == count ? "ok" : definite == count ? "fail" : "info";
  history_.event(time(), process, type, "send", completed, error);
}

// ---- consumers ----

void Workload::assign(int32_t process, Consumer& consumer, const std::vector<TopicPartition>& partitions,
                      bool from_beginning) {
  const Json keys = keys_of(partitions);
  const auto note = [&](const char* type) {
    if (!from_beginning) return history_.event(time(), process, type, "assign", keys);
    history_.assign_from_beginning(time(), process, type, keys);
  };
  note("invoke");
  consumer.assign(partitions);
  if (from_beginning) ENSURE(consumer.seek_to_beginning(partitions).ok(), "partitions that were assigned");
  note("ok");
}

bool Workload::poll_once(int32_t process, Consumer& consumer) {
  history_.event(time(), process, "invoke", "poll", Json::array({Json::array({"poll"})}));
  const auto records = consumer.poll(kPollWait);
  if (!records.ok()) {
    const std::string error =
        fmt::format("{}: {}", to_string(records.error().fault), records.error().message);
    history_.event(time(), process, "fail", "poll", Json(), error);
    return false;
  }
  Json by_key = Json::object();
  for (const client::ConsumerRecord& record : *records) {
    const std::string key = TopicPartition{std::string(record.topic), record.partition}.to_string();
    by_key[key].push_back(Json::array({record.offset, value_of(record.value)}));
  }
  polled_ += static_cast<int64_t>(records->size());
  history_.event(time(), process, "ok", "poll", Json::array({Json::array({"poll", by_key})}));
  return true;
}

void Workload::consume(int32_t process, Deadline deadline) {
  Dice dice(session_.env.random, Stream::workload, static_cast<uint64_t>(process) + 100);
  while (!session_.stopping() && session_.env.now() < deadline) {
    const auto consumer = Consumer::create(session_.env, plan_.consumer);
    ENSURE(consumer.ok(), "settings that were checked");
    assign(process, **consumer, plan_.partitions, true);
    bool usable = true;
    while (usable && !session_.stopping() && session_.env.now() < deadline) {
      usable = poll_once(process, **consumer);
      if (usable && dice.below(kPollsBetweenAssigns) == 0)
        assign(process, **consumer, draw_some(plan_.partitions, dice), dice.below(4) == 0);
    }
    (*consumer)->close();
    if (usable) break;
    history_.event(time(), process, "invoke", "crash", Json());
    history_.event(time(), process, "ok", "crash", Json());
    session_.sleep_until(std::min(session_.env.after(milliseconds(500)), deadline));
  }
}

bool Workload::poll_everything(Deadline deadline) {
  const int32_t process = plan_.producers + plan_.consumers;
  const auto consumer = Consumer::create(session_.env, plan_.consumer);
  ENSURE(consumer.ok(), "settings that were checked");
  bool complete = false;
  const auto ends = (*consumer)->end_offsets(plan_.partitions, deadline);
  assign(process, **consumer, plan_.partitions, true);
  while (ends.ok() && session_.env.now() < deadline) {
    complete = std::all_of(ends->begin(), ends->end(), [&](const auto& entry) {
      const auto* const state = (*consumer)->state(entry.first);
      return state != nullptr && state->position() && state->position()->offset >= entry.second;
    });
    if (complete || !poll_once(process, **consumer)) break;
  }
  (*consumer)->close();
  return complete;
}

}  // namespace ksim::kctl
