#include "core/broker/handlers/common.h"

#include <cstring>

namespace ksim::broker {

bool is_internal_topic(std::string_view topic) {
  return topic == "__consumer_offsets" || topic == "__transaction_state" || topic == "__share_group_state";
}

Result<PartitionKey, ErrorCode> find_partition(BrokerContext& context, const MetadataImage& image,
                                               std::string_view topic, int32_t index) {
  const TopicRef found = image.topic(topic);
  if (found == nullptr) return Failure<ErrorCode>{ErrorCode::UNKNOWN_TOPIC_OR_PARTITION};
  return find_partition(context, image, found->id, index);
}

Result<PartitionKey, ErrorCode> find_partition(BrokerContext& context, const MetadataImage& image,
                                               const Uuid& topic_id, int32_t index) {
  const TopicRef found = image.topic(topic_id);
  if (found == nullptr) return Failure<ErrorCode>{ErrorCode::UNKNOWN_TOPIC_ID};
  if (found->partition(index) == nullptr) return Failure<ErrorCode>{ErrorCode::UNKNOWN_TOPIC_OR_PARTITION};
  const PartitionKey key{topic_id, index};
  context.shards.local().await_leadership(key);
  return key;
}

std::vector<NamedBroker> brokers_on(const MetadataImage& image, std::string_view listener, bool fenced_too) {
  std::vector<NamedBroker> result;
  for (const auto& [id, broker] : image.cluster.brokers) {
    if (broker->fenced && !fenced_too) continue;
    if (const ListenerEndpoint* endpoint = broker->listener(listener)) result.push_back({broker, endpoint});
  }
  return result;
}

PartitionView view_partition(const MetadataImage& image, const PartitionRegistration& partition,
                             std::string_view listener, bool tells_listener_errors) {
  PartitionView view;
  for (int32_t id : partition.replicas) {
    const BrokerRegistration* broker = image.broker(id);
    const bool online = broker != nullptr && !broker->fenced && broker->listener(listener) != nullptr &&
                        broker->has_online_directory(partition.directory_of(id));
    if (!online) view.offline_replicas.push_back(id);
  }
  const BrokerRegistration* leader = image.broker(partition.leader);
  if (leader != nullptr && !leader->fenced && leader->listener(listener) != nullptr) {
    view.leader = partition.leader;
    return view;
  }
  view.error = leader != nullptr && !leader->fenced && tells_listener_errors
                   ? ErrorCode::LISTENER_NOT_FOUND
                   : ErrorCode::LEADER_NOT_AVAILABLE;
  return view;
}

std::string_view copy_text(wire::Arena& arena, std::string_view text) {
  if (text.empty()) return {};
  char* copy = static_cast<char*>(arena.allocate(text.size(), 1));
  std::memcpy(copy, text.data(), text.size());
  return {copy, text.size()};
}

}  // namespace ksim::broker
