#include "core/wire/header.h"

#include "core/wire/api_table.h"

namespace ksim::wire {

void encode(Writer& w, const RequestHeader& header, bool flexible) {
  w.i16(header.api_key);
  w.i16(header.api_version);
  w.i32(header.correlation_id);
  if (header.client_id.has_value())
    w.string(*header.client_id, false, "client_id");
  else
    w.null_string(true, false, "client_id");
  if (flexible) w.uvarint(0);
}

Result<void> decode(Reader& r, RequestHeader& header) {
  static_cast<void>(r.begin_message("RequestHeader", 1, 1, 2));
  header.api_key = r.i16("api_key");
  header.api_version = r.i16("api_version");
  header.correlation_id = r.i32("correlation_id");
  const ApiInfo* const api = r.ok() ? find_api(header.api_key) : nullptr;
  if (api == nullptr) {
    r.fail("api_key", "unknown");
    return r.status();
  }
  header.client_id = r.nullable_string(false, "client_id");
  if (api->flexible_request_header(header.api_version) && api->supports(header.api_version)) r.skip_tags();
  return r.status();
}

void encode(Writer& w, const ResponseHeader& header, bool flexible) {
  w.i32(header.correlation_id);
  if (flexible) w.uvarint(0);
}

Result<void> decode(Reader& r, ResponseHeader& header, bool flexible) {
  static_cast<void>(r.begin_message("ResponseHeader", flexible ? 1 : 0, 0, 1));
  header.correlation_id = r.i32("correlation_id");
  if (flexible) r.skip_tags();
  return r.status();
}

}  // namespace ksim::wire
