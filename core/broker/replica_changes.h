#pragma once
// What a new metadata image means for the replicas of one shard of this broker.

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/broker/partition_key.h"
#include "core/metadata/image.h"

namespace ksim {
class MetadataDelta;
}

namespace ksim::broker {

struct ReplicaChange {
  PartitionKey key;
  std::string topic;
  PartitionRef state;
};

struct ReplicaChanges {
  MetadataImageRef image;
  std::vector<PartitionKey> removed;      // deleted, or assigned to others only
  std::vector<ReplicaChange> assigned;    // new or changed replicas of this broker
  std::vector<std::string> reconfigured;  // topics whose settings may have changed
  bool all_reconfigured = false;          // so may those of every topic
  bool brokers_changed = false;           // somebody registered, was fenced, moved...
};

// By shard. `image` is the delta's result.
std::vector<ReplicaChanges> replica_changes(const MetadataDelta& delta, const MetadataImageRef& image,
                                            int32_t own_id, size_t shard_count);

// The partitions of all shards that `own_id` is to lead in an epoch in which it does not lead them yet.
using PartitionKeys = std::set<PartitionKey>;
std::shared_ptr<const PartitionKeys> new_leaderships(const MetadataDelta& delta,
                                                     const std::vector<ReplicaChanges>& changes,
                                                     int32_t own_id);

}  // namespace ksim::broker
