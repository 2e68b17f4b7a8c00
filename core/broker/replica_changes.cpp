#include "core/broker/replica_changes.h"

#include "core/metadata/delta.h"

namespace ksim::broker {

std::vector<ReplicaChanges> replica_changes(const MetadataDelta& delta, const MetadataImageRef& image,
                                            int32_t own_id, size_t shard_count) {
  std::vector<ReplicaChanges> changes(shard_count);
  for (ReplicaChanges& change : changes) {
    change.image = image;
    change.brokers_changed = !delta.changed_brokers().empty();
  }
  for (const auto& [id, topic] : delta.deleted_topics()) {
    for (const auto& [index, partition] : topic->partitions) {
      const PartitionKey key{id, index};
      if (partition->is_replica(own_id)) changes[shard_of(key, shard_count)].removed.push_back(key);
    }
  }
  for (const auto& [id, touched] : delta.changed_topics()) {
    const TopicRef topic = image->topic(id);
    for (const int32_t index : touched.partitions) {
      const PartitionKey key{id, index};
      const PartitionRef state = image->partition(id, index);
      const PartitionRef before = delta.base()->partition(id, index);
      ReplicaChanges& there = changes[shard_of(key, shard_count)];
      if (state != nullptr && state->is_replica(own_id)) {
        there.assigned.push_back({key, topic->name, state});
      } else if (before != nullptr && before->is_replica(own_id)) {
        there.removed.push_back(key);
      }
    }
  }
  for (const ConfigResource& resource : delta.changed_configs()) {
    for (ReplicaChanges& change : changes) {
      if (resource.type == ConfigResourceType::topic) change.reconfigured.push_back(resource.name);
      // Topics inherit from the settings of the cluster and of this broker.
      if (resource.type == ConfigResourceType::broker) change.all_reconfigured = true;
    }
  }
  return changes;
}

std::shared_ptr<const PartitionKeys> new_leaderships(const MetadataDelta& delta,
                                                     const std::vector<ReplicaChanges>& changes,
                                                     int32_t own_id) {
  auto keys = std::make_shared<PartitionKeys>();
  for (const ReplicaChanges& change : changes) {
    for (const ReplicaChange& assigned : change.assigned) {
      if (assigned.state->leader != own_id) continue;
      const PartitionRef before = delta.base()->partition(assigned.key.topic_id, assigned.key.index);
      if (before == nullptr || before->leader_epoch != assigned.state->leader_epoch)
        keys->insert(assigned.key);
    }
  }
  return keys;
}

}  // namespace ksim::broker
