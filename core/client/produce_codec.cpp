#include "core/client/produce_codec.h"

#include <algorithm>

namespace ksim::client {

wire::ProduceRequest make_produce_request(std::span<const ProduceAttempt> attempts,
                                          const ProducerConfig& config, wire::Arena& arena) {
  wire::ProduceRequest request;
  request.acks = config.acks;
  request.timeout_ms =
      static_cast<int32_t>(std::min<int64_t>(config.request_timeout_ms, std::numeric_limits<int32_t>::max()));
  std::vector<const ProduceAttempt*> sorted;
  for (const ProduceAttempt& attempt : attempts) sorted.push_back(&attempt);
  std::sort(sorted.begin(), sorted.end(), [](const ProduceAttempt* a, const ProduceAttempt* b) {
    return a->batch->partition() < b->batch->partition();
  });
  std::vector<wire::TopicProduceData> topics;
  for (size_t i = 0; i < sorted.size();) {
    const std::string& topic = sorted[i]->batch->partition().topic;
    size_t end = i;
    while (end < sorted.size() && sorted[end]->batch->partition().topic == topic) ++end;
    wire::TopicProduceData& data = topics.emplace_back();
    data.name = topic;
    data.partition_data = arena.make_array<wire::PartitionProduceData>(end - i);
    for (size_t k = i; k < end; ++k) {
      data.partition_data[k - i].index = sorted[k]->batch->partition().partition;
      data.partition_data[k - i].records.bytes = sorted[k]->batch->bytes();
    }
    i = end;
  }
  request.topic_data = arena.copy_array(std::span<const wire::TopicProduceData>(topics));
  return request;
}

namespace {

ProduceAnswer read_partition(const wire::PartitionProduceResponse& partition) {
  ProduceAnswer answer;
  answer.error = error_code_of(partition.error_code);
  if (partition.error_message) answer.message = std::string(*partition.error_message);
  answer.base_offset = partition.base_offset;
  answer.log_append_time_ms = partition.log_append_time_ms;
  answer.log_start_offset = partition.log_start_offset;
  for (const wire::BatchIndexAndErrorMessage& error : partition.record_errors)
    answer.record_errors.push_back(
        {error.batch_index, std::string(error.batch_index_error_message.value_or(std::string_view{}))});
  return answer;
}

}  // namespace

std::vector<ProduceAnswer> read_produce_response(const wire::ProduceResponse& response,
                                                 std::span<const ProduceAttempt> attempts) {
  ProduceAnswer missing;
  missing.error = ErrorCode::UNKNOWN_SERVER_ERROR;
  missing.message = "the response leaves the partition out";
  missing.answered = false;
  std::vector<ProduceAnswer> answers(attempts.size(), missing);
  for (const wire::TopicProduceResponse& topic : response.responses) {
    for (const wire::PartitionProduceResponse& partition : topic.partition_responses) {
      for (size_t i = 0; i < attempts.size(); ++i) {
        const TopicPartition& own = attempts[i].batch->partition();
        if (own.partition == partition.index && own.topic == topic.name)
          answers[i] = read_partition(partition);
      }
    }
  }
  return answers;
}

void take_leaders(const wire::ProduceResponse& response, const TopicIds& asked, MetadataCache& metadata) {
  for (const wire::TopicProduceResponse& topic : response.responses) {
    const auto of = asked.find(topic.name);
    if (of == asked.end()) continue;
    for (const wire::PartitionProduceResponse& partition : topic.partition_responses) {
      const auto& leader = partition.current_leader;
      if (leader.leader_id < 0 || leader.leader_epoch < 0) continue;
      std::optional<BrokerNode> endpoint;
      for (const wire::ProduceResponseNodeEndpoint& node : response.node_endpoints) {
        if (node.node_id != leader.leader_id) continue;
        endpoint = BrokerNode{node.node_id, {std::string(node.host), static_cast<uint16_t>(node.port)}, {}};
        if (node.rack) endpoint->rack = std::string(*node.rack);
      }
      metadata.update_leader({std::string(topic.name), partition.index}, of->second,
                             {leader.leader_id, leader.leader_epoch}, endpoint ? &*endpoint : nullptr);
    }
  }
}

}  // namespace ksim::client
