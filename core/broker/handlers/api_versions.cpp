// ApiVersions: what this listener serves, and the cluster's feature levels (rules D2, D3, C46).

#include "core/rpc/api_versions.h"

#include "core/broker/handlers/common.h"
#include "core/broker/handlers/handlers.h"
#include "core/metadata/features.h"

namespace ksim::broker {
namespace {

// KIP-511: letters, digits, '.', '-'; neither first nor last character is one of the two signs.
bool valid_software_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (name.empty() || !plain(name.front()) || !plain(name.back())) return false;
  for (char c : name) {
    if (!plain(c) && c != '.' && c != '-') return false;
  }
  return true;
}

}  // namespace

void handle_api_versions(BrokerContext& context, const rpc::Dispatcher& dispatcher,
                         const wire::ApiVersionsRequest& request, IncomingRequest& incoming,
                         ResponseSlot slot) {
  wire::Arena arena;
  wire::ApiVersionsResponse response;
  if (incoming.context.version >= 3 && (!valid_software_name(request.client_software_name) ||
                                        !valid_software_name(request.client_software_version))) {
    response.error_code = code(ErrorCode::INVALID_REQUEST);
    return slot.respond(response);
  }
  response.api_keys = rpc::served_versions(dispatcher, incoming.context.connection->kind, arena);
  const MetadataImageRef image = context.image();
  const FeatureRanges supported = supported_features();
  response.supported_features = arena.make_array<wire::SupportedFeatureKey>(supported.size());
  size_t at = 0;
  for (const auto& [name, range] : supported) {
    // A range from 0 is only understood from version 4 on (KIP-1022).
    if (range.min == 0 && incoming.context.version < 4) continue;
    wire::SupportedFeatureKey& entry = response.supported_features[at++];
    entry.name = name;
    entry.min_version = range.min;
    entry.max_version = range.max;
  }
  response.supported_features = response.supported_features.first(at);
  const bool has_version = image->features.metadata_version > 0;
  response.finalized_features =
      arena.make_array<wire::FinalizedFeatureKey>(image->features.finalized.size() + (has_version ? 1 : 0));
  at = 0;
  const auto add = [&](std::string_view name, int16_t level) {
    wire::FinalizedFeatureKey& entry = response.finalized_features[at++];
    entry.name = name;
    entry.min_version_level = level;
    entry.max_version_level = level;
  };
  if (has_version) add(kMetadataVersionFeature, image->features.metadata_version);
  for (const auto& [name, level] : image->features.finalized) add(name, level);
  response.finalized_features_epoch = image->provenance.last_offset;
  slot.respond(response);
}

}  // namespace ksim::broker
