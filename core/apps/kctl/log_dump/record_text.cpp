#include "core/apps/kctl/log_dump/record_text.h"

#include <fmt/format.h>

#include "core/base/varint.h"
#include "core/record/control.h"
#include "core/wire/messages/control_records.h"
#include "core/wire/reader.h"
#include "core/wire/reflect.h"

namespace ksim::kctl {
namespace {

constexpr uint32_t kFrameVersion = 1;

Failure<Error> corrupt(std::string what) { return fail(ErrorCode::CORRUPT_MESSAGE, std::move(what)); }

const wire::MessageInfo* find_record(int16_t type) {
  for (const wire::MessageInfo* message : wire::all_messages())
    if (message->kind == wire::MessageKind::record && message->key == type) return message;
  return nullptr;
}

Result<Json> decode(const wire::MessageInfo& message, int16_t version, Bytes bytes) {
  if (version < message.lowest || version > message.highest)
    return corrupt(fmt::format("unknown version {} of {}", version, message.name));
  wire::Arena arena;
  wire::Reader reader(bytes, arena);
  void* const object = message.ops->make(arena);
  TRY(message.ops->decode(reader, object, version));
  if (reader.remaining() != 0) return corrupt(fmt::format("bytes after {}", message.name));
  return Json::parse(wire::to_json(*message.structure, object, version), nullptr, false);
}

struct ControlName {
  ControlType type;
  const char* name;
  const char* message;  // of its value
};
constexpr ControlName kControls[] = {
    {ControlType::leader_change, "leader_change", "LeaderChangeMessage"},
    {ControlType::snapshot_header, "snapshot_header", "SnapshotHeaderRecord"},
    {ControlType::snapshot_footer, "snapshot_footer", "SnapshotFooterRecord"},
    {ControlType::kraft_version, "kraft_version", "KRaftVersionRecord"},
    {ControlType::kraft_voters, "kraft_voters", "VotersRecord"}};

// The version of a control record's value is its own first field.
Result<void> put_control(const RecordView& record, Json& json) {
  TRY_ASSIGN(const ControlType type, parse_control_key(record.key));
  if (type == ControlType::abort || type == ControlType::commit) {
    TRY_ASSIGN(const EndTxnMarker marker, parse_end_txn_marker(record));
    json["control"] = type == ControlType::abort ? "abort" : "commit";
    json["data"] = {{"coordinatorEpoch", marker.coordinator_epoch}};
    return {};
  }
  for (const ControlName& control : kControls) {
    if (control.type != type) continue;
    json["control"] = control.name;
    const wire::MessageInfo* const message = wire::find_message(control.message);
    ENSURE(message != nullptr);
    if (!record.value || record.value->size() < 2) return corrupt("a control record without a version");
    TRY_ASSIGN(json["data"], decode(*message, load_be<int16_t>(record.value->data()), *record.value));
    return {};
  }
  json["control"] = "unknown";
  put_bytes(json, "value", record.value);
  return {};
}

}  // namespace

Result<Json> metadata_json(Bytes value) {
  const uint8_t* at = value.data();
  const uint8_t* const end = at + value.size();
  uint32_t numbers[3] = {0, 0, 0};  // frame version, type, version
  for (uint32_t& number : numbers) {
    at = at == nullptr ? nullptr : get_uvarint32(at, end, number);
    if (at == nullptr) return corrupt("no frame of a metadata record");
  }
  if (numbers[0] != kFrameVersion) return corrupt(fmt::format("unknown frame version {}", numbers[0]));
  if (numbers[1] > INT16_MAX || numbers[2] > INT16_MAX) return corrupt("impossible type or version");
  const Bytes body = value.subspan(static_cast<size_t>(at - value.data()));
  const auto version = static_cast<int16_t>(numbers[2]);
  const wire::MessageInfo* const message = find_record(static_cast<int16_t>(numbers[1]));
  if (message == nullptr) {  // of a later version of Kafka, or of one long gone
    Json unknown{{"type", numbers[1]}, {"version", version}};
    unknown["data_base64"] = to_base64(body);
    return unknown;
  }
  Json json{{"type", message->name}, {"version", version}};
  TRY_ASSIGN(json["data"], decode(*message, version, body));
  return json;
}

Result<Json> record_json(const RecordView& record, const BatchView& batch, bool metadata) {
  Json json{{"offset", record.offset}, {"timestamp", record.timestamp_ms}};
  if (record.sequence != kNoSequence) json["sequence"] = record.sequence;
  if (batch.is_control()) {
    TRY(put_control(record, json));
    return json;
  }
  if (metadata && record.value) {
    TRY_ASSIGN(const Json decoded, metadata_json(*record.value));
    json.update(decoded);
    return json;
  }
  put_bytes(json, "key", record.key);
  put_bytes(json, "value", record.value);
  if (record.headers.empty()) return json;
  for (const RecordHeader& header : record.headers) {
    Json entry{{"key", header.key}};
    put_bytes(entry, "value", header.value);
    json["headers"].push_back(std::move(entry));
  }
  return json;
}

}  // namespace ksim::kctl
