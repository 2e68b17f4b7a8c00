// The calls of Admin that read, or change configurations and leaders.

#include <algorithm>

#include "core/client/admin_repeat.h"
#include "core/wire/messages/describe_configs.h"
#include "core/wire/messages/describe_quorum.h"
#include "core/wire/messages/elect_leaders.h"
#include "core/wire/messages/incremental_alter_configs.h"
#include "core/wire/messages/metadata.h"

namespace ksim::client {

Result<std::map<TopicPartition, OffsetAndTimestamp>> Admin::list_offsets(
    const std::map<TopicPartition, int64_t>& timestamps, IsolationLevel isolation, Deadline deadline) {
  return look_up_offsets(network_, timestamps, isolation, deadline);
}

Result<std::map<std::string, TopicDescription>> Admin::describe_topics(const std::vector<std::string>& topics,
                                                                       Deadline deadline) {
  std::map<std::string, TopicDescription> described;
  bool unanswered = false;
  const auto make = [&](wire::Arena& arena) {
    const auto entries = arena.make_array<wire::MetadataRequestTopic>(topics.size());
    for (size_t i = 0; i < topics.size(); ++i) entries[i].name = topics[i];
    wire::MetadataRequest request;
    request.topics = entries;
    request.allow_auto_topic_creation = false;
    return request;
  };
  const auto take = [&](const wire::MetadataResponse& response) -> Result<bool> {
    described.clear();
    for (const wire::MetadataResponseTopic& topic : response.topics) {
      TRY_ASSIGN(const bool good, judge(topic.error_code, topic.name));
      if (!good) return false;
      TopicDescription& entry = described[std::string(topic.name.value_or(std::string_view{}))];
      entry.id = topic.topic_id;
      entry.is_internal = topic.is_internal;
      for (const wire::MetadataResponsePartition& partition : topic.partitions) {
        PartitionMetadata& p = entry.partitions[partition.partition_index];
        p.error = error_code_of(partition.error_code);
        p.leader.leader_id = partition.leader_id;
        if (partition.leader_epoch >= 0) p.leader.epoch = partition.leader_epoch;
        p.replicas.assign(partition.replica_nodes.begin(), partition.replica_nodes.end());
        p.isr.assign(partition.isr_nodes.begin(), partition.isr_nodes.end());
        p.offline_replicas.assign(partition.offline_replicas.begin(), partition.offline_replicas.end());
      }
    }
    return true;
  };
  TRY(repeat(std::nullopt, deadline, unanswered, make, take));
  return described;
}

Result<std::vector<std::string>> Admin::list_topics(Deadline deadline, bool with_internal) {
  std::vector<std::string> names;
  bool unanswered = false;
  const auto make = [](wire::Arena&) {
    wire::MetadataRequest request;
    request.topics = std::nullopt;
    request.allow_auto_topic_creation = false;
    return request;
  };
  const auto take = [&](const wire::MetadataResponse& response) -> Result<bool> {
    for (const wire::MetadataResponseTopic& topic : response.topics)
      if (topic.name && (with_internal || !topic.is_internal)) names.emplace_back(*topic.name);
    std::sort(names.begin(), names.end());
    return true;
  };
  TRY(repeat(std::nullopt, deadline, unanswered, make, take));
  return names;
}

// Settings of a broker are known to that broker; all others to any.
std::optional<int32_t> Admin::broker_of(const ConfigResource& resource) {
  const bool of_broker =
      resource.type == ConfigResourceType::broker || resource.type == ConfigResourceType::broker_logger;
  if (!of_broker || resource.name.empty() || resource.name.size() > 9) return std::nullopt;
  int32_t id = 0;
  for (const char c : resource.name) {
    if (c < '0' || c > '9') return std::nullopt;
    id = id * 10 + (c - '0');
  }
  return id;
}

Result<std::vector<ConfigEntry>> Admin::describe_configs(const ConfigResource& resource, Deadline deadline) {
  std::vector<ConfigEntry> entries;
  bool unanswered = false;
  const auto make = [&](wire::Arena& arena) {
    wire::DescribeConfigsRequest request;
    request.resources = arena.make_array<wire::DescribeConfigsResource>(1);
    request.resources[0].resource_type = static_cast<int8_t>(resource.type);
    request.resources[0].resource_name = resource.name;
    request.resources[0].configuration_keys = std::nullopt;
    return request;
  };
  const auto take = [&](const wire::DescribeConfigsResponse& response) -> Result<bool> {
    for (const wire::DescribeConfigsResult& result : response.results) {
      TRY_ASSIGN(const bool good, judge(result.error_code, result.error_message));
      if (!good) return false;
      for (const wire::DescribeConfigsResourceResult& config : result.configs)
        entries.push_back({std::string(config.name), text(config.value), config.config_source,
                           config.is_sensitive, config.read_only});
    }
    return true;
  };
  TRY(repeat(broker_of(resource), deadline, unanswered, make, take));
  return entries;
}

ChangeResult Admin::incremental_alter_configs(const ConfigResource& resource,
                                              const std::vector<ConfigChange>& changes, Deadline deadline,
                                              bool validate_only) {
  ChangeResult change;
  bool unanswered = false;
  bool lost = false;
  const auto make = [&](wire::Arena& arena) {
    lost = lost || unanswered;
    wire::IncrementalAlterConfigsRequest request;
    request.resources = arena.make_array<wire::IncrementalAlterConfigsRequestAlterConfigsResource>(1);
    auto& entry = request.resources[0];
    entry.resource_type = static_cast<int8_t>(resource.type);
    entry.resource_name = resource.name;
    entry.configs = arena.make_array<wire::IncrementalAlterConfigsRequestAlterableConfig>(changes.size());
    for (size_t i = 0; i < changes.size(); ++i) {
      entry.configs[i].name = changes[i].name;
      entry.configs[i].config_operation = static_cast<int8_t>(changes[i].operation);
      entry.configs[i].value =
          changes[i].value ? std::optional<std::string_view>(*changes[i].value) : std::nullopt;
    }
    request.validate_only = validate_only;
    return request;
  };
  const auto take = [&](const wire::IncrementalAlterConfigsResponse& response) -> Result<bool> {
    for (const auto& answer : response.responses)
      change = change_of(answer.error_code, answer.error_message, lost);
    return !worth_repeating(change.error);
  };
  // Dynamic settings of a broker go to the controller too, by way of any broker.
  const Result<void> loop = repeat(std::nullopt, deadline, unanswered, make, take);
  return loop.ok() ? change : failed_change(loop.error(), lost || unanswered);
}

Result<PartitionResults> Admin::elect_leaders(ElectionType type,
                                              const std::vector<TopicPartition>& partitions,
                                              Deadline deadline) {
  PartitionResults results;
  bool unanswered = false;
  const auto make = [&](wire::Arena& arena) {
    wire::ElectLeadersRequest request;
    request.election_type = static_cast<int8_t>(type);
    if (!partitions.empty()) {
      const auto entries = arena.make_array<wire::ElectLeadersRequestTopicPartitions>(partitions.size());
      for (size_t i = 0; i < partitions.size(); ++i) {
        entries[i].topic = partitions[i].topic;
        entries[i].partitions = arena.copy_array(std::span<const int32_t>(&partitions[i].partition, 1));
      }
      request.topic_partitions = entries;
    }
    return request;
  };
  const auto take = [&](const wire::ElectLeadersResponse& response) -> Result<bool> {
    TRY_ASSIGN(const bool good, judge(response.error_code, std::nullopt));
    if (!good) return false;
    for (const wire::ReplicaElectionResult& topic : response.replica_election_results)
      for (const wire::PartitionResult& partition : topic.partition_result)
        results[{std::string(topic.topic), partition.partition_id}] =
            change_of(partition.error_code, partition.error_message, unanswered);
    return true;
  };
  TRY(repeat(std::nullopt, deadline, unanswered, make, take));
  return results;
}

Result<QuorumDescription> Admin::describe_quorum(Deadline deadline) {
  QuorumDescription quorum;
  bool unanswered = false;
  const auto make = [](wire::Arena& arena) {
    wire::DescribeQuorumRequest request;
    request.topics = arena.make_array<wire::DescribeQuorumRequestTopicData>(1);
    request.topics[0].topic_name = "__cluster_metadata";
    request.topics[0].partitions = arena.make_array<wire::DescribeQuorumRequestPartitionData>(1);
    return request;
  };
  const auto replicas = [](std::span<wire::DescribeQuorumResponseReplicaState> states) {
    std::vector<QuorumReplica> list;
    for (const auto& state : states)
      list.push_back({state.replica_id, state.replica_directory_id, state.log_end_offset,
                      state.last_fetch_timestamp, state.last_caught_up_timestamp});
    return list;
  };
  const auto take = [&](const wire::DescribeQuorumResponse& response) -> Result<bool> {
    TRY_ASSIGN(const bool good, judge(response.error_code, response.error_message));
    if (!good) return false;
    if (response.topics.empty() || response.topics[0].partitions.empty())
      return fail(ErrorCode::UNKNOWN_SERVER_ERROR, "the answer does not name the metadata partition");
    const auto& partition = response.topics[0].partitions[0];
    TRY_ASSIGN(const bool found, judge(partition.error_code, partition.error_message));
    if (!found) return false;
    quorum = {partition.leader_id, partition.leader_epoch, partition.high_watermark,
              replicas(partition.current_voters), replicas(partition.observers)};
    return true;
  };
  // NOT_LEADER_OR_FOLLOWER while the quorum elects is worth repeating.
  TRY(repeat(std::nullopt, deadline, unanswered, make, take));
  return quorum;
}

}  // namespace ksim::client
