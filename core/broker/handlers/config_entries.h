#pragma once
// What DescribeConfigs says of one resource (rule C45).

#include "core/metadata/image.h"
#include "core/metadata/server_config.h"
#include "core/wire/arena.h"
#include "core/wire/messages/describe_configs.h"

namespace ksim::broker {

struct ConfigScene {
  const MetadataImage& image;
  const ServerConfig& server;
  int32_t broker_id = -1;
};

// Texts of the result live in the arena and in the request.
void describe_config_resource(const ConfigScene& scene, const wire::DescribeConfigsRequest& request,
                              const wire::DescribeConfigsResource& resource,
                              wire::DescribeConfigsResult& result, wire::Arena& arena);
bool valid_topic_name(std::string_view name);
std::string_view copy_text(wire::Arena& arena, std::string_view text);

}  // namespace ksim::broker
