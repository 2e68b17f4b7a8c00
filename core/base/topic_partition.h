#pragma once

#include <cstdint>
#include <string>

namespace ksim {

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;

  bool operator==(const TopicPartition& other) const {
    return partition == other.partition && topic == other.topic;
  }
  bool operator<(const TopicPartition& other) const {
    const int order = topic.compare(other.topic);
    return order != 0 ? order < 0 : partition < other.partition;
  }
  // "orders-3": the name of its directory and its name in events.
  std::string to_string() const { return topic + "-" + std::to_string(partition); }
};

}  // namespace ksim
