#include "core/apps/kctl/record_json.h"

#include <fmt/format.h>

namespace ksim::kctl {
namespace {

Failure<Error> bad_record(std::string message) {
  return fail(ErrorCode::INVALID_REQUEST, std::move(message));
}

// A text under NAME or bytes under NAME_base64; nothing if neither is there, or it is null.
Result<std::optional<std::string>> take_bytes(const Json& json, const std::string& name) {
  if (const auto it = json.find(name); it != json.end() && !it->is_null()) {
    if (!it->is_string()) return bad_record(fmt::format("\"{}\" is no text", name));
    return std::optional(it->get<std::string>());
  }
  const auto it = json.find(name + "_base64");
  if (it == json.end() || it->is_null()) return std::optional<std::string>{};
  auto bytes = it->is_string() ? from_base64(it->get_ref<const std::string&>()) : std::nullopt;
  if (!bytes) return bad_record(fmt::format("\"{}_base64\" is no base64 text", name));
  return bytes;
}

Result<std::optional<int64_t>> take_integer(const Json& json, const char* name, int64_t highest) {
  const auto it = json.find(name);
  if (it == json.end() || it->is_null()) return std::optional<int64_t>{};
  const bool fits = it->is_number_unsigned() ? it->get<uint64_t>() <= static_cast<uint64_t>(highest)
                                             : it->is_number_integer() && it->get<int64_t>() >= -1;
  if (!fits) return bad_record(fmt::format("\"{}\" is no integer from -1 to {}", name, highest));
  const auto value = it->get<int64_t>();
  return value < 0 ? std::optional<int64_t>{} : std::optional(value);
}

}  // namespace

Json record_json(const client::ConsumerRecord& record) {
  Json json{{"topic", record.topic},
            {"partition", record.partition},
            {"offset", record.offset},
            {"timestamp", record.timestamp_ms},
            {"timestamp_type",
             record.timestamp_type == TimestampType::create_time ? "create_time" : "log_append_time"},
            {"leader_epoch", record.leader_epoch ? Json(*record.leader_epoch) : Json()}};
  put_bytes(json, "key", record.key);
  put_bytes(json, "value", record.value);
  Json headers = Json::array();
  for (const RecordHeader& header : record.headers) {
    Json entry{{"key", header.key}};
    put_bytes(entry, "value", header.value);
    headers.push_back(std::move(entry));
  }
  json["headers"] = std::move(headers);
  return json;
}

Result<OwnedRecord> parse_record_json(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded()) return bad_record("no JSON");
  if (!json.is_object()) return bad_record("no JSON object");
  OwnedRecord record;
  TRY_ASSIGN(record.key, take_bytes(json, "key"));
  TRY_ASSIGN(record.value, take_bytes(json, "value"));
  TRY_ASSIGN(record.timestamp_ms, take_integer(json, "timestamp", INT64_MAX));
  TRY_ASSIGN(const auto partition, take_integer(json, "partition", INT32_MAX));
  if (partition) record.partition = static_cast<int32_t>(*partition);
  const auto headers = json.find("headers");
  if (headers == json.end() || headers->is_null()) return record;
  if (!headers->is_array()) return bad_record("\"headers\" is no list");
  for (const Json& header : *headers) {
    if (!header.is_object() || !header.contains("key") || !header["key"].is_string())
      return bad_record("a header is no {\"key\":TEXT,\"value\":TEXT}");
    TRY_ASSIGN(auto value, take_bytes(header, "value"));
    record.headers.emplace_back(header["key"].get<std::string>(), std::move(value));
  }
  return record;
}

}  // namespace ksim::kctl
