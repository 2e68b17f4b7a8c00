#include "core/client/admin.h"

#include <algorithm>

#include "core/client/admin_repeat.h"
#include "core/wire/messages/create_partitions.h"
#include "core/wire/messages/create_topics.h"
#include "core/wire/messages/delete_records.h"
#include "core/wire/messages/delete_topics.h"

namespace ksim::client {

Result<std::unique_ptr<Admin>> Admin::create(const Env& env, AdminConfig config) {
  TRY(config.validate());
  return std::unique_ptr<Admin>(new Admin(env, std::move(config)));
}

Admin::Admin(const Env& env, AdminConfig config)
    : config_(std::move(config)), env_(env), network_(env, config_, {}) {
  network_.start();
}

Admin::~Admin() = default;

void Admin::close() { network_.close(); }

Result<void> Admin::pause(int32_t round, Deadline deadline) {
  if (round >= config_.retries) return fail(ErrorCode::REQUEST_TIMED_OUT, "no retries left");
  const uint64_t draw = network_.jitter();
  const Deadline next = env_.after(network_.retry_backoff().after(round, draw));
  env_.scheduler.sleep_until(std::min(deadline, next));
  if (env_.now() >= deadline) return fail(ErrorCode::REQUEST_TIMED_OUT, "no answer in time");
  return {};
}

namespace {

int32_t left_ms(const Env& env, Deadline deadline) {
  const int64_t left = deadline.is_never() ? 60'000 : (deadline - env.now()).ms();
  return static_cast<int32_t>(std::clamp<int64_t>(left, 1, std::numeric_limits<int32_t>::max()));
}

// Takes the answers for keys that are still open; what is worth repeating stays open.
template <class Key>
void settle(const Key& key, const ChangeResult& result, std::map<Key, bool>& open,
            std::map<Key, ChangeResult>& results) {
  const auto it = open.find(key);
  if (it == open.end()) return;
  results[key] = result;
  results[key].may_have_happened = !result.ok() && (result.may_have_happened || it->second);
  results[key].may_happen_again = result.ok() && it->second;
  if (!worth_repeating(result.error)) open.erase(it);
}

// Every key without an answer has the fate of the loop; those last answered with something worth repeating
// keep that.
template <class Key>
void fail_open(const std::map<Key, bool>& open, const Result<void>& loop,
               std::map<Key, ChangeResult>& results) {
  if (loop.ok()) return;
  for (const auto& [key, unanswered] : open) {
    const auto [it, added] = results.try_emplace(key, failed_change(loop.error(), unanswered));
    if (!added) it->second.may_have_happened = it->second.may_have_happened || unanswered;
  }
}

template <class Key>
void mark_unanswered(std::map<Key, bool>& open, bool& unanswered) {
  if (std::exchange(unanswered, false))
    for (auto& [key, lost] : open) lost = true;
}

wire::CreatableTopic creatable(const NewTopic& topic, wire::Arena& arena) {
  wire::CreatableTopic entry;
  entry.name = topic.name;
  entry.num_partitions = topic.assignment.empty() ? topic.partitions : -1;
  entry.replication_factor = topic.assignment.empty() ? topic.replication_factor : int16_t{-1};
  entry.assignments = arena.make_array<wire::CreatableReplicaAssignment>(topic.assignment.size());
  size_t i = 0;
  for (const auto& [index, brokers] : topic.assignment) {
    entry.assignments[i].partition_index = index;
    entry.assignments[i].broker_ids = arena.copy_array(std::span<const int32_t>(brokers));
    ++i;
  }
  entry.configs = arena.make_array<wire::CreatableTopicConfig>(topic.configs.size());
  i = 0;
  for (const auto& [name, value] : topic.configs) {
    entry.configs[i].name = name;
    entry.configs[i].value = value;
    ++i;
  }
  return entry;
}

}  // namespace

ChangeResults Admin::create_topics(const std::vector<NewTopic>& topics, Deadline deadline,
                                   bool validate_only) {
  ChangeResults results;
  std::map<std::string, bool> open;  // topic -> an attempt went unanswered
  for (const NewTopic& topic : topics) open[topic.name] = false;
  bool unanswered = false;
  const auto make = [&](wire::Arena& arena) {
    mark_unanswered(open, unanswered);
    std::vector<wire::CreatableTopic> entries;
    for (const NewTopic& topic : topics)
      if (open.count(topic.name) != 0) entries.push_back(creatable(topic, arena));
    wire::CreateTopicsRequest request;
    request.topics = arena.copy_array(std::span<const wire::CreatableTopic>(entries));
    request.timeout_ms = left_ms(env_, std::min(deadline, network_.request_deadline()));
    request.validate_only = validate_only;
    return request;
  };
  const auto take = [&](const wire::CreateTopicsResponse& response) -> Result<bool> {
    for (const wire::CreatableTopicResult& topic : response.topics)
      settle(std::string(topic.name), change_of(topic.error_code, topic.error_message, false), open, results);
    return open.empty();
  };
  const Result<void> loop = repeat(std::nullopt, deadline, unanswered, make, take);
  mark_unanswered(open, unanswered);
  fail_open(open, loop, results);
  return results;
}

ChangeResults Admin::delete_topics(const std::vector<std::string>& topics, Deadline deadline) {
  ChangeResults results;
  std::map<std::string, bool> open;
  for (const std::string& topic : topics) open[topic] = false;
  bool unanswered = false;
  const auto make = [&](wire::Arena& arena) {
    mark_unanswered(open, unanswered);
    wire::DeleteTopicsRequest request;
    // Versions up to 5 carry names alone, later ones names or ids; the encoder takes what fits.
    request.topics = arena.make_array<wire::DeleteTopicState>(open.size());
    size_t i = 0;
    for (const auto& [name, lost] : open) request.topics[i++].name = name;
    request.timeout_ms = left_ms(env_, std::min(deadline, network_.request_deadline()));
    return request;
  };
  const auto take = [&](const wire::DeleteTopicsResponse& response) -> Result<bool> {
    for (const wire::DeletableTopicResult& topic : response.responses)
      if (topic.name)
        settle(std::string(*topic.name), change_of(topic.error_code, topic.error_message, false), open,
               results);
    return open.empty();
  };
  const Result<void> loop = repeat(std::nullopt, deadline, unanswered, make, take);
  mark_unanswered(open, unanswered);
  fail_open(open, loop, results);
  return results;
}

ChangeResults Admin::create_partitions(const std::map<std::string, int32_t>& counts, Deadline deadline) {
  ChangeResults results;
  std::map<std::string, bool> open;
  for (const auto& [topic, count] : counts) open[topic] = false;
  bool unanswered = false;
  const auto make = [&](wire::Arena& arena) {
    mark_unanswered(open, unanswered);
    wire::CreatePartitionsRequest request;
    request.topics = arena.make_array<wire::CreatePartitionsTopic>(open.size());
    size_t i = 0;
    for (const auto& [name, lost] : open) {
      request.topics[i].name = name;
      request.topics[i].count = counts.at(name);
      request.topics[i].assignments = std::nullopt;  // an empty list would be one without brokers
      ++i;
    }
    request.timeout_ms = left_ms(env_, std::min(deadline, network_.request_deadline()));
    return request;
  };
  const auto take = [&](const wire::CreatePartitionsResponse& response) -> Result<bool> {
    for (const wire::CreatePartitionsTopicResult& topic : response.results)
      settle(std::string(topic.name), change_of(topic.error_code, topic.error_message, false), open, results);
    return open.empty();
  };
  const Result<void> loop = repeat(std::nullopt, deadline, unanswered, make, take);
  mark_unanswered(open, unanswered);
  fail_open(open, loop, results);
  return results;
}

PartitionResults Admin::delete_records(const std::map<TopicPartition, int64_t>& before, Deadline deadline) {
  std::map<TopicPartition, int64_t> left = before;
  std::map<TopicPartition, bool> unanswered;
  PartitionResults results;
  for (const auto& [partition, offset] : before) unanswered[partition] = false;
  for (int32_t round = 0;; ++round) {
    delete_records_round(left, results, unanswered, deadline);
    if (left.empty()) return results;
    network_.request_metadata();
    if (const Result<void> goes_on = pause(round, deadline); !goes_on.ok()) {
      for (const auto& [partition, offset] : left)
        results.try_emplace(partition, failed_change(goes_on.error(), unanswered[partition]));
      return results;
    }
  }
}

void Admin::delete_records_round(std::map<TopicPartition, int64_t>& left, PartitionResults& results,
                                 std::map<TopicPartition, bool>& unanswered, Deadline deadline) {
  std::map<int32_t, std::map<TopicPartition, int64_t>> by_leader;
  for (const auto& [partition, offset] : left) {
    if (!await_partition_count(network_, partition.topic, deadline).ok()) continue;
    const LeaderAndEpoch leader = network_.metadata().leader(partition);
    if (leader.has_leader()) by_leader[leader.leader_id][partition] = offset;
  }
  for (const auto& [node, asked] : by_leader) {
    const auto connection = network_.acquire(node, std::min(deadline, network_.request_deadline()));
    if (!connection.ok()) continue;
    wire::Arena arena;
    std::vector<wire::DeleteRecordsTopic> topics;
    for (const auto& [partition, offset] : asked) {
      wire::DeleteRecordsTopic& topic = topics.emplace_back();
      topic.name = partition.topic;
      topic.partitions = arena.make_array<wire::DeleteRecordsPartition>(1);
      topic.partitions[0].partition_index = partition.partition;
      topic.partitions[0].offset = offset;
    }
    wire::DeleteRecordsRequest request;
    request.topics = topics;
    request.timeout_ms = left_ms(env_, std::min(deadline, network_.request_deadline()));
    const auto reply = (*connection)->call(request, std::min(deadline, network_.request_deadline()));
    if (!reply.ok()) {
      for (const auto& [partition, offset] : asked) {
        unanswered[partition] = unanswered[partition] || reply.error().code == ErrorCode::NETWORK_EXCEPTION;
        if (reply.error().code == ErrorCode::NETWORK_EXCEPTION) continue;
        results[partition] = failed_change(reply.error(), unanswered[partition]);
        left.erase(partition);
      }
      network_.connection_failed(node);
      continue;
    }
    for (const wire::DeleteRecordsTopicResult& topic : reply->message.topics) {
      for (const wire::DeleteRecordsPartitionResult& answer : topic.partitions) {
        const TopicPartition partition{std::string(topic.name), answer.partition_index};
        if (left.find(partition) == left.end()) continue;
        results[partition] = change_of(answer.error_code, std::nullopt, unanswered[partition]);
        if (!worth_repeating(results[partition].error)) left.erase(partition);
      }
    }
  }
}

}  // namespace ksim::client
