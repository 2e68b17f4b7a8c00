// DeleteRecords (rule D59).

#include "core/broker/handlers/common.h"
#include "core/broker/handlers/handlers.h"

namespace ksim::broker {
namespace {

struct DeleteAnswer {
  struct Partition {
    int32_t index = 0;
    ErrorCode error = ErrorCode::NONE;
    int64_t low_watermark = -1;
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
  };
  ResponseSlot slot;
  std::vector<Topic> topics;
  std::vector<std::pair<size_t, size_t>> places;
};

void respond(DeleteAnswer& answer) {
  wire::Arena arena;
  wire::DeleteRecordsResponse response;
  response.topics = arena.make_array<wire::DeleteRecordsTopicResult>(answer.topics.size());
  for (size_t t = 0; t < answer.topics.size(); ++t) {
    const DeleteAnswer::Topic& from = answer.topics[t];
    response.topics[t].name = from.name;
    response.topics[t].partitions =
        arena.make_array<wire::DeleteRecordsPartitionResult>(from.partitions.size());
    for (size_t p = 0; p < from.partitions.size(); ++p) {
      response.topics[t].partitions[p].partition_index = from.partitions[p].index;
      response.topics[t].partitions[p].error_code = code(from.partitions[p].error);
      response.topics[t].partitions[p].low_watermark = from.partitions[p].low_watermark;
    }
  }
  answer.slot.respond(response);
}

}  // namespace

void handle_delete_records(BrokerContext& context, const wire::DeleteRecordsRequest& request,
                           IncomingRequest&, ResponseSlot slot) {
  const MetadataImageRef image = context.image();
  auto answer = std::make_shared<DeleteAnswer>();
  answer->slot = std::move(slot);
  std::vector<BrokerShards::DeleteItem> items;
  for (const auto& topic : request.topics) {
    DeleteAnswer::Topic& entry = answer->topics.emplace_back();
    entry.name = topic.name;
    for (const auto& asked : topic.partitions) {
      DeleteAnswer::Partition& partition = entry.partitions.emplace_back();
      partition.index = asked.partition_index;
      const auto key = find_partition(context, *image, topic.name, asked.partition_index);
      if (!key.ok()) {
        partition.error = key.error();
      } else if (is_internal_topic(topic.name)) {
        partition.error = ErrorCode::INVALID_TOPIC_EXCEPTION;
      } else {
        items.push_back({*key, asked.offset});
        answer->places.emplace_back(answer->topics.size() - 1, entry.partitions.size() - 1);
      }
    }
  }
  context.shards.delete_records(items, milliseconds(std::max(0, request.timeout_ms)),
                                [answer](std::vector<Result<int64_t>> results) {
                                  for (size_t i = 0; i < results.size(); ++i) {
                                    const auto [topic, index] = answer->places[i];
                                    auto& partition = answer->topics[topic].partitions[index];
                                    if (results[i].ok()) {
                                      partition.low_watermark = *results[i];
                                    } else {
                                      partition.error = results[i].error().code;
                                    }
                                  }
                                  respond(*answer);
                                });
}

}  // namespace ksim::broker
