// DescribeTopicPartitions (KIP-966): partitions of topics in order of names, in pages.

#include <algorithm>
#include <map>
#include <set>

#include "core/broker/handlers/common.h"
#include "core/broker/handlers/config_entries.h"
#include "core/broker/handlers/handlers.h"

namespace ksim::broker {
namespace {

using Request = wire::DescribeTopicPartitionsRequest;
using Response = wire::DescribeTopicPartitionsResponse;

std::set<std::string> asked_topics(const MetadataImage& image, const Request& request) {
  std::set<std::string> names;
  for (const auto& topic : request.topics) names.emplace(topic.name);
  if (request.topics.empty()) {
    for (const auto& [name, id] : image.topics.by_name) names.insert(name);
  }
  if (request.cursor) names.erase(names.begin(), names.lower_bound(std::string(request.cursor->topic_name)));
  return names;
}

void fill_partition(const MetadataImage& image, int32_t index, const PartitionRegistration& partition,
                    std::string_view listener, wire::Arena& arena,
                    wire::DescribeTopicPartitionsResponsePartition& data) {
  const PartitionView view = view_partition(image, partition, listener, true);
  data.error_code = code(view.error);
  data.partition_index = index;
  data.leader_id = view.leader;
  data.leader_epoch = partition.leader_epoch;
  data.replica_nodes = copy_ids(arena, partition.replicas);
  data.isr_nodes = copy_ids(arena, partition.isr);
  data.eligible_leader_replicas = copy_ids(arena, partition.elr);
  data.last_known_elr = copy_ids(arena, partition.last_known_elr);
  data.offline_replicas = copy_ids(arena, view.offline_replicas);
}

// A cursor stands at a partition, and among the topics that are asked for if any are named.
bool valid_cursor(const Request& request) {
  if (!request.cursor) return true;
  if (request.cursor->partition_index < 0) return false;
  return request.topics.empty() ||
         std::any_of(request.topics.begin(), request.topics.end(),
                     [&](const auto& topic) { return topic.name == request.cursor->topic_name; });
}

void refuse(const Request& request, ErrorCode error, Response& response, wire::Arena& arena) {
  response.topics = arena.make_array<wire::DescribeTopicPartitionsResponseTopic>(request.topics.size());
  for (size_t i = 0; i < request.topics.size(); ++i) {
    response.topics[i].error_code = code(error);
    response.topics[i].name = request.topics[i].name;
  }
}

}  // namespace

void handle_describe_topic_partitions(BrokerContext& context, const Request& request,
                                      IncomingRequest& incoming, ResponseSlot slot) {
  const MetadataImageRef image = context.image();
  const std::string_view listener = incoming.context.connection->listener;
  const int64_t most = context.server.integer("max.request.partition.size.limit");
  auto left = static_cast<size_t>(std::clamp<int64_t>(request.response_partition_limit, 1, most));
  wire::Arena arena;
  Response response;
  if (!valid_cursor(request)) {
    refuse(request, ErrorCode::INVALID_REQUEST, response, arena);
    return slot.respond(response);
  }
  const std::set<std::string> names = asked_topics(*image, request);
  response.topics = arena.make_array<wire::DescribeTopicPartitionsResponseTopic>(names.size());
  size_t at = 0;
  for (const std::string& name : names) {
    const TopicRef topic = image->topic(name);
    auto& entry = response.topics[at];
    entry.name = copy_text(arena, name);
    entry.is_internal = is_internal_topic(name);
    entry.topic_authorized_operations = kTopicOperations;
    if (topic == nullptr) {
      ++at;
      entry.error_code = code(valid_topic_name(name) ? ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                                                     : ErrorCode::INVALID_TOPIC_EXCEPTION);
      continue;
    }
    const bool at_cursor = request.cursor && request.cursor->topic_name == name;
    const int32_t first = at_cursor ? std::max(0, request.cursor->partition_index) : 0;
    if (left == 0) {
      response.next_cursor.emplace();
      response.next_cursor->topic_name = entry.name.value_or(std::string_view());
      response.next_cursor->partition_index = first;
      break;
    }
    ++at;
    entry.topic_id = topic->id;
    entry.partitions = arena.make_array<wire::DescribeTopicPartitionsResponsePartition>(
        std::min(left, topic->partitions.size()));
    size_t count = 0;
    for (const auto& [index, partition] : topic->partitions) {
      if (index < first) continue;
      if (left == 0) {
        response.next_cursor.emplace();
        response.next_cursor->topic_name = entry.name.value_or(std::string_view());
        response.next_cursor->partition_index = index;
        break;
      }
      fill_partition(*image, index, *partition, listener, arena, entry.partitions[count++]);
      --left;
    }
    entry.partitions = entry.partitions.first(count);
    if (response.next_cursor) break;
  }
  response.topics = response.topics.first(at);
  slot.respond(response);
}

}  // namespace ksim::broker
