#include "core/rpc/api_versions.h"

namespace ksim::rpc {

bool listener_serves(const Dispatcher& dispatcher, ListenerKind kind, const wire::ApiInfo& api) {
  return (kind == ListenerKind::broker ? api.on_broker : api.on_controller) && dispatcher.serves(api.key);
}

std::span<wire::ApiVersion> served_versions(const Dispatcher& dispatcher, ListenerKind kind,
                                            wire::Arena& arena) {
  const std::span<wire::ApiVersion> all = arena.make_array<wire::ApiVersion>(wire::api_table().size());
  size_t count = 0;
  for (const wire::ApiInfo& api : wire::api_table()) {
    if (!listener_serves(dispatcher, kind, api)) continue;
    wire::ApiVersion& entry = all[count++];
    entry.api_key = static_cast<int16_t>(api.key);
    entry.min_version = api.advertised_lowest;
    entry.max_version = api.highest;
  }
  return all.first(count);
}

wire::ApiVersionsResponse unsupported_version_response(const Dispatcher& dispatcher, ListenerKind kind,
                                                       wire::Arena& arena) {
  wire::ApiVersionsResponse response;
  response.error_code = static_cast<int16_t>(ErrorCode::UNSUPPORTED_VERSION);
  response.api_keys = served_versions(dispatcher, kind, arena);
  return response;
}

}  // namespace ksim::rpc
