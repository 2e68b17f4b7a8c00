// Topics and their partitions: creation, growth, deletion (rules C38 to C42).

#include <algorithm>
#include <map>
#include <set>

#include "core/metadata/controller.h"
#include "core/metadata/controller_op.h"
#include "core/metadata/placement.h"

namespace ksim {
namespace {

constexpr std::string_view kTooLarge = "Unable to perform excessively large batch operation.";

bool has_collision_chars(std::string_view name) { return name.find_first_of("._") != std::string_view::npos; }

std::string unify_collision_chars(std::string_view name) {
  std::string unified(name);
  std::replace(unified.begin(), unified.end(), '.', '_');
  return unified;
}

// '.' and '_' become the same in names of metrics.
Result<void> check_collision(const MetadataImage& image, std::string_view name) {
  if (!has_collision_chars(name) || image.topics.by_name.contains(name)) return {};
  const std::string unified = unify_collision_chars(name);
  for (const auto& existing : image.topics.by_name) {
    if (has_collision_chars(existing.first) && unify_collision_chars(existing.first) == unified) {
      return fail(ErrorCode::INVALID_TOPIC_EXCEPTION,
                  "Topic '" + std::string(name) + "' collides with existing topic: " + existing.first);
    }
  }
  return {};
}

// Rule C39: everybody in the ISR who is active, in order; the first leads.
PartitionRegistration new_partition(const MetadataImage& image, const std::vector<int32_t>& replicas) {
  PartitionRegistration partition;
  partition.replicas = replicas;
  for (const int32_t replica : replicas) {
    partition.directories.push_back(default_directory(image, replica));
    if (image.broker_active(replica)) partition.isr.push_back(replica);
  }
  partition.leader = partition.isr.empty() ? kNoLeader : partition.isr.front();
  return partition;
}

template <class Result>
void set_error(Result& result, const Error& error, std::string_view message) {
  result.error_code = number(error.code);
  result.error_message = std::nullopt;
  if (!message.empty()) result.error_message = message;
}

}  // namespace

// Rule C39: not empty, distinct, registered, as many as in the other partitions.
Result<void> Controller::check_manual_assignment(const MetadataImage& image,
                                                 const std::vector<int32_t>& replicas,
                                                 std::optional<size_t> replication_factor) const {
  const std::string prefix = "The manual partition assignment includes ";
  if (replicas.empty()) return fail(ErrorCode::INVALID_REPLICA_ASSIGNMENT, prefix + "an empty replica list.");
  std::set<int32_t> seen;
  for (const int32_t replica : replicas) {
    if (image.broker(replica) == nullptr) {
      return fail(ErrorCode::INVALID_REPLICA_ASSIGNMENT,
                  prefix + "broker " + std::to_string(replica) + ", but no such broker is registered.");
    }
    if (!seen.insert(replica).second) {
      return fail(ErrorCode::INVALID_REPLICA_ASSIGNMENT,
                  prefix + "the broker " + std::to_string(replica) + " more than once.");
    }
  }
  if (replication_factor && *replication_factor != replicas.size()) {
    return fail(ErrorCode::INVALID_REPLICA_ASSIGNMENT,
                prefix + "a partition with " + std::to_string(replicas.size()) +
                    " replica(s), but this is not consistent with previous partitions, which have " +
                    std::to_string(*replication_factor) + " replica(s).");
  }
  return {};
}

// ---- creation ----

Result<std::vector<PartitionRegistration>> Controller::plan_assigned(
    const MetadataImage& image, const wire::CreatableTopic& topic) const {
  if (topic.replication_factor != -1) {
    return fail(ErrorCode::INVALID_REQUEST,
                "A manual partition assignment was specified, but replication factor was not set to -1.");
  }
  if (topic.num_partitions != -1) {
    return fail(ErrorCode::INVALID_REQUEST,
                "A manual partition assignment was specified, but numPartitions was not set to -1.");
  }
  std::map<int32_t, PartitionRegistration> by_index;
  std::optional<size_t> replication_factor;
  for (const wire::CreatableReplicaAssignment& assignment : topic.assignments) {
    const std::string index = std::to_string(assignment.partition_index);
    if (by_index.count(assignment.partition_index) != 0) {
      return fail(ErrorCode::INVALID_REPLICA_ASSIGNMENT,
                  "Found multiple manual partition assignments for partition " + index);
    }
    const std::vector<int32_t> replicas(assignment.broker_ids.begin(), assignment.broker_ids.end());
    TRY(check_manual_assignment(image, replicas, replication_factor));
    replication_factor = replicas.size();
    PartitionRegistration partition = new_partition(image, replicas);
    if (partition.isr.empty()) {
      return fail(ErrorCode::INVALID_REPLICA_ASSIGNMENT,
                  "All brokers specified in the manual partition assignment for partition " + index +
                      " are fenced or in controlled shutdown.");
    }
    by_index.emplace(assignment.partition_index, std::move(partition));
  }
  std::vector<PartitionRegistration> partitions;
  for (auto& [index, partition] : by_index) {
    if (index != static_cast<int32_t>(partitions.size())) {
      return fail(ErrorCode::INVALID_REPLICA_ASSIGNMENT,
                  "partitions should be a consecutive 0-based integer sequence");
    }
    partitions.push_back(std::move(partition));
  }
  return partitions;
}

Result<std::vector<PartitionRegistration>> Controller::plan_placed(const MetadataImage& image, size_t count,
                                                                   size_t replication_factor,
                                                                   Draws& draws) const {
  const auto unable = [&](const std::string& why) {
    return fail(
        ErrorCode::INVALID_REPLICATION_FACTOR,
        "Unable to replicate the partition " + std::to_string(replication_factor) + " time(s): " + why);
  };
  const auto placed = place_replicas(usable_brokers(image), count, replication_factor, draws);
  if (!placed.ok()) return unable(placed.error().message);
  std::vector<PartitionRegistration> partitions;
  for (const std::vector<int32_t>& replicas : *placed) {
    partitions.push_back(new_partition(image, replicas));
    if (partitions.back().isr.empty()) {
      return unable("All brokers are currently fenced or in controlled shutdown.");
    }
  }
  return partitions;
}

Result<std::vector<PartitionRegistration>> Controller::plan_topic(const MetadataImage& image,
                                                                  const wire::CreatableTopic& topic,
                                                                  Draws& draws) const {
  if (!topic.assignments.empty()) return plan_assigned(image, topic);
  if (topic.replication_factor < -1 || topic.replication_factor == 0) {
    return fail(ErrorCode::INVALID_REPLICATION_FACTOR,
                "Replication factor must be larger than 0, or -1 to use the default value.");
  }
  if (topic.num_partitions < -1 || topic.num_partitions == 0) {
    return fail(ErrorCode::INVALID_PARTITIONS,
                "Number of partitions was set to an invalid non-positive value.");
  }
  const int64_t count = topic.num_partitions > 0 ? topic.num_partitions : server_.integer("num.partitions");
  const int64_t replication_factor =
      topic.replication_factor > 0 ? topic.replication_factor : server_.integer("default.replication.factor");
  // Before they are placed: no request may take all the memory (rule C4).
  if (count > static_cast<int64_t>(settings_.max_records_per_request)) {
    return fail(ErrorCode::POLICY_VIOLATION, std::string(kTooLarge));
  }
  return plan_placed(image, static_cast<size_t>(count),
                     static_cast<size_t>(std::max<int64_t>(replication_factor, 0)), draws);
}

Result<void> Controller::create_topic(Op& op, const wire::CreatableTopic& topic, Draws& draws,
                                      ControllerReply<wire::CreateTopicsResponse>& reply,
                                      wire::CreatableTopicResult& result) {
  const std::string name(topic.name);
  TRY(check_topic_name(name));
  TRY(check_collision(op.image(), name));
  if (op.image().topics.by_name.contains(name)) {
    return fail(ErrorCode::TOPIC_ALREADY_EXISTS, "Topic '" + name + "' already exists.");
  }
  ConfigMap settings;
  std::string nulls;
  for (const wire::CreatableTopicConfig& config : topic.configs) {
    if (config.value) {
      settings[std::string(config.name)] = std::string(*config.value);
    } else {
      nulls += (nulls.empty() ? "" : ",") + std::string(config.name);
    }
  }
  if (!nulls.empty()) {
    return fail(ErrorCode::INVALID_CONFIG, "Null value not supported for topic configs: " + nulls);
  }
  TRY(check_topic_configs(settings));
  TRY_ASSIGN(const std::vector<PartitionRegistration> partitions, plan_topic(op.image(), topic, draws));
  if (op.count() + 1 + settings.size() + partitions.size() > settings_.max_records_per_request) {
    return fail(ErrorCode::POLICY_VIOLATION, std::string(kTooLarge));
  }

  Uuid id = draws.uuid();  // rule C42
  while (op.image().topic(id) != nullptr || id == kMetadataTopicId) id = draws.uuid();
  wire::TopicRecord record;
  record.name = name;
  record.topic_id = id;
  op.write(record, 0);
  for (const auto& [key, value] : settings) {
    wire::ConfigRecord config;
    config.resource_type = static_cast<int8_t>(ConfigResourceType::topic);
    config.resource_name = name;
    config.name = key;
    config.value = std::string_view(value);
    op.write(config, 0);
  }
  for (size_t i = 0; i < partitions.size(); ++i)
    op.write_partition(id, static_cast<int32_t>(i), partitions[i]);

  result.topic_id = id;
  result.num_partitions = static_cast<int32_t>(partitions.size());
  result.replication_factor = static_cast<int16_t>(partitions.front().replicas.size());
  const std::vector<ConfigEntry> entries = describe_topic_configs(view(op.image()), &settings, nullptr);
  const auto configs = reply.arena.make_array<wire::CreatableTopicConfigs>(entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    configs[i].name = keep(reply, entries[i].name);
    configs[i].value = std::nullopt;
    if (entries[i].value) configs[i].value = keep(reply, *entries[i].value);
    configs[i].read_only = entries[i].read_only;
    configs[i].config_source = static_cast<int8_t>(entries[i].source);
    configs[i].is_sensitive = entries[i].sensitive;
  }
  result.configs = configs;
  return {};
}

ControllerStep Controller::create_topics(const wire::CreateTopicsRequest& request,
                                         const ControllerRequestInfo&, Draws& draws,
                                         ControllerReply<wire::CreateTopicsResponse>& reply) {
  Op op(*this);
  std::map<std::string_view, int> times;
  for (const wire::CreatableTopic& topic : request.topics) ++times[topic.name];
  const auto results = reply.arena.make_array<wire::CreatableTopicResult>(times.size());
  size_t count = 0;
  for (const wire::CreatableTopic& topic : request.topics) {
    const auto it = times.find(topic.name);
    if (it == times.end()) continue;  // a further mention of a name that was refused for its repetition
    wire::CreatableTopicResult& result = results[count++];
    result.name = keep(reply, topic.name);
    result.error_message = std::nullopt;
    Result<void> created;
    if (it->second > 1) {
      created = fail(ErrorCode::INVALID_REQUEST, "Duplicate topic name.");
      times.erase(it);
    } else {
      created = create_topic(op, topic, draws, reply, result);
    }
    if (!created.ok()) set_error(result, created.error(), keep(reply, created.error().message));
  }
  reply.response.topics = results.first(count);
  return request.validate_only ? nothing() : run(op, true);
}

// ---- growth ----

Result<void> Controller::add_partitions(Op& op, const wire::CreatePartitionsTopic& asked, Draws& draws) {
  const TopicRef topic = op.image().topic(asked.name);
  if (topic == nullptr || topic->partitions.empty()) {
    return fail(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition.");
  }
  const auto existing = static_cast<int32_t>(topic->partitions.size());
  if (asked.count == existing) {
    return fail(ErrorCode::INVALID_PARTITIONS,
                "Topic already has " + std::to_string(existing) + " partition(s).");
  }
  if (asked.count < existing) {
    return fail(ErrorCode::INVALID_PARTITIONS,
                "The topic " + topic->name + " currently has " + std::to_string(existing) +
                    " partition(s); " + std::to_string(asked.count) + " would not be an increase.");
  }
  const auto additional = static_cast<size_t>(asked.count - existing);
  if (op.count() + additional > settings_.max_records_per_request) {
    return fail(ErrorCode::POLICY_VIOLATION, std::string(kTooLarge));
  }
  const size_t replication_factor = topic->partitions.begin()->second->replicas.size();
  std::vector<PartitionRegistration> partitions;
  if (asked.assignments) {
    if (asked.assignments->size() != additional) {
      return fail(ErrorCode::INVALID_REPLICA_ASSIGNMENT,
                  "Attempted to add " + std::to_string(additional) + " additional partition(s), but only " +
                      std::to_string(asked.assignments->size()) + " assignment(s) were specified.");
    }
    for (const wire::CreatePartitionsAssignment& assignment : *asked.assignments) {
      const std::vector<int32_t> replicas(assignment.broker_ids.begin(), assignment.broker_ids.end());
      TRY(check_manual_assignment(op.image(), replicas, replication_factor));
      partitions.push_back(new_partition(op.image(), replicas));
      if (partitions.back().isr.empty()) {
        return fail(ErrorCode::INVALID_REPLICA_ASSIGNMENT,
                    "All brokers specified in the manual partition assignment for partition " +
                        std::to_string(static_cast<size_t>(existing) + partitions.size() - 1) +
                        " are fenced or in controlled shutdown.");
      }
    }
  } else {
    TRY_ASSIGN(partitions, plan_placed(op.image(), additional, replication_factor, draws));
  }
  for (size_t i = 0; i < partitions.size(); ++i) {
    op.write_partition(topic->id, existing + static_cast<int32_t>(i), partitions[i]);
  }
  return {};
}

ControllerStep Controller::create_partitions(const wire::CreatePartitionsRequest& request,
                                             const ControllerRequestInfo&, Draws& draws,
                                             ControllerReply<wire::CreatePartitionsResponse>& reply) {
  Op op(*this);
  reply.response.results = reply.arena.make_array<wire::CreatePartitionsTopicResult>(request.topics.size());
  for (size_t i = 0; i < request.topics.size(); ++i) {
    wire::CreatePartitionsTopicResult& result = reply.response.results[i];
    result.name = keep(reply, request.topics[i].name);
    result.error_message = std::nullopt;
    const auto same_name = [&](const wire::CreatePartitionsTopic& topic) {
      return topic.name == request.topics[i].name;
    };
    Result<void> added;
    if (std::count_if(request.topics.begin(), request.topics.end(), same_name) > 1) {
      added = fail(ErrorCode::INVALID_REQUEST, "Duplicate topic name.");
    } else {
      added = add_partitions(op, request.topics[i], draws);
    }
    if (!added.ok()) set_error(result, added.error(), keep(reply, added.error().message));
  }
  return request.validate_only ? nothing() : run(op, true);
}

// ---- deletion ----

ControllerStep Controller::delete_topics(const wire::DeleteTopicsRequest& request,
                                         const ControllerRequestInfo& info,
                                         ControllerReply<wire::DeleteTopicsResponse>& reply) {
  Op op(*this);
  const bool by_state = info.api_version >= 6;
  const size_t count = by_state ? request.topics.size() : request.topic_names.size();
  reply.response.responses = reply.arena.make_array<wire::DeletableTopicResult>(count);
  const bool enabled = server_.boolean("delete.topic.enable");
  std::map<std::string_view, int> times;
  std::map<Uuid, int> id_times;
  for (size_t i = 0; i < count; ++i) {
    const auto name = by_state ? request.topics[i].name : std::optional(request.topic_names[i]);
    if (name) ++times[*name];
    if (by_state && !request.topics[i].topic_id.is_zero()) ++id_times[request.topics[i].topic_id];
  }
  for (size_t i = 0; i < count; ++i) {
    wire::DeletableTopicResult& result = reply.response.responses[i];
    std::optional<std::string_view> name;
    Uuid id;
    if (by_state) {
      name = request.topics[i].name;
      id = request.topics[i].topic_id;
    } else {
      name = request.topic_names[i];
    }
    result.name = std::nullopt;
    if (name) result.name = keep(reply, *name);
    result.topic_id = id;
    ErrorCode code = ErrorCode::NONE;
    std::string message;
    const TopicRef topic = name ? op.image().topic(*name) : op.image().topic(id);
    if (!enabled) {
      code = info.api_version < 3 ? ErrorCode::INVALID_REQUEST : ErrorCode::TOPIC_DELETION_DISABLED;
    } else if (name && !id.is_zero()) {
      code = ErrorCode::INVALID_REQUEST;
      message = "You may not specify both topic name and topic id.";
    } else if (!name && id.is_zero()) {
      code = ErrorCode::INVALID_REQUEST;
      message = "Neither topic name nor id were specified.";
    } else if (name ? times[*name] > 1 : id_times[id] > 1) {
      code = ErrorCode::INVALID_REQUEST;
      message = name ? "Duplicate topic name." : "Duplicate topic id.";
    } else if (topic == nullptr) {
      code = name ? ErrorCode::UNKNOWN_TOPIC_OR_PARTITION : ErrorCode::UNKNOWN_TOPIC_ID;
      message = name ? "This server does not host this topic-partition."
                     : "This server does not host this topic ID.";
    } else if (op.count() >= settings_.max_records_per_request) {
      code = ErrorCode::POLICY_VIOLATION;
      message = kTooLarge;
    }
    if (code != ErrorCode::NONE) {
      set_error(result, Error(code), keep(reply, message));
      continue;
    }
    result.name = keep(reply, topic->name);
    result.topic_id = topic->id;
    wire::RemoveTopicRecord record;
    record.topic_id = topic->id;
    op.write(record, 0);
  }
  return run(op, true);
}

}  // namespace ksim
