// ListOffsets (rules D46, D57).

#include <set>

#include "core/broker/handlers/common.h"
#include "core/broker/handlers/handlers.h"

namespace ksim::broker {
namespace {

constexpr int32_t kConsumerReplica = -1;
constexpr int32_t kDebuggingReplica = -2;  // reads any replica

bool known_timestamp(int64_t timestamp, int16_t version) {
  if (timestamp >= kEarliestTimestamp) return true;
  if (timestamp == kMaxTimestamp) return version >= 7;
  if (timestamp == kEarliestLocalTimestamp) return version >= 8;
  return timestamp == kLatestTieredTimestamp && version >= 9;
}

ErrorCode for_version(ErrorCode error, int16_t version) {
  return error == ErrorCode::OFFSET_NOT_AVAILABLE && version < 5 ? ErrorCode::LEADER_NOT_AVAILABLE : error;
}

}  // namespace

void handle_list_offsets(BrokerContext& context, const wire::ListOffsetsRequest& request,
                         IncomingRequest& incoming, ResponseSlot slot) {
  const MetadataImageRef image = context.image();
  const int16_t version = incoming.context.version;
  const bool leader_only = request.replica_id != kDebuggingReplica;
  ListIsolation isolation = ListIsolation::replica;
  if (request.replica_id == kConsumerReplica)
    isolation =
        request.isolation_level == 1 ? ListIsolation::read_committed : ListIsolation::read_uncommitted;
  std::set<PartitionKey> seen;
  std::set<PartitionKey> twice;
  for (const auto& topic : request.topics) {
    for (const auto& asked : topic.partitions) {
      const auto key = find_partition(context, *image, topic.name, asked.partition_index);
      if (key.ok() && !seen.insert(*key).second) twice.insert(*key);
    }
  }
  wire::Arena arena;
  wire::ListOffsetsResponse response;
  response.topics = arena.make_array<wire::ListOffsetsTopicResponse>(request.topics.size());
  for (size_t t = 0; t < request.topics.size(); ++t) {
    const auto& topic = request.topics[t];
    response.topics[t].name = topic.name;
    response.topics[t].partitions =
        arena.make_array<wire::ListOffsetsPartitionResponse>(topic.partitions.size());
    for (size_t p = 0; p < topic.partitions.size(); ++p) {
      const auto& asked = topic.partitions[p];
      wire::ListOffsetsPartitionResponse& answer = response.topics[t].partitions[p];
      answer.partition_index = asked.partition_index;
      const auto key = find_partition(context, *image, topic.name, asked.partition_index);
      if (!key.ok()) {
        answer.error_code = code(key.error());
      } else if (twice.contains(*key)) {
        answer.error_code = code(ErrorCode::INVALID_REQUEST);
      } else if (!known_timestamp(asked.timestamp, version)) {
        answer.error_code = code(ErrorCode::UNSUPPORTED_VERSION);
      } else {
        const OffsetAnswer found = context.shards.on_partition(
            *key, [key = *key, timestamp = asked.timestamp, isolation, leader_only,
                   epoch = epoch_of(asked.current_leader_epoch)](ReplicaManager& manager) {
              return manager.list_offset(key, timestamp, isolation, epoch, leader_only);
            });
        answer.error_code = code(for_version(found.error, version));
        answer.timestamp = found.timestamp_ms;
        answer.offset = found.offset;
        answer.leader_epoch = found.leader_epoch;
        if (version < 4) answer.leader_epoch = -1;
      }
    }
  }
  slot.respond(response);
}

}  // namespace ksim::broker
