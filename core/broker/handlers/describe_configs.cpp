// DescribeConfigs.

#include "core/broker/handlers/config_entries.h"
#include "core/broker/handlers/handlers.h"

namespace ksim::broker {

void handle_describe_configs(BrokerContext& context, const wire::DescribeConfigsRequest& request,
                             IncomingRequest&, ResponseSlot slot) {
  const MetadataImageRef image = context.image();
  const ConfigScene scene{*image, context.server, context.broker_id};
  wire::Arena arena;
  wire::DescribeConfigsResponse response;
  response.results = arena.make_array<wire::DescribeConfigsResult>(request.resources.size());
  for (size_t i = 0; i < request.resources.size(); ++i)
    describe_config_resource(scene, request, request.resources[i], response.results[i], arena);
  slot.respond(response);
}

}  // namespace ksim::broker
