#include "core/client/fetch_codec.h"

#include <algorithm>

namespace ksim::client {

namespace {

constexpr int32_t kConsumerReplicaId = -1;
constexpr int64_t kEarliest = -2;
constexpr int64_t kLatest = -1;

// Runs of one topic, in the order of the entries: the order of partitions matters to the broker.
template <class Entry, class Topic, class Same, class Make>
void group(std::span<const Entry> entries, std::vector<Topic>& topics, Same same, Make make) {
  for (size_t i = 0; i < entries.size();) {
    size_t end = i + 1;
    while (end < entries.size() && same(entries[i], entries[end])) ++end;
    topics.push_back(make(entries.subspan(i, end - i)));
    i = end;
  }
}

template <class Entry>
bool same_topic(const Entry& a, const Entry& b) {
  return a.partition.topic == b.partition.topic;
}

}  // namespace

wire::FetchRequest make_fetch_request(const FetchSession::Request& plan, const ConsumerConfig& config,
                                      wire::Arena& arena) {
  wire::FetchRequest request;
  request.replica_id = kConsumerReplicaId;
  request.max_wait_ms = config.fetch_max_wait_ms;
  request.min_bytes = config.fetch_min_bytes;
  request.max_bytes = config.fetch_max_bytes;
  request.isolation_level = static_cast<int8_t>(config.isolation_level);
  request.session_id = plan.session_id;
  request.session_epoch = plan.session_epoch;
  request.rack_id = config.client_rack;
  std::vector<wire::FetchTopic> topics;
  using Asked = FetchSession::Asked;
  group<Asked>(
      plan.to_send, topics,
      [](const Asked& a, const Asked& b) {
        return same_topic(a, b) && a.target.topic_id == b.target.topic_id;
      },
      [&](std::span<const Asked> run) {
        wire::FetchTopic topic;
        topic.topic = run[0].partition.topic;
        topic.topic_id = run[0].target.topic_id;
        topic.partitions = arena.make_array<wire::FetchPartition>(run.size());
        for (size_t i = 0; i < run.size(); ++i) {
          topic.partitions[i].partition = run[i].partition.partition;
          topic.partitions[i].current_leader_epoch = run[i].target.leader_epoch;
          topic.partitions[i].fetch_offset = run[i].target.offset;
          topic.partitions[i].partition_max_bytes = run[i].target.max_bytes;
        }
        return topic;
      });
  request.topics = arena.copy_array(std::span<const wire::FetchTopic>(topics));
  std::vector<wire::ForgottenTopic> forgotten;
  using Forgotten = FetchSession::Forgotten;
  group<Forgotten>(
      plan.to_forget, forgotten,
      [](const Forgotten& a, const Forgotten& b) { return same_topic(a, b) && a.topic_id == b.topic_id; },
      [&](std::span<const Forgotten> run) {
        wire::ForgottenTopic topic;
        topic.topic = run[0].partition.topic;
        topic.topic_id = run[0].topic_id;
        topic.partitions = arena.make_array<int32_t>(run.size());
        for (size_t i = 0; i < run.size(); ++i) topic.partitions[i] = run[i].partition.partition;
        return topic;
      });
  request.forgotten_topics_data = arena.copy_array(std::span<const wire::ForgottenTopic>(forgotten));
  return request;
}

wire::ListOffsetsRequest make_list_offsets_request(const ConsumerCore::OffsetQuery& query,
                                                   const ConsumerConfig& config, wire::Arena& arena) {
  wire::ListOffsetsRequest request;
  request.replica_id = kConsumerReplicaId;
  request.isolation_level = static_cast<int8_t>(config.isolation_level);
  request.timeout_ms = static_cast<int32_t>(config.request_timeout_ms);
  std::vector<wire::ListOffsetsTopic> topics;
  using Entry = ConsumerCore::OffsetQuery::Entry;
  group<Entry>(query.entries, topics, same_topic<Entry>, [&](std::span<const Entry> run) {
    wire::ListOffsetsTopic topic;
    topic.name = run[0].partition.topic;
    topic.partitions = arena.make_array<wire::ListOffsetsPartition>(run.size());
    for (size_t i = 0; i < run.size(); ++i) {
      topic.partitions[i].partition_index = run[i].partition.partition;
      topic.partitions[i].current_leader_epoch = run[i].leader.epoch.value_or(-1);
      topic.partitions[i].timestamp = run[i].to == AutoOffsetReset::earliest ? kEarliest : kLatest;
    }
    return topic;
  });
  request.topics = arena.copy_array(std::span<const wire::ListOffsetsTopic>(topics));
  return request;
}

wire::OffsetForLeaderEpochRequest make_epoch_request(const ConsumerCore::EpochQuery& query,
                                                     wire::Arena& arena) {
  wire::OffsetForLeaderEpochRequest request;
  request.replica_id = kConsumerReplicaId;
  std::vector<wire::OffsetForLeaderTopic> topics;
  using Entry = ConsumerCore::EpochQuery::Entry;
  group<Entry>(query.entries, topics, same_topic<Entry>, [&](std::span<const Entry> run) {
    wire::OffsetForLeaderTopic topic;
    topic.topic = run[0].partition.topic;
    topic.partitions = arena.make_array<wire::OffsetForLeaderPartition>(run.size());
    for (size_t i = 0; i < run.size(); ++i) {
      topic.partitions[i].partition = run[i].partition.partition;
      topic.partitions[i].current_leader_epoch = run[i].position.leader.epoch.value_or(-1);
      topic.partitions[i].leader_epoch = run[i].position.epoch.value_or(-1);
    }
    return topic;
  });
  request.topics = arena.copy_array(std::span<const wire::OffsetForLeaderTopic>(topics));
  return request;
}

}  // namespace ksim::client
