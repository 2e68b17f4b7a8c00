// The calls of Admin that tell of brokers: what they are, what they speak, what lies in their directories.

#include "core/client/admin_repeat.h"
#include "core/wire/messages/api_versions.h"
#include "core/wire/messages/describe_cluster.h"
#include "core/wire/messages/describe_log_dirs.h"
#include "core/wire/messages/describe_topic_partitions.h"

namespace ksim::client {

Result<ClusterDescription> Admin::describe_cluster(Deadline deadline) {
  auto cluster = describe_cluster(true, deadline);
  if (cluster.ok() || cluster.error().code != ErrorCode::UNSUPPORTED_VERSION) return cluster;
  return describe_cluster(false, deadline);
}

Result<ClusterDescription> Admin::describe_cluster(bool with_fenced, Deadline deadline) {
  ClusterDescription cluster;
  bool unanswered = false;
  const auto make = [&](wire::Arena&) {
    wire::DescribeClusterRequest request;
    request.include_fenced_brokers = with_fenced;
    return request;
  };
  const auto take = [&](const wire::DescribeClusterResponse& response) -> Result<bool> {
    TRY_ASSIGN(const bool good, judge(response.error_code, response.error_message));
    if (!good) return false;
    cluster.cluster_id = std::string(response.cluster_id);
    cluster.controller_id = response.controller_id;
    for (const wire::DescribeClusterBroker& broker : response.brokers)
      (broker.is_fenced ? cluster.fenced : cluster.brokers)
          .push_back({broker.broker_id,
                      {std::string(broker.host), static_cast<uint16_t>(broker.port)},
                      text(broker.rack)});
    return true;
  };
  TRY(repeat(std::nullopt, deadline, unanswered, make, take));
  return cluster;
}

Result<NodeVersions> Admin::describe_versions(std::optional<int32_t> node, Deadline deadline) {
  NodeVersions versions;
  bool unanswered = false;
  const auto make = [](wire::Arena&) {
    wire::ApiVersionsRequest request;
    request.client_software_name = "ksim";
    request.client_software_version = "0.1";
    return request;
  };
  const auto take = [&](const wire::ApiVersionsResponse& response) -> Result<bool> {
    TRY_ASSIGN(const bool good, judge(response.error_code, std::nullopt));
    if (!good) return false;
    for (const wire::ApiVersion& api : response.api_keys)
      versions.apis[api.api_key] = {api.min_version, api.max_version};
    for (const wire::SupportedFeatureKey& feature : response.supported_features)
      versions.supported_features[std::string(feature.name)] = {feature.min_version, feature.max_version};
    for (const wire::FinalizedFeatureKey& feature : response.finalized_features)
      versions.finalized_features[std::string(feature.name)] = feature.max_version_level;
    versions.finalized_epoch = response.finalized_features_epoch;
    return true;
  };
  TRY(repeat(node, deadline, unanswered, make, take));
  return versions;
}

Result<std::vector<LogDirDescription>> Admin::describe_log_dirs(int32_t broker, Deadline deadline) {
  std::vector<LogDirDescription> directories;
  bool unanswered = false;
  const auto make = [](wire::Arena&) {
    wire::DescribeLogDirsRequest request;
    request.topics = std::nullopt;
    return request;
  };
  const auto take = [&](const wire::DescribeLogDirsResponse& response) -> Result<bool> {
    TRY_ASSIGN(const bool good, judge(response.error_code, std::nullopt));
    if (!good) return false;
    for (const wire::DescribeLogDirsResult& result : response.results) {
      LogDirDescription& directory = directories.emplace_back();
      directory.error = error_code_of(result.error_code);
      directory.path = std::string(result.log_dir);
      directory.total_bytes = result.total_bytes;
      directory.usable_bytes = result.usable_bytes;
      for (const wire::DescribeLogDirsTopic& topic : result.topics)
        for (const wire::DescribeLogDirsPartition& partition : topic.partitions)
          directory.replicas[{std::string(topic.name), partition.partition_index}] = {
              partition.partition_size, partition.offset_lag, partition.is_future_key};
    }
    return true;
  };
  TRY(repeat(broker, deadline, unanswered, make, take));
  return directories;
}

Result<std::map<TopicPartition, EligibleReplicas>> Admin::describe_eligible_replicas(
    const std::vector<std::string>& topics, Deadline deadline) {
  std::map<TopicPartition, EligibleReplicas> replicas;
  std::optional<TopicPartition> cursor;  // where a limited answer stopped
  bool unanswered = false;
  const auto make = [&](wire::Arena& arena) {
    wire::DescribeTopicPartitionsRequest request;
    request.topics = arena.make_array<wire::DescribeTopicPartitionsRequestTopicRequest>(topics.size());
    for (size_t i = 0; i < topics.size(); ++i) request.topics[i].name = topics[i];
    if (cursor) {
      auto& from = request.cursor.emplace();
      from.topic_name = cursor->topic;
      from.partition_index = cursor->partition;
    }
    return request;
  };
  const auto copy = [](const auto& list) {
    return list ? std::vector<int32_t>(list->begin(), list->end()) : std::vector<int32_t>{};
  };
  const auto take = [&](const wire::DescribeTopicPartitionsResponse& response) -> Result<bool> {
    for (const auto& topic : response.topics) {
      TRY_ASSIGN(const bool good, judge(topic.error_code, topic.name));
      if (!good) return false;
      for (const auto& partition : topic.partitions)
        replicas[{std::string(topic.name.value_or(std::string_view{})), partition.partition_index}] = {
            copy(partition.eligible_leader_replicas), copy(partition.last_known_elr)};
    }
    cursor.reset();
    if (const auto& next = response.next_cursor)
      cursor = {std::string(next->topic_name), next->partition_index};
    return true;
  };
  do {
    TRY(repeat(std::nullopt, deadline, unanswered, make, take));
  } while (cursor);
  return replicas;
}

}  // namespace ksim::client
