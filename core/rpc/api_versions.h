#pragma once
// What a listener says of the APIs it serves (ApiVersions; rule D2).

#include "core/rpc/dispatcher.h"
#include "core/wire/messages/api_versions.h"

namespace ksim::rpc {

bool listener_serves(const Dispatcher& dispatcher, ListenerKind kind, const wire::ApiInfo& api);

// The entries of an ApiVersions response, in the order of the keys.
std::span<wire::ApiVersion> served_versions(const Dispatcher& dispatcher, ListenerKind kind,
                                            wire::Arena& arena);

// The answer, in version 0, to an ApiVersions request of a version we do not know.
wire::ApiVersionsResponse unsupported_version_response(const Dispatcher& dispatcher, ListenerKind kind,
                                                       wire::Arena& arena);

}  // namespace ksim::rpc
