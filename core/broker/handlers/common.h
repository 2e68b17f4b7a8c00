#pragma once
// What several handlers need.

#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/broker/broker_context.h"
#include "core/broker/handlers/config_entries.h"
#include "core/wire/arena.h"

namespace ksim::broker {

inline int16_t code(ErrorCode error) { return static_cast<int16_t>(error); }

// Sets of operations without an authorizer: every one the resource knows, as bits by their numbers.
constexpr int32_t kNoOperations = INT32_MIN;  // not asked for
constexpr int32_t kTopicOperations =
    0x0df8;  // READ WRITE CREATE DELETE ALTER DESCRIBE DESCRIBE/ALTER_CONFIGS
constexpr int32_t kClusterOperations =
    0x1fa0;  // CREATE ALTER DESCRIBE CLUSTER_ACTION *_CONFIGS IDEMPOTENT_WRITE

bool is_internal_topic(std::string_view topic);

// The partition's key if it exists: UNKNOWN_TOPIC_OR_PARTITION or UNKNOWN_TOPIC_ID otherwise. Waits while
// this broker is about to lead it.
Result<PartitionKey, ErrorCode> find_partition(BrokerContext& context, const MetadataImage& image,
                                               std::string_view topic, int32_t index);
Result<PartitionKey, ErrorCode> find_partition(BrokerContext& context, const MetadataImage& image,
                                               const Uuid& topic_id, int32_t index);

// The wire's -1 for an epoch that is not there. Others below 0 are older than any.
inline std::optional<int32_t> epoch_of(int32_t epoch) {
  return epoch == -1 ? std::nullopt : std::optional(epoch);
}

// Unfenced brokers that listen on `listener`, by id.
struct NamedBroker {
  BrokerRef broker;
  const ListenerEndpoint* endpoint = nullptr;  // of that broker
};
std::vector<NamedBroker> brokers_on(const MetadataImage& image, std::string_view listener,
                                    bool fenced_too = false);

// A partition as clients of a listener see it (rule D60).
struct PartitionView {
  ErrorCode error = ErrorCode::NONE;
  int32_t leader = kNoLeader;
  std::vector<int32_t> offline_replicas;
};
PartitionView view_partition(const MetadataImage& image, const PartitionRegistration& partition,
                             std::string_view listener, bool tells_listener_errors);

// Copies into the memory of a response.
inline std::span<int32_t> copy_ids(wire::Arena& arena, const std::vector<int32_t>& ids) {
  return arena.copy_array<int32_t>(ids);
}

// Endpoints of leaders named in an answer (Produce v10, Fetch v16). Sorted, each once.
template <class Endpoint>
std::span<Endpoint> leader_endpoints(const MetadataImage& image, std::string_view listener,
                                     std::vector<int32_t> leaders, wire::Arena& arena);

}  // namespace ksim::broker

#include <algorithm>

namespace ksim::broker {

template <class Endpoint>
std::span<Endpoint> leader_endpoints(const MetadataImage& image, std::string_view listener,
                                     std::vector<int32_t> leaders, wire::Arena& arena) {
  std::sort(leaders.begin(), leaders.end());
  leaders.erase(std::unique(leaders.begin(), leaders.end()), leaders.end());
  const std::span<Endpoint> all = arena.make_array<Endpoint>(leaders.size());
  size_t count = 0;
  for (int32_t id : leaders) {
    const BrokerRegistration* broker = image.broker(id);
    const ListenerEndpoint* endpoint =
        broker == nullptr || broker->fenced ? nullptr : broker->listener(listener);
    if (endpoint == nullptr) continue;
    Endpoint& entry = all[count++];
    entry.node_id = id;
    entry.host = endpoint->host;
    entry.port = endpoint->port;
    if (broker->rack) entry.rack = *broker->rack;
  }
  return all.first(count);
}

}  // namespace ksim::broker
