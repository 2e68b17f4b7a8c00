#include "core/metadata/image.h"

#include <algorithm>

#include "core/base/contains.h"

namespace ksim {
namespace {

const ListenerEndpoint* find_listener(const std::vector<ListenerEndpoint>& listeners, std::string_view name) {
  for (const ListenerEndpoint& listener : listeners) {
    if (listener.name == name) return &listener;
  }
  return nullptr;
}

}  // namespace

bool BrokerRegistration::has_online_directory(const Uuid& directory) const {
  // MIGRATING and UNASSIGNED say nothing against the replica; LOST does (rules A44, C18).
  if (directory == kDirectoryMigrating || directory == kDirectoryUnassigned) return true;
  return std::binary_search(directories.begin(), directories.end(), directory);
}

const ListenerEndpoint* BrokerRegistration::listener(std::string_view name) const {
  return find_listener(listeners, name);
}

const ListenerEndpoint* ControllerRegistration::listener(std::string_view name) const {
  return find_listener(listeners, name);
}

bool PartitionRegistration::is_replica(int32_t broker) const { return contains(replicas, broker); }

bool PartitionRegistration::in_isr(int32_t broker) const { return contains(isr, broker); }

Uuid PartitionRegistration::directory_of(int32_t broker) const {
  for (size_t i = 0; i < replicas.size() && i < directories.size(); ++i) {
    if (replicas[i] == broker) return directories[i];
  }
  return kDirectoryMigrating;
}

bool PartitionRegistration::operator==(const PartitionRegistration& other) const {
  return replicas == other.replicas && directories == other.directories && isr == other.isr &&
         removing_replicas == other.removing_replicas && adding_replicas == other.adding_replicas &&
         elr == other.elr && last_known_elr == other.last_known_elr && leader == other.leader &&
         recovery == other.recovery && leader_epoch == other.leader_epoch &&
         partition_epoch == other.partition_epoch;
}

const PartitionRegistration* TopicImage::partition(int32_t index) const {
  const PartitionRef* found = partitions.find(index);
  return found == nullptr ? nullptr : found->get();
}

int16_t FeaturesImage::level(std::string_view name) const {
  if (name == kMetadataVersionFeature) return metadata_version;
  const auto it = finalized.find(name);
  return it == finalized.end() ? int16_t{0} : it->second;
}

const ConfigMap* ConfigsImage::of(const ConfigResource& resource) const {
  const ConfigMapRef* found = by_resource.find(resource);
  return found == nullptr ? nullptr : found->get();
}

const std::string* ConfigsImage::value(const ConfigResource& resource, std::string_view key) const {
  const ConfigMap* map = of(resource);
  if (map == nullptr) return nullptr;
  const auto it = map->find(key);
  return it == map->end() ? nullptr : &it->second;
}

const BrokerRegistration* MetadataImage::broker(int32_t id) const {
  const BrokerRef* found = cluster.brokers.find(id);
  return found == nullptr ? nullptr : found->get();
}

bool MetadataImage::broker_active(int32_t id) const {
  const BrokerRegistration* found = broker(id);
  return found != nullptr && found->active();
}

bool MetadataImage::broker_alive(int32_t id) const {
  const BrokerRegistration* found = broker(id);
  return found != nullptr && !found->fenced;
}

std::vector<BrokerRef> MetadataImage::alive_brokers() const {
  std::vector<BrokerRef> alive;
  for (const auto& entry : cluster.brokers) {
    if (!entry.second->fenced) alive.push_back(entry.second);
  }
  return alive;
}

TopicRef MetadataImage::topic(const Uuid& id) const {
  const TopicRef* found = topics.by_id.find(id);
  return found == nullptr ? nullptr : *found;
}

Uuid MetadataImage::topic_id(std::string_view name) const {
  const Uuid* id = topics.by_name.find(name);
  return id == nullptr ? kZeroUuid : *id;
}

TopicRef MetadataImage::topic(std::string_view name) const {
  const Uuid* id = topics.by_name.find(name);
  return id == nullptr ? nullptr : topic(*id);
}

PartitionRef MetadataImage::partition(const Uuid& topic_id, int32_t index) const {
  const TopicRef* found = topics.by_id.find(topic_id);
  if (found == nullptr) return nullptr;
  const PartitionRef* partition = (*found)->partitions.find(index);
  return partition == nullptr ? nullptr : *partition;
}

PartitionRef MetadataImage::partition(std::string_view topic, int32_t index) const {
  const Uuid* id = topics.by_name.find(topic);
  return id == nullptr ? nullptr : partition(*id, index);
}

MetadataImageRef empty_image() { return std::make_shared<const MetadataImage>(); }

}  // namespace ksim
