// DescribeCluster.

#include "core/broker/handlers/common.h"
#include "core/broker/handlers/handlers.h"

namespace ksim::broker {

void handle_describe_cluster(BrokerContext& context, const wire::DescribeClusterRequest& request,
                             IncomingRequest& incoming, ResponseSlot slot) {
  constexpr int8_t kBrokers = 1;
  constexpr int8_t kControllers = 2;
  wire::Arena arena;
  wire::DescribeClusterResponse response;
  if (request.endpoint_type != kBrokers) {
    const bool known = request.endpoint_type == kControllers;
    response.error_code =
        code(known ? ErrorCode::MISMATCHED_ENDPOINT_TYPE : ErrorCode::UNSUPPORTED_ENDPOINT_TYPE);
    response.error_message = "this is a broker's listener";
    return slot.respond(response);
  }
  const MetadataImageRef image = context.image();
  const std::string_view listener = incoming.context.connection->listener;
  const std::vector<NamedBroker> brokers = brokers_on(*image, listener, request.include_fenced_brokers);
  response.cluster_id = context.cluster_id;
  const std::vector<NamedBroker> alive = brokers_on(*image, listener);
  if (!alive.empty()) {
    const uint64_t draw =
        context.env.random.draw(Stream::least_loaded_node, hash_text("describe cluster controller"),
                                static_cast<uint64_t>(context.env.now().ns));
    response.controller_id = alive[draw % alive.size()].broker->id;
  }
  response.brokers = arena.make_array<wire::DescribeClusterBroker>(brokers.size());
  for (size_t i = 0; i < brokers.size(); ++i) {
    wire::DescribeClusterBroker& entry = response.brokers[i];
    entry.broker_id = brokers[i].broker->id;
    entry.host = brokers[i].endpoint->host;
    entry.port = brokers[i].endpoint->port;
    if (brokers[i].broker->rack) entry.rack = *brokers[i].broker->rack;
    if (incoming.context.version >= 2) entry.is_fenced = brokers[i].broker->fenced;
  }
  if (request.include_cluster_authorized_operations)
    response.cluster_authorized_operations = kClusterOperations;
  slot.respond(response);
}

}  // namespace ksim::broker
