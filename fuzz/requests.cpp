#include "fuzz/requests.h"

#include "core/record/builder.h"
#include "core/wire/messages/alter_configs.h"
#include "core/wire/messages/create_partitions.h"
#include "core/wire/messages/create_topics.h"
#include "core/wire/messages/incremental_alter_configs.h"
#include "core/wire/messages/produce.h"
#include "core/wire/reader.h"
#include "core/wire/writer.h"
#include "fuzz/batches.h"
#include "fuzz/target.h"

namespace ksim::fuzz {
namespace {

constexpr size_t kArenaBytes = 1 << 20;
constexpr int64_t kMostPartitions = 50;
constexpr int8_t kBrokerResource = 4;

const wire::MessageInfo* message_of(const wire::ApiInfo& api, wire::MessageKind kind) {
  for (const wire::MessageInfo* message : wire::all_messages())
    if (message->kind == kind && message->key == static_cast<int16_t>(api.key)) return message;
  return nullptr;
}

wire::DecodeLimits limits() {
  wire::DecodeLimits limits;
  limits.max_arena_bytes = kArenaBytes;
  return limits;
}

// Gives fields values by their names; what is not known keeps its default.
class Sensible {
 public:
  Sensible(int16_t version, const Uuid& topic_id, wire::Arena& arena)
      : version_(version), topic_id_(topic_id), arena_(arena) {
    RecordInput record;
    record.timestamp_ms = 1'000'000;
    record.key = as_bytes("key");
    record.value = as_bytes("value");
    const ByteBuffer batch = build_batch({}, std::span(&record, 1));
    batch_ = arena.copy_array<uint8_t>(batch);
  }

  void structure(const wire::StructInfo& info, void* object) {
    for (const wire::FieldInfo& field : info.fields)
      if (field.versions.contains(version_) && field.tag < 0) member(field, field.in(object));
  }

 private:
  void member(const wire::FieldInfo& field, void* at) {
    const std::string_view name = field.name;
    if (name == "assignments" || name == "forgotten_topics_data" || name == "configuration_keys") return;
    if (!field.is_array && field.type == wire::FieldType::structure)
      return structure(*field.structure, field.ops->make(at, arena_, 1));
    if (!field.is_array) return value(field, at);
    void* const element = field.ops->make(at, arena_, 1);
    if (field.type == wire::FieldType::structure) return structure(*field.structure, element);
    wire::FieldInfo plain = field;
    plain.is_array = plain.is_optional = false;
    value(plain, element);
  }

  void value(const wire::FieldInfo& field, void* at) {
    const std::string_view name = field.name;
    switch (field.type) {
      case wire::FieldType::string:
        if (const auto text = text_for(name)) {
          if (field.is_optional)
            *static_cast<std::optional<std::string_view>*>(at) = *text;
          else
            *static_cast<std::string_view*>(at) = *text;
        }
        return;
      case wire::FieldType::uuid:
        if (name.find("topic_id") != std::string_view::npos || name == "topic_ids") *static_cast<Uuid*>(at) = topic_id_;
        return;
      case wire::FieldType::records:
        *static_cast<wire::Records*>(at) = {false, batch_, 0, 0};
        return;
      case wire::FieldType::int8:
        if (name == "resource_type") *static_cast<int8_t*>(at) = 2;
        return;
      case wire::FieldType::int16:
        if (name == "acks" || name == "replication_factor") *static_cast<int16_t*>(at) = 1;
        return;
      case wire::FieldType::int32:
        if (const auto number = number_for(name)) *static_cast<int32_t*>(at) = *number;
        return;
      default:
        return;
    }
  }

  static std::optional<std::string_view> text_for(std::string_view name) {
    if (name == "name" || name == "topic" || name == "topic_name" || name == "resource_name" || name == "topics" ||
        name == "topic_names" || name == "coordinator_keys" || name == "key")
      return kTopic;
    if (name == "value") return "100000";
    return std::nullopt;
  }
  static std::optional<int32_t> number_for(std::string_view name) {
    if (name == "replica_id") return -1;
    if (name == "num_partitions" || name == "count" || name == "min_bytes") return 1;
    if (name == "partition_max_bytes" || name == "max_bytes") return 1 << 16;
    if (name == "timeout_ms") return 1000;
    if (name == "response_partition_limit") return 10;
    return std::nullopt;
  }

  int16_t version_;
  Uuid topic_id_;
  wire::Arena& arena_;
  Bytes batch_;
};

ByteBuffer frame_of(const wire::RequestHeader& header, const wire::ApiInfo& api, const wire::MessageInfo& message,
                    const void* object) {
  wire::Writer writer;
  wire::encode(writer, header, api.flexible_request_header(header.api_version));
  message.ops->encode(writer, object, header.api_version);
  if (!writer.ok()) return {};
  return to_buffer(writer.bytes());
}

// The message of one type that a frame has, if it has one.
template <class Request>
std::optional<Request> decode_as(const ReadHeader& read, Bytes frame, wire::Arena& arena) {
  if (static_cast<int16_t>(read.api->key) != Request::kApiKey || !read.supported) return std::nullopt;
  wire::Reader reader(frame.subspan(read.size_bytes), arena, limits());
  Request request;
  if (!wire::decode(reader, request, read.header.api_version).ok()) return std::nullopt;
  return request;
}

bool few_partitions(const wire::CreateTopicsRequest& request) {
  int64_t partitions = 0;
  for (const wire::CreatableTopic& topic : request.topics)
    partitions += std::max<int64_t>(topic.num_partitions, 1) + static_cast<int64_t>(topic.assignments.size());
  return partitions <= kMostPartitions;
}

bool few_partitions(const wire::CreatePartitionsRequest& request) {
  int64_t partitions = 0;
  for (const wire::CreatePartitionsTopic& topic : request.topics) partitions += std::max<int64_t>(topic.count, 1);
  return partitions <= kMostPartitions;
}

template <class Request>
bool of_topics_only(const Request& request) {
  for (const auto& resource : request.resources)
    if (resource.resource_type == kBrokerResource) return false;
  return true;
}

bool mutate_records(ByteBuffer& frame, const ReadHeader& read, size_t most, Mutation& mutation) {
  wire::Arena arena;
  auto request = decode_as<wire::ProduceRequest>(read, frame, arena);
  if (!request || request->topic_data.empty()) return false;
  auto& topic = request->topic_data[mutation.below(request->topic_data.size())];
  if (topic.partition_data.empty()) return false;
  wire::Records& records = topic.partition_data[mutation.below(topic.partition_data.size())].records;
  ByteBuffer batches = to_buffer(records.bytes);
  mutate_batches(batches, batches.size() + most - std::min(most, frame.size()), mutation);
  records = {false, batches, 0, 0};
  frame = frame_of(read.header, *read.api, wire::ProduceRequest::info(), &*request);
  return true;
}

bool change_version(ByteBuffer& frame, const ReadHeader& read, Mutation& mutation) {
  const wire::MessageInfo* const message = message_of(*read.api, wire::MessageKind::request);
  if (message == nullptr || !read.supported) return false;
  wire::Arena arena;
  void* const object = message->ops->make(arena);
  wire::Reader reader(Bytes(frame).subspan(read.size_bytes), arena, limits());
  if (!message->ops->decode(reader, object, read.header.api_version).ok()) return false;
  wire::RequestHeader header = read.header;
  header.api_version = static_cast<int16_t>(
      read.api->lowest + static_cast<int16_t>(mutation.below(static_cast<uint64_t>(read.api->highest - read.api->lowest) + 1)));
  ByteBuffer changed = frame_of(header, *read.api, *message, object);
  if (changed.empty()) return false;
  frame = std::move(changed);
  return true;
}

}  // namespace

ByteBuffer sensible_request(const wire::ApiInfo& api, int16_t version, const Uuid& topic_id) {
  const wire::MessageInfo* const message = message_of(api, wire::MessageKind::request);
  must(message != nullptr, "an api without a request");
  wire::Arena arena;
  void* const object = message->ops->make(arena);
  Sensible(version, topic_id, arena).structure(*message->structure, object);
  return frame_of({static_cast<int16_t>(api.key), version, 7, "fuzz"}, api, *message, object);
}

std::optional<ReadHeader> read_header(Bytes frame) {
  wire::Arena arena;
  wire::Reader reader(frame, arena, limits());
  ReadHeader read;
  if (!wire::decode(reader, read.header).ok()) return std::nullopt;
  read.api = wire::find_api(read.header.api_key);
  if (read.api == nullptr) return std::nullopt;
  read.size_bytes = frame.size() - reader.remaining();
  read.supported = read.api->supports(read.header.api_version);
  return read;
}

bool is_harmless(Bytes frame) {
  const auto read = read_header(frame);
  if (!read) return true;
  if (read->api->key == wire::ApiKey::unregister_broker) return false;
  wire::Arena arena;
  if (const auto request = decode_as<wire::CreateTopicsRequest>(*read, frame, arena)) return few_partitions(*request);
  if (const auto request = decode_as<wire::CreatePartitionsRequest>(*read, frame, arena))
    return few_partitions(*request);
  if (const auto request = decode_as<wire::AlterConfigsRequest>(*read, frame, arena)) return of_topics_only(*request);
  if (const auto request = decode_as<wire::IncrementalAlterConfigsRequest>(*read, frame, arena))
    return of_topics_only(*request);
  return true;
}

bool may_stay_unanswered(Bytes frame) {
  const auto read = read_header(frame);
  if (!read) return false;
  wire::Arena arena;
  const auto request = decode_as<wire::ProduceRequest>(*read, frame, arena);
  return request && request->acks == 0;
}

bool is_answer(const ReadHeader& request, Bytes answer) {
  const wire::MessageInfo* const message = message_of(*request.api, wire::MessageKind::response);
  if (message == nullptr) return false;
  // ApiVersions of a version to come is answered in the oldest one (rule D3).
  const int16_t version = request.supported ? request.header.api_version : int16_t{0};
  wire::Arena arena;
  wire::Reader reader(answer, arena);
  wire::ResponseHeader header;
  if (!wire::decode(reader, header, request.api->flexible_response_header(version)).ok()) return false;
  void* const object = message->ops->make(arena);
  return message->ops->decode(reader, object, version).ok() && reader.remaining() == 0 &&
         header.correlation_id == request.header.correlation_id;
}

void mutate_request(ByteBuffer& frame, size_t most, Mutation& mutation) {
  const auto read = read_header(frame);
  if (!read || mutation.one_in(12)) return mutation.bytes(frame, most);
  if (mutation.one_in(8) && change_version(frame, *read, mutation)) return;
  if (mutation.one_in(2) && mutate_records(frame, *read, most, mutation)) return;
  ByteBuffer body(frame.begin() + static_cast<std::ptrdiff_t>(read->size_bytes), frame.end());
  mutation.bytes(body, most - std::min(most, read->size_bytes));
  frame.resize(read->size_bytes);
  frame.insert(frame.end(), body.begin(), body.end());
}

}  // namespace ksim::fuzz
