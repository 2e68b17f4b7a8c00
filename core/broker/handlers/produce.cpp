// Produce (rules D7-D10, D22, D23).

#include "core/broker/handlers/common.h"
#include "core/broker/handlers/handlers.h"
#include "core/broker/topic_metrics.h"
#include "core/record/validator.h"

namespace ksim::broker {
namespace {

// What is left of a request once its records are in the logs and its frame is gone.
struct ProduceAnswer {
  struct Partition {
    int32_t index = 0;
    size_t size_bytes = 0;
    int32_t records = 0;
    AppendResult result;
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
  };
  BrokerContext* context = nullptr;
  std::string listener;
  int16_t acks = 0;
  ResponseSlot slot;
  std::vector<Topic> topics;
  std::vector<std::pair<size_t, size_t>> appended;  // place of each append item: topic, partition
};

// Rule D7: then the whole request is refused.
bool needs_transactional_id(const wire::ProduceRequest& request) {
  if (request.transactional_id) return false;
  for (const auto& topic : request.topic_data) {
    for (const auto& data : topic.partition_data) {
      const auto batch = single_batch(data.records.bytes);
      if (batch.ok() && batch->is_transactional()) return true;
    }
  }
  return false;
}

// Rule D7, D8: what can be refused without looking at a log.
Result<void> check(const wire::ProduceRequest& request, const IncomingRequest& incoming,
                   std::string_view topic, Bytes records) {
  if (request.acks < -1 || request.acks > 1) return fail(ErrorCode::INVALID_REQUIRED_ACKS);
  TRY_ASSIGN(const BatchView batch, single_batch(records));
  if (batch.compression() == Compression::zstd && incoming.context.version < 7)
    return fail(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, "zstd needs Produce version 7");
  if (is_internal_topic(topic) && incoming.context.client_id != "__admin_client")
    return fail(ErrorCode::INVALID_TOPIC_EXCEPTION, "the topic is written by brokers only");
  return {};
}

void fill_partition(const ProduceAnswer::Partition& from, wire::PartitionProduceResponse& to, int16_t version,
                    wire::Arena& arena, std::vector<int32_t>& leaders) {
  const AppendResult& result = from.result;
  to.index = from.index;
  to.error_code = code(result.error);
  to.base_offset = result.base_offset;
  to.log_append_time_ms = result.log_append_time_ms;
  to.log_start_offset = result.log_start_offset;
  to.record_errors = arena.make_array<wire::BatchIndexAndErrorMessage>(result.record_errors.size());
  for (size_t i = 0; i < result.record_errors.size(); ++i) {
    to.record_errors[i].batch_index = result.record_errors[i].index;
    to.record_errors[i].batch_index_error_message = result.record_errors[i].message;
  }
  if (!result.message.empty()) to.error_message = result.message;
  if (version >= 10 && result.error == ErrorCode::NOT_LEADER_OR_FOLLOWER && result.leader.leader_id >= 0) {
    to.current_leader.leader_id = result.leader.leader_id;
    to.current_leader.leader_epoch = result.leader.leader_epoch;
    leaders.push_back(result.leader.leader_id);
  }
}

void count(const ProduceAnswer& answer) {
  for (const auto& topic : answer.topics) {
    // A name that is no topic's must not take memory.
    if (answer.context->image()->topic(topic.name) == nullptr) continue;
    TopicCounts& counts = answer.context->topic_metrics.of(topic.name);
    for (const auto& partition : topic.partitions) {
      ++counts.produce_requests;
      if (partition.result.error == ErrorCode::NONE) {
        counts.bytes_in += partition.size_bytes;
        counts.messages_in += static_cast<uint64_t>(partition.records);
        continue;
      }
      ++counts.failed_produces;
      if (partition.result.error == ErrorCode::MESSAGE_TOO_LARGE ||
          partition.result.error == ErrorCode::RECORD_LIST_TOO_LARGE)
        counts.bytes_rejected += partition.size_bytes;
    }
  }
}

void respond(ProduceAnswer& answer) {
  count(answer);
  if (answer.acks == 0) {
    for (const auto& topic : answer.topics) {
      for (const auto& partition : topic.partitions) {
        if (partition.result.error != ErrorCode::NONE)
          return answer.slot.close_connection(std::string(to_string(partition.result.error)));
      }
    }
    return answer.slot.respond_nothing();
  }
  if (answer.context->env.buggify(Site::produce_answer_lost, 10))
    return answer.slot.close_connection("an answer is lost");
  wire::Arena arena;
  wire::ProduceResponse response;
  std::vector<int32_t> leaders;
  response.responses = arena.make_array<wire::TopicProduceResponse>(answer.topics.size());
  for (size_t t = 0; t < answer.topics.size(); ++t) {
    const ProduceAnswer::Topic& from = answer.topics[t];
    wire::TopicProduceResponse& to = response.responses[t];
    to.name = from.name;
    to.partition_responses = arena.make_array<wire::PartitionProduceResponse>(from.partitions.size());
    for (size_t p = 0; p < from.partitions.size(); ++p)
      fill_partition(from.partitions[p], to.partition_responses[p], answer.slot.version(), arena, leaders);
  }
  const MetadataImageRef image = answer.context->image();
  if (answer.slot.version() >= 10) {
    response.node_endpoints =
        leader_endpoints<wire::ProduceResponseNodeEndpoint>(*image, answer.listener, leaders, arena);
  }
  answer.slot.respond(response);
}

}  // namespace

void handle_produce(BrokerContext& context, const wire::ProduceRequest& request, IncomingRequest& incoming,
                    ResponseSlot slot) {
  const MetadataImageRef image = context.image();
  auto answer = std::make_shared<ProduceAnswer>();
  answer->context = &context;
  answer->listener = incoming.context.connection->listener;
  answer->acks = request.acks;
  answer->slot = std::move(slot);
  std::vector<AppendItem> items;
  const bool unauthorized = needs_transactional_id(request);
  for (const auto& topic : request.topic_data) {
    ProduceAnswer::Topic& entry = answer->topics.emplace_back();
    entry.name = topic.name;
    for (const auto& data : topic.partition_data) {
      ProduceAnswer::Partition& partition = entry.partitions.emplace_back();
      partition.index = data.index;
      partition.size_bytes = data.records.bytes.size();
      if (unauthorized) {
        partition.result.error = ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
        continue;
      }
      const auto key = find_partition(context, *image, topic.name, data.index);
      if (!key.ok()) {
        partition.result.error = key.error();
        continue;
      }
      if (Result<void> checked = check(request, incoming, topic.name, data.records.bytes); !checked.ok()) {
        partition.result.error = checked.error().code;
        partition.result.message = std::move(checked).error().message;
        continue;
      }
      partition.records = BatchView(data.records.bytes).record_count();
      AppendItem item;
      item.key = *key;
      item.frame = incoming.frame.bytes;
      item.offset = static_cast<size_t>(data.records.bytes.data() - incoming.frame.bytes.data());
      item.size_bytes = data.records.bytes.size();
      items.push_back(std::move(item));
      answer->appended.emplace_back(answer->topics.size() - 1, entry.partitions.size() - 1);
    }
  }
  context.shards.produce(std::move(items), request.acks, milliseconds(std::max(0, request.timeout_ms)),
                         storage::AppendOrigin::client, [answer](AppendResults results) {
                           for (size_t i = 0; i < results.size(); ++i) {
                             const auto [topic, partition] = answer->appended[i];
                             answer->topics[topic].partitions[partition].result = std::move(results[i]);
                           }
                           respond(*answer);
                         });
}

}  // namespace ksim::broker
