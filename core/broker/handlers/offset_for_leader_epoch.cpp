// OffsetForLeaderEpoch (rule D58).

#include "core/broker/handlers/common.h"
#include "core/broker/handlers/handlers.h"

namespace ksim::broker {

void handle_offset_for_leader_epoch(BrokerContext& context, const wire::OffsetForLeaderEpochRequest& request,
                                    IncomingRequest&, ResponseSlot slot) {
  const MetadataImageRef image = context.image();
  wire::Arena arena;
  wire::OffsetForLeaderEpochResponse response;
  response.topics = arena.make_array<wire::OffsetForLeaderTopicResult>(request.topics.size());
  for (size_t t = 0; t < request.topics.size(); ++t) {
    const auto& topic = request.topics[t];
    response.topics[t].topic = topic.topic;
    response.topics[t].partitions =
        arena.make_array<wire::OffsetForLeaderEpochResponseEpochEndOffset>(topic.partitions.size());
    for (size_t p = 0; p < topic.partitions.size(); ++p) {
      const auto& asked = topic.partitions[p];
      auto& answer = response.topics[t].partitions[p];
      answer.partition = asked.partition;
      const auto key = find_partition(context, *image, topic.topic, asked.partition);
      if (!key.ok()) {
        answer.error_code = code(key.error());
        continue;
      }
      const auto end = context.shards.on_partition(
          *key,
          [key = *key, current = epoch_of(asked.current_leader_epoch),
           epoch = asked.leader_epoch](ReplicaManager& manager) -> Result<storage::EpochEndOffset> {
            const auto partition = manager.find(key);
            if (!partition.ok()) return fail(partition.error());
            return (*partition)->end_offset_for_epoch(current, epoch, true);
          });
      if (!end.ok()) {
        answer.error_code = code(end.error().code);
        continue;
      }
      answer.leader_epoch = end->epoch;
      answer.end_offset = end->end_offset;
    }
  }
  slot.respond(response);
}

}  // namespace ksim::broker
