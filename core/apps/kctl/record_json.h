#pragma once
// Records as lines of JSON: what 'kctl consume --json' writes is what 'kctl produce --format json' reads.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/apps/kctl/text/json_text.h"
#include "core/client/consumer_types.h"
#include "core/client/producer_types.h"

namespace ksim::kctl {

// {"topic","partition","offset","timestamp","timestamp_type","leader_epoch","key","value","headers"}. Bytes
// that are not UTF-8 stand as base64 under "key_base64" and "value_base64".
Json record_json(const client::ConsumerRecord& record);

// A record to be produced, with its memory.
struct OwnedRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  std::optional<int64_t> timestamp_ms;
  std::optional<int32_t> partition;
};
// Members that it does not know are ignored. INVALID_REQUEST with a sentence for what is no such record.
Result<OwnedRecord> parse_record_json(std::string_view line);

}  // namespace ksim::kctl
