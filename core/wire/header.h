#pragma once
// Headers in front of every request and response (protocol guide, "Request Header"; KIP-482).

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/result.h"
#include "core/wire/reader.h"
#include "core/wire/writer.h"

namespace ksim::wire {

struct RequestHeader {
  int16_t api_key = 0;
  int16_t api_version = 0;
  int32_t correlation_id = 0;
  std::optional<std::string_view> client_id;  // a view of the frame; null is allowed (rule D3)
};

// Header v1, or v2 with tagged fields behind; the client id stays in the old form in both.
void encode(Writer& w, const RequestHeader& header, bool flexible);
// Reads the fixed part first; `flexible` comes from the api table, so this takes it from there and fails on
// an unknown api key. ApiVersions requests of an unknown version are read as v1 headers, of which v2 is an
// extension.
Result<void> decode(Reader& r, RequestHeader& header);

struct ResponseHeader {
  int32_t correlation_id = 0;
};
void encode(Writer& w, const ResponseHeader& header, bool flexible);
Result<void> decode(Reader& r, ResponseHeader& header, bool flexible);

}  // namespace ksim::wire
