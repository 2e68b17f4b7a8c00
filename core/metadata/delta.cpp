#include "core/metadata/delta.h"

#include <algorithm>

#include "core/metadata/features.h"

namespace ksim {
namespace {

Failure<Error> cannot_apply(std::string_view record, const std::string& why) {
  return fail(ErrorCode::UNKNOWN_SERVER_ERROR, "cannot apply " + std::string(record) + ": " + why);
}

template <class T>
std::vector<T> to_vector(std::span<T> items) {
  return {items.begin(), items.end()};
}
template <class T>
std::vector<T> to_vector(const std::optional<std::span<T>>& items) {
  return items ? to_vector(*items) : std::vector<T>();
}

// Records before directories existed leave them out: then nothing is known of any replica's directory.
std::vector<Uuid> directories_of(std::span<Uuid> given, size_t replicas) {
  std::vector<Uuid> directories = to_vector(given);
  if (directories.empty()) directories.assign(replicas, kDirectoryMigrating);
  return directories;
}

template <class WireEndpoint>
std::vector<ListenerEndpoint> listeners_of(std::span<WireEndpoint> points) {
  std::vector<ListenerEndpoint> listeners;
  for (const WireEndpoint& point : points) {
    listeners.push_back({std::string(point.name), std::string(point.host), point.port,
                         static_cast<SecurityProtocol>(point.security_protocol)});
  }
  return listeners;
}

template <class WireFeature>
FeatureRanges features_of(std::span<WireFeature> features) {
  FeatureRanges ranges;
  for (const WireFeature& feature : features) {
    ranges[std::string(feature.name)] = {feature.min_supported_version, feature.max_supported_version};
  }
  return ranges;
}

}  // namespace

PartitionRegistration partition_of(const wire::PartitionRecord& record) {
  PartitionRegistration partition;
  partition.replicas = to_vector(record.replicas);
  partition.directories = directories_of(record.directories, record.replicas.size());
  partition.isr = to_vector(record.isr);
  partition.removing_replicas = to_vector(record.removing_replicas);
  partition.adding_replicas = to_vector(record.adding_replicas);
  partition.elr = to_vector(record.eligible_leader_replicas);
  partition.last_known_elr = to_vector(record.last_known_elr);
  partition.leader = record.leader;
  partition.recovery = static_cast<LeaderRecovery>(record.leader_recovery_state);
  partition.leader_epoch = record.leader_epoch;
  partition.partition_epoch = record.partition_epoch;
  return partition;
}

PartitionRegistration merge(const PartitionRegistration& before, const wire::PartitionChangeRecord& change) {
  PartitionRegistration after = before;
  const auto take = [](auto& into, const auto& from) {
    if (from) into = to_vector(from);
  };
  take(after.replicas, change.replicas);
  if (change.directories) {
    after.directories = directories_of(*change.directories, after.replicas.size());
  } else if (change.replicas) {
    // A record version without directories: replicas that stay keep what is known of theirs.
    after.directories.clear();
    for (const int32_t replica : after.replicas) after.directories.push_back(before.directory_of(replica));
  }
  take(after.isr, change.isr);
  take(after.removing_replicas, change.removing_replicas);
  take(after.adding_replicas, change.adding_replicas);
  take(after.elr, change.eligible_leader_replicas);
  take(after.last_known_elr, change.last_known_elr);
  if (change.leader != -2) {
    after.leader = change.leader;
    ++after.leader_epoch;
  }
  if (change.leader_recovery_state >= 0) {
    after.recovery = static_cast<LeaderRecovery>(change.leader_recovery_state);
  }
  ++after.partition_epoch;
  return after;
}

MetadataDelta::MetadataDelta(MetadataImageRef base) : base_(std::move(base)), image_(*base_) {}

Result<void> MetadataDelta::apply(const MetadataRecord& record) {
  ENSURE(!finished_, "a record for a delta that is finished");
  return std::visit([this](const auto& each) { return on(each); }, record);
}

Result<void> MetadataDelta::replay(Bytes value) {
  arena_.reset();
  TRY_ASSIGN(const MetadataRecord record, decode_metadata_record(value, arena_));
  return apply(record);
}

MetadataImageRef MetadataDelta::finish(const MetadataProvenance& provenance) {
  finished_ = true;
  image_.provenance = provenance;
  return std::make_shared<const MetadataImage>(image_);
}

// ---- between two images ----

namespace {

// Keys whose values are not the same object, or that only one of the two maps has.
template <class K, class V>
std::set<K> differing(const PersistentMap<K, V>& before, const PersistentMap<K, V>& after) {
  std::set<K> keys;
  PersistentMap<K, V>::differences(before, after,
                                   [&](const K& key, const V*, const V*) { keys.insert(key); });
  return keys;
}

}  // namespace

void MetadataDelta::note_topics() {
  const auto note = [this](const Uuid& id, const TopicRef* before, const TopicRef* after) {
    if (after == nullptr) {
      deleted_topics_[id] = *before;
      return;
    }
    TopicChange change;
    change.created = before == nullptr;
    const PersistentMap<int32_t, PartitionRef> none;
    PersistentMap<int32_t, PartitionRef>::differences(
        before == nullptr ? none : (*before)->partitions, (*after)->partitions,
        [&](int32_t index, const PartitionRef* was, const PartitionRef* is) {
          if (is != nullptr && (was == nullptr || !(**was == **is))) change.partitions.insert(index);
        });
    if (change.created || !change.partitions.empty()) changed_topics_[id] = std::move(change);
  };
  PersistentMap<Uuid, TopicRef>::differences(base_->topics.by_id, image_.topics.by_id, note);
}

MetadataDelta MetadataDelta::between(MetadataImageRef base, MetadataImageRef next) {
  MetadataDelta delta(std::move(base));
  const MetadataImage& before = *delta.base_;
  delta.image_ = *next;
  delta.note_topics();
  delta.changed_brokers_ = differing(before.cluster.brokers, next->cluster.brokers);
  delta.changed_controllers_ = differing(before.cluster.controllers, next->cluster.controllers);
  delta.changed_configs_ = differing(before.configs.by_resource, next->configs.by_resource);
  delta.changed_quotas_ = differing(before.client_quotas.by_entity, next->client_quotas.by_entity);
  for (const auto& features : {before.features, next->features}) {
    if (before.features.metadata_version != next->features.metadata_version) {
      delta.changed_features_.insert(std::string(kMetadataVersionFeature));
    }
    for (const auto& [name, level] : features.finalized) {
      if (before.features.level(name) != next->features.level(name)) delta.changed_features_.insert(name);
    }
  }
  delta.acls_changed_ = !differing(before.acls, next->acls).empty();
  delta.scram_changed_ = !differing(before.scram, next->scram).empty();
  delta.tokens_changed_ = !differing(before.tokens, next->tokens).empty();
  delta.touched_ = true;
  return delta;
}

// ---- cluster ----

Result<void> MetadataDelta::on(const wire::RegisterBrokerRecord& record) {
  BrokerRegistration broker;
  broker.id = record.broker_id;
  broker.epoch = record.broker_epoch;
  broker.incarnation_id = record.incarnation_id;
  broker.listeners = listeners_of(record.end_points);
  broker.features = features_of(record.features);
  if (record.rack) broker.rack = std::string(*record.rack);
  broker.fenced = record.fenced;
  broker.in_controlled_shutdown = record.in_controlled_shutdown;
  broker.directories = to_vector(record.log_dirs);
  std::sort(broker.directories.begin(), broker.directories.end());
  image_.cluster.brokers.set(broker.id, std::make_shared<const BrokerRegistration>(std::move(broker)));
  changed_brokers_.insert(record.broker_id);
  touched_ = true;
  return {};
}

Result<void> MetadataDelta::on(const wire::UnregisterBrokerRecord& record) {
  const BrokerRegistration* broker = image_.broker(record.broker_id);
  if (broker == nullptr || broker->epoch != record.broker_epoch) {
    return cannot_apply(record.kName,
                        "broker " + std::to_string(record.broker_id) + " is not registered with that epoch");
  }
  image_.cluster.brokers.erase(record.broker_id);
  changed_brokers_.insert(record.broker_id);
  touched_ = true;
  return {};
}

Result<void> MetadataDelta::change_broker(int32_t id, int64_t epoch, std::optional<bool> fenced,
                                          std::optional<bool> in_controlled_shutdown,
                                          std::span<const Uuid> directories) {
  const BrokerRegistration* broker = image_.broker(id);
  if (broker == nullptr || broker->epoch != epoch) {
    return cannot_apply("a change of a broker's registration",
                        "broker " + std::to_string(id) + " is not registered with that epoch");
  }
  BrokerRegistration next = *broker;
  if (fenced) next.fenced = *fenced;
  if (in_controlled_shutdown) next.in_controlled_shutdown = *in_controlled_shutdown;
  if (!directories.empty()) {
    next.directories.assign(directories.begin(), directories.end());
    std::sort(next.directories.begin(), next.directories.end());
  }
  image_.cluster.brokers.set(id, std::make_shared<const BrokerRegistration>(std::move(next)));
  changed_brokers_.insert(id);
  touched_ = true;
  return {};
}

Result<void> MetadataDelta::on(const wire::FenceBrokerRecord& record) {
  return change_broker(record.id, record.epoch, true, std::nullopt, {});
}

Result<void> MetadataDelta::on(const wire::UnfenceBrokerRecord& record) {
  return change_broker(record.id, record.epoch, false, std::nullopt, {});
}

Result<void> MetadataDelta::on(const wire::BrokerRegistrationChangeRecord& record) {
  std::optional<bool> fenced;
  if (record.fenced != 0) fenced = record.fenced > 0;
  std::optional<bool> in_controlled_shutdown;
  if (record.in_controlled_shutdown != 0) in_controlled_shutdown = record.in_controlled_shutdown > 0;
  return change_broker(record.broker_id, record.broker_epoch, fenced, in_controlled_shutdown,
                       record.log_dirs);
}

Result<void> MetadataDelta::on(const wire::RegisterControllerRecord& record) {
  ControllerRegistration controller;
  controller.id = record.controller_id;
  controller.incarnation_id = record.incarnation_id;
  controller.zk_migration_ready = record.zk_migration_ready;
  controller.listeners = listeners_of(record.end_points);
  controller.features = features_of(record.features);
  image_.cluster.controllers.set(controller.id,
                                 std::make_shared<const ControllerRegistration>(std::move(controller)));
  changed_controllers_.insert(record.controller_id);
  touched_ = true;
  return {};
}

// ---- topics ----

Result<void> MetadataDelta::on(const wire::TopicRecord& record) {
  if (image_.topics.by_name.contains(record.name) || image_.topics.by_id.contains(record.topic_id)) {
    return cannot_apply(record.kName, "a topic " + std::string(record.name) + " or one of its id exists");
  }
  auto topic = std::make_shared<TopicImage>();
  topic->name = std::string(record.name);
  topic->id = record.topic_id;
  image_.topics.by_name.set(topic->name, topic->id);
  image_.topics.by_id.set(record.topic_id, std::move(topic));
  changed_topics_[record.topic_id].created = true;
  touched_ = true;
  return {};
}

void MetadataDelta::put_partition(const TopicRef& topic, int32_t index, PartitionRegistration partition) {
  auto next = std::make_shared<TopicImage>(*topic);
  next->partitions.set(index, std::make_shared<const PartitionRegistration>(std::move(partition)));
  changed_topics_[topic->id].partitions.insert(index);
  image_.topics.by_id.set(topic->id, std::move(next));
  touched_ = true;
}

Result<void> MetadataDelta::on(const wire::PartitionRecord& record) {
  const TopicRef topic = image_.topic(record.topic_id);
  if (topic == nullptr) return cannot_apply(record.kName, "no topic has id " + record.topic_id.to_string());
  put_partition(topic, record.partition_id, partition_of(record));
  return {};
}

Result<void> MetadataDelta::on(const wire::PartitionChangeRecord& record) {
  const TopicRef topic = image_.topic(record.topic_id);
  if (topic == nullptr) return cannot_apply(record.kName, "no topic has id " + record.topic_id.to_string());
  const PartitionRegistration* before = topic->partition(record.partition_id);
  if (before == nullptr) {
    return cannot_apply(record.kName,
                        "no partition " + topic->name + "-" + std::to_string(record.partition_id));
  }
  put_partition(topic, record.partition_id, merge(*before, record));
  return {};
}

Result<void> MetadataDelta::on(const wire::RemoveTopicRecord& record) {
  const TopicRef topic = image_.topic(record.topic_id);
  if (topic == nullptr) return cannot_apply(record.kName, "no topic has id " + record.topic_id.to_string());
  image_.topics.by_id.erase(topic->id);
  image_.topics.by_name.erase(topic->name);
  changed_topics_.erase(topic->id);
  if (TopicRef before = base_->topic(topic->id)) deleted_topics_[topic->id] = std::move(before);
  const ConfigResource resource = ConfigResource::topic(topic->name);
  if (image_.configs.by_resource.erase(resource)) changed_configs_.insert(resource);
  touched_ = true;
  return {};
}

void MetadataDelta::clear_elr(const TopicRef& topic) {
  for (const auto& [index, partition] : topic->partitions) {
    if (partition->elr.empty() && partition->last_known_elr.empty()) continue;
    wire::PartitionChangeRecord change;
    change.eligible_leader_replicas = std::span<int32_t>();
    change.last_known_elr = std::span<int32_t>();
    put_partition(image_.topic(topic->id), index, merge(*partition, change));
  }
}

Result<void> MetadataDelta::on(const wire::ClearElrRecord& record) {
  if (!record.topic_name.empty()) {
    const TopicRef topic = image_.topic(record.topic_name);
    if (topic == nullptr) return cannot_apply(record.kName, "no topic " + std::string(record.topic_name));
    clear_elr(topic);
    return {};
  }
  const TopicsImage before = image_.topics;
  for (const auto& entry : before.by_id) clear_elr(entry.second);
  return {};
}

// ---- the rest ----

Result<void> MetadataDelta::on(const wire::ConfigRecord& record) {
  const ConfigResource resource{static_cast<ConfigResourceType>(record.resource_type),
                                std::string(record.resource_name)};
  ConfigMap next;
  if (const ConfigMap* before = image_.configs.of(resource)) next = *before;
  if (record.value) {
    next[std::string(record.name)] = std::string(*record.value);
  } else if (const auto it = next.find(record.name); it != next.end()) {
    next.erase(it);
  }
  if (next.empty()) {
    image_.configs.by_resource.erase(resource);
  } else {
    image_.configs.by_resource.set(resource, std::make_shared<const ConfigMap>(std::move(next)));
  }
  changed_configs_.insert(resource);
  touched_ = true;
  return {};
}

Result<void> MetadataDelta::on(const wire::FeatureLevelRecord& record) {
  const FeatureRanges supported = supported_features();
  const auto range = supported.find(record.name);
  const bool removes = record.feature_level == 0 && record.name != kMetadataVersionFeature;
  if (range == supported.end() ? !removes : !range->second.contains(record.feature_level)) {
    return cannot_apply(record.kName, "level " + std::to_string(record.feature_level) + " of " +
                                          std::string(record.name) + " is not supported");
  }
  if (record.name == kMetadataVersionFeature) {
    image_.features.metadata_version = record.feature_level;
  } else if (record.feature_level == 0) {
    const auto it = image_.features.finalized.find(record.name);
    if (it != image_.features.finalized.end()) image_.features.finalized.erase(it);
  } else {
    image_.features.finalized[std::string(record.name)] = record.feature_level;
  }
  changed_features_.insert(std::string(record.name));
  touched_ = true;
  return {};
}

Result<void> MetadataDelta::on(const wire::ClientQuotaRecord& record) {
  QuotaEntity entity;
  for (const wire::ClientQuotaRecordEntityData& part : record.entity) {
    std::optional<std::string> name;
    if (part.entity_name) name = std::string(*part.entity_name);
    entity[std::string(part.entity_type)] = std::move(name);
  }
  QuotaValues next;
  if (const QuotaValuesRef* before = image_.client_quotas.by_entity.find(entity)) next = **before;
  if (!record.remove) {
    next[std::string(record.key)] = record.value;
  } else if (const auto it = next.find(record.key); it != next.end()) {
    next.erase(it);
  }
  if (next.empty()) {
    image_.client_quotas.by_entity.erase(entity);
  } else {
    image_.client_quotas.by_entity.set(entity, std::make_shared<const QuotaValues>(std::move(next)));
  }
  changed_quotas_.insert(std::move(entity));
  touched_ = true;
  return {};
}

Result<void> MetadataDelta::on(const wire::ProducerIdsRecord& record) {
  // Rule C43: an id that was handed out never comes back.
  if (record.next_producer_id <= image_.next_producer_id) {
    return cannot_apply(record.kName, "next producer id " + std::to_string(record.next_producer_id) +
                                          " is not above " + std::to_string(image_.next_producer_id));
  }
  image_.next_producer_id = record.next_producer_id;
  touched_ = true;
  return {};
}

Result<void> MetadataDelta::on(const wire::AccessControlEntryRecord& record) {
  AclEntry entry;
  entry.id = record.id;
  entry.resource_type = record.resource_type;
  entry.resource_name = std::string(record.resource_name);
  entry.pattern_type = record.pattern_type;
  entry.principal = std::string(record.principal);
  entry.host = std::string(record.host);
  entry.operation = record.operation;
  entry.permission_type = record.permission_type;
  image_.acls.set(record.id, std::make_shared<const AclEntry>(std::move(entry)));
  acls_changed_ = touched_ = true;
  return {};
}

Result<void> MetadataDelta::on(const wire::RemoveAccessControlEntryRecord& record) {
  if (!image_.acls.erase(record.id)) return cannot_apply(record.kName, "no entry " + record.id.to_string());
  acls_changed_ = touched_ = true;
  return {};
}

Result<void> MetadataDelta::on(const wire::UserScramCredentialRecord& record) {
  ScramCredential credential;
  credential.salt = std::string(as_text(record.salt));
  credential.stored_key = std::string(as_text(record.stored_key));
  credential.server_key = std::string(as_text(record.server_key));
  credential.iterations = record.iterations;
  image_.scram.set(ScramKey(record.mechanism, std::string(record.name)),
                   std::make_shared<const ScramCredential>(std::move(credential)));
  scram_changed_ = touched_ = true;
  return {};
}

Result<void> MetadataDelta::on(const wire::RemoveUserScramCredentialRecord& record) {
  if (!image_.scram.erase(ScramKey(record.mechanism, std::string(record.name)))) {
    return cannot_apply(record.kName, "no credential of " + std::string(record.name));
  }
  scram_changed_ = touched_ = true;
  return {};
}

Result<void> MetadataDelta::on(const wire::DelegationTokenRecord& record) {
  DelegationToken token;
  token.owner = std::string(record.owner);
  token.requester = std::string(record.requester);
  for (const std::string_view renewer : record.renewers) token.renewers.emplace_back(renewer);
  token.issue_timestamp_ms = record.issue_timestamp;
  token.max_timestamp_ms = record.max_timestamp;
  token.expiration_timestamp_ms = record.expiration_timestamp;
  token.id = std::string(record.token_id);
  image_.tokens.set(token.id, std::make_shared<const DelegationToken>(token));
  tokens_changed_ = touched_ = true;
  return {};
}

Result<void> MetadataDelta::on(const wire::RemoveDelegationTokenRecord& record) {
  if (!image_.tokens.erase(record.token_id)) {
    return cannot_apply(record.kName, "no token " + std::string(record.token_id));
  }
  tokens_changed_ = touched_ = true;
  return {};
}

}  // namespace ksim
