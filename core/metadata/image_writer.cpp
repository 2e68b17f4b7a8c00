#include "core/metadata/image_writer.h"

#include "core/base/hash.h"
#include "core/metadata/features.h"

namespace ksim {
namespace {

// Wire structures hold mutable spans; encoding only reads them.
template <class T>
std::span<T> view(const std::vector<T>& items) {
  return {const_cast<T*>(items.data()), items.size()};
}

template <class WireEndpoint>
std::vector<WireEndpoint> endpoints(const std::vector<ListenerEndpoint>& listeners) {
  std::vector<WireEndpoint> points;
  for (const ListenerEndpoint& listener : listeners) {
    WireEndpoint point;
    point.name = listener.name;
    point.host = listener.host;
    point.port = listener.port;
    point.security_protocol = static_cast<int16_t>(listener.protocol);
    points.push_back(point);
  }
  return points;
}

template <class WireFeature>
std::vector<WireFeature> features(const FeatureRanges& ranges) {
  std::vector<WireFeature> list;
  for (const auto& [name, range] : ranges) {
    WireFeature feature;
    feature.name = name;
    feature.min_supported_version = range.min;
    feature.max_supported_version = range.max;
    list.push_back(feature);
  }
  return list;
}

void add_features(const FeaturesImage& image, RecordList& records) {
  const auto add = [&](std::string_view name, int16_t level) {
    wire::FeatureLevelRecord record;
    record.name = name;
    record.feature_level = level;
    records.add(record, 0);
  };
  if (image.metadata_version != 0) add(kMetadataVersionFeature, image.metadata_version);
  for (const auto& [name, level] : image.finalized) add(name, level);
}

void add_cluster(const ClusterImage& image, int16_t metadata_version, RecordList& records) {
  for (const auto& [id, broker] : image.brokers) {
    const auto points = endpoints<wire::BrokerEndpoint>(broker->listeners);
    const auto ranges = features<wire::BrokerFeature>(broker->features);
    wire::RegisterBrokerRecord record;
    record.broker_id = id;
    record.incarnation_id = broker->incarnation_id;
    record.broker_epoch = broker->epoch;
    record.end_points = view(points);
    record.features = view(ranges);
    record.rack = std::nullopt;
    if (broker->rack) record.rack = std::string_view(*broker->rack);
    record.fenced = broker->fenced;
    record.in_controlled_shutdown = broker->in_controlled_shutdown;
    const int16_t version = register_broker_record_version(metadata_version);
    if (version >= 3) record.log_dirs = view(broker->directories);
    records.add(record, version);
  }
  for (const auto& [id, controller] : image.controllers) {
    const auto points = endpoints<wire::ControllerEndpoint>(controller->listeners);
    const auto ranges = features<wire::ControllerFeature>(controller->features);
    wire::RegisterControllerRecord record;
    record.controller_id = id;
    record.incarnation_id = controller->incarnation_id;
    record.zk_migration_ready = controller->zk_migration_ready;
    record.end_points = view(points);
    record.features = view(ranges);
    records.add(record, 0);
  }
}

void add_topics(const TopicsImage& image, int16_t metadata_version, RecordList& records) {
  for (const auto& [id, topic] : image.by_id) {
    wire::TopicRecord record;
    record.name = topic->name;
    record.topic_id = id;
    records.add(record, 0);
    for (const auto& [index, partition] : topic->partitions) {
      add_partition_record(records, id, index, *partition, metadata_version);
    }
  }
}

void add_configs(const ConfigsImage& image, RecordList& records) {
  for (const auto& [resource, settings] : image.by_resource) {
    for (const auto& [name, value] : *settings) {
      wire::ConfigRecord record;
      record.resource_type = static_cast<int8_t>(resource.type);
      record.resource_name = resource.name;
      record.name = name;
      record.value = std::string_view(value);
      records.add(record, 0);
    }
  }
}

void add_quotas(const ClientQuotasImage& image, RecordList& records) {
  for (const auto& [entity, values] : image.by_entity) {
    std::vector<wire::ClientQuotaRecordEntityData> parts;
    for (const auto& [type, name] : entity) {
      wire::ClientQuotaRecordEntityData part;
      part.entity_type = type;
      part.entity_name = std::nullopt;
      if (name) part.entity_name = std::string_view(*name);
      parts.push_back(part);
    }
    for (const auto& [key, value] : *values) {
      wire::ClientQuotaRecord record;
      record.entity = view(parts);
      record.key = key;
      record.value = value;
      records.add(record, 0);
    }
  }
}

void add_security(const MetadataImage& image, RecordList& records) {
  for (const auto& [id, acl] : image.acls) {
    wire::AccessControlEntryRecord record;
    record.id = id;
    record.resource_type = acl->resource_type;
    record.resource_name = acl->resource_name;
    record.pattern_type = acl->pattern_type;
    record.principal = acl->principal;
    record.host = acl->host;
    record.operation = acl->operation;
    record.permission_type = acl->permission_type;
    records.add(record, 0);
  }
  for (const auto& [key, credential] : image.scram) {
    wire::UserScramCredentialRecord record;
    record.mechanism = key.first;
    record.name = key.second;
    record.salt = as_bytes(credential->salt);
    record.stored_key = as_bytes(credential->stored_key);
    record.server_key = as_bytes(credential->server_key);
    record.iterations = credential->iterations;
    records.add(record, 0);
  }
  for (const auto& [id, token] : image.tokens) {
    std::vector<std::string_view> renewers(token->renewers.begin(), token->renewers.end());
    wire::DelegationTokenRecord record;
    record.owner = token->owner;
    record.requester = token->requester;
    record.renewers = view(renewers);
    record.issue_timestamp = token->issue_timestamp_ms;
    record.max_timestamp = token->max_timestamp_ms;
    record.expiration_timestamp = token->expiration_timestamp_ms;
    record.token_id = id;
    records.add(record, 0);
  }
}

}  // namespace

void add_partition_record(RecordList& records, const Uuid& topic_id, int32_t index,
                          const PartitionRegistration& partition, int16_t metadata_version) {
  const int16_t version = partition_record_version(metadata_version);
  wire::PartitionRecord record;
  record.partition_id = index;
  record.topic_id = topic_id;
  record.replicas = view(partition.replicas);
  record.isr = view(partition.isr);
  record.removing_replicas = view(partition.removing_replicas);
  record.adding_replicas = view(partition.adding_replicas);
  record.leader = partition.leader;
  record.leader_recovery_state = static_cast<int8_t>(partition.recovery);
  record.leader_epoch = partition.leader_epoch;
  record.partition_epoch = partition.partition_epoch;
  if (version >= 1) record.directories = view(partition.directories);
  if (version >= 2 && !partition.elr.empty()) record.eligible_leader_replicas = view(partition.elr);
  if (version >= 2 && !partition.last_known_elr.empty())
    record.last_known_elr = view(partition.last_known_elr);
  records.add(record, version);
}

RecordList image_records(const MetadataImage& image) {
  const int16_t metadata_version = image.features.metadata_version;
  RecordList records;
  add_features(image.features, records);
  add_cluster(image.cluster, metadata_version, records);
  add_topics(image.topics, metadata_version, records);
  add_configs(image.configs, records);
  add_quotas(image.client_quotas, records);
  if (image.next_producer_id > 0) {
    wire::ProducerIdsRecord record;
    record.broker_id = -1;
    record.broker_epoch = -1;
    record.next_producer_id = image.next_producer_id;
    records.add(record, 0);
  }
  add_security(image, records);
  return records;
}

uint64_t image_hash(const MetadataImage& image) {
  const RecordList records = image_records(image);
  uint64_t hash = mix64(0x6d65746164617461ULL, records.size());
  for (size_t i = 0; i < records.size(); ++i) hash = hash_text(as_text(records[i]), hash);
  return hash;
}

}  // namespace ksim
