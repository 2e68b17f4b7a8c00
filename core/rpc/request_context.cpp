#include "core/rpc/request_context.h"

#include "core/wire/header.h"

namespace ksim::rpc {

Result<void> parse_header(IncomingRequest& request) {
  wire::Reader reader(request.frame.bytes.view(), request.arena);
  wire::RequestHeader header;
  TRY(wire::decode(reader, header));
  RequestContext& context = request.context;
  context.api = wire::find_api(header.api_key);
  context.version = header.api_version;
  context.correlation_id = header.correlation_id;
  context.client_id = std::string(header.client_id.value_or(std::string_view{}));
  request.body = request.frame.bytes.view().last(reader.remaining());
  return {};
}

}  // namespace ksim::rpc
