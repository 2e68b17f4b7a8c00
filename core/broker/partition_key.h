#pragma once

#include <cstdint>
#include <tuple>

#include "core/base/hash.h"
#include "core/base/uuid.h"

namespace ksim::broker {

// One partition of one topic, whatever the topic's name.
struct PartitionKey {
  Uuid topic_id;
  int32_t index = 0;

  bool operator==(const PartitionKey& other) const {
    return index == other.index && topic_id == other.topic_id;
  }
  bool operator<(const PartitionKey& other) const {
    return std::tie(topic_id, index) < std::tie(other.topic_id, other.index);
  }
  uint64_t hash() const { return mix64(topic_id.high, topic_id.low, static_cast<uint64_t>(index)); }
};

// Which shard of a node a partition belongs to, for the node's whole life.
inline size_t shard_of(const PartitionKey& key, size_t shard_count) {
  return static_cast<size_t>(key.hash() % shard_count);
}

}  // namespace ksim::broker
