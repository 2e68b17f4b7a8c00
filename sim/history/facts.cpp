#include "sim/history/facts.h"

namespace ksim::sim {

std::string to_string(const PartitionName& name) { return name.topic + "-" + std::to_string(name.index); }

PartitionId PartitionNames::id(std::string_view topic, int32_t index) {
  const auto key = std::make_pair(std::string(topic), index);
  if (auto it = ids_.find(key); it != ids_.end()) return it->second;
  const auto id = static_cast<PartitionId>(names_.size());
  ids_.emplace(key, id);
  names_.push_back({key.first, index});
  return id;
}

std::optional<PartitionId> PartitionNames::find(std::string_view topic, int32_t index) const {
  const auto it = ids_.find(std::make_pair(std::string(topic), index));
  if (it == ids_.end()) return std::nullopt;
  return it->second;
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::pending:
      return "pending";
    case Outcome::ok:
      return "ok";
    case Outcome::failed:
      return "failed";
    case Outcome::unknown:
      return "unknown";
  }
  return "?";
}

std::string_view to_string(TopicCall::Kind kind) {
  switch (kind) {
    case TopicCall::Kind::create:
      return "create_topics";
    case TopicCall::Kind::remove:
      return "delete_topics";
    case TopicCall::Kind::grow:
      return "create_partitions";
    case TopicCall::Kind::configure:
      return "alter_configs";
    case TopicCall::Kind::look:
      return "describe_topics";
  }
  return "?";
}

}  // namespace ksim::sim
