#include "core/client/offset_lookup.h"

#include <algorithm>

#include "core/wire/messages/list_offsets.h"

namespace ksim::client {

namespace {

using Timestamps = std::map<TopicPartition, int64_t>;
using Offsets = std::map<TopicPartition, OffsetAndTimestamp>;

wire::ListOffsetsRequest make_request(const Timestamps& asked, MetadataCache& metadata,
                                      IsolationLevel isolation, wire::Arena& arena) {
  wire::ListOffsetsRequest request;
  request.replica_id = -1;
  request.isolation_level = static_cast<int8_t>(isolation);
  std::vector<wire::ListOffsetsTopic> topics;
  for (auto it = asked.begin(); it != asked.end();) {
    auto end = it;
    size_t count = 0;
    for (; end != asked.end() && end->first.topic == it->first.topic; ++end) ++count;
    wire::ListOffsetsTopic& topic = topics.emplace_back();
    topic.name = it->first.topic;
    topic.partitions = arena.make_array<wire::ListOffsetsPartition>(count);
    for (size_t i = 0; it != end; ++it, ++i) {
      topic.partitions[i].partition_index = it->first.partition;
      topic.partitions[i].timestamp = it->second;
      topic.partitions[i].current_leader_epoch = metadata.leader(it->first).epoch.value_or(-1);
    }
  }
  request.topics = arena.copy_array(std::span<const wire::ListOffsetsTopic>(topics));
  return request;
}

// Moves what was answered from `left` to `found`; an error that a retry will not cure.
Result<void> take(const wire::ListOffsetsResponse& response, const TopicIds& asked, MetadataCache& metadata,
                  Timestamps& left, Offsets& found) {
  for (const wire::ListOffsetsTopicResponse& topic : response.topics) {
    for (const wire::ListOffsetsPartitionResponse& partition : topic.partitions) {
      const TopicPartition name{std::string(topic.name), partition.partition_index};
      const ErrorCode error = error_code_of(partition.error_code);
      if (error != ErrorCode::NONE) {
        if (!is_retriable(error)) return fail(error, name.to_string());
        continue;
      }
      // Another topic has the name by now: what was answered is about none that there is.
      const auto of = asked.find(name.topic);
      if (of == asked.end() || of->second != metadata.topic_id(name.topic)) continue;
      if (left.erase(name) == 0) continue;
      OffsetAndTimestamp& offset = found[name];
      offset.offset = partition.offset;
      offset.timestamp_ms = partition.timestamp;
      if (partition.leader_epoch >= 0) {
        offset.leader_epoch = partition.leader_epoch;
        metadata.saw_epoch(name, of->second, partition.leader_epoch);
      }
    }
  }
  return {};
}

}  // namespace

Result<Offsets> look_up_offsets(ClientNetwork& network, const Timestamps& timestamps,
                                IsolationLevel isolation, Deadline deadline) {
  Timestamps left = timestamps;
  Offsets found;
  MetadataCache& metadata = network.metadata();
  for (int32_t round = 0; !left.empty(); ++round) {
    std::map<int32_t, Timestamps> by_leader;
    for (const auto& [partition, timestamp] : left) {
      TRY(await_partition_count(network, partition.topic, deadline));
      const LeaderAndEpoch leader = metadata.leader(partition);
      if (leader.has_leader()) by_leader[leader.leader_id][partition] = timestamp;
    }
    for (const auto& [node, asked] : by_leader) {
      const auto connection = network.acquire(node, std::min(deadline, network.request_deadline()));
      if (!connection.ok()) continue;
      wire::Arena arena;
      const auto request = make_request(asked, metadata, isolation, arena);
      TopicIds ids;
      for (const auto& [partition, timestamp] : asked)
        ids[partition.topic] = metadata.topic_id(partition.topic);
      const auto reply = (*connection)->call(request, std::min(deadline, network.request_deadline()));
      if (reply.ok()) {
        TRY(take(reply->message, ids, metadata, left, found));
      } else if (reply.error().code == ErrorCode::NETWORK_EXCEPTION) {
        network.connection_failed(node);
      } else {
        return fail(reply.error());
      }
    }
    if (left.empty()) break;
    network.request_metadata();
    const uint64_t draw = network.jitter();
    const Deadline next = network.env().after(network.retry_backoff().after(round, draw));
    network.env().scheduler.sleep_until(std::min(deadline, next));
    if (network.env().now() >= deadline)
      return fail(ErrorCode::REQUEST_TIMED_OUT, "offsets of " + left.begin()->first.to_string());
  }
  return found;
}

Result<int32_t> await_partition_count(ClientNetwork& network, std::string_view topic, Deadline deadline) {
  MetadataCache& metadata = network.metadata();
  for (;;) {
    if (network.closed()) return fail(ErrorCode::NETWORK_EXCEPTION, "the client is closed");
    const bool asked_before = metadata.is_wanted(topic);
    metadata.want_topic(topic, network.env().now());
    const int32_t count = metadata.partition_count(topic);
    if (count > 0) return count;
    const ErrorCode error = metadata.topic_error(topic);
    if (asked_before && error != ErrorCode::NONE && !is_retriable(error))
      return fail(error, std::string(topic));
    network.request_metadata();
    if (!network.changed().wait(deadline, "topic metadata"))
      return fail(ErrorCode::REQUEST_TIMED_OUT, std::string(topic) + " is not in the metadata");
  }
}

}  // namespace ksim::client
