// FindCoordinator. No coordinators run yet: clients are told to ask again (rule D61).

#include "core/broker/handlers/common.h"
#include "core/broker/handlers/handlers.h"

namespace ksim::broker {

void handle_find_coordinator(BrokerContext&, const wire::FindCoordinatorRequest& request,
                             IncomingRequest& incoming, ResponseSlot slot) {
  constexpr std::string_view kMessage = "this broker runs no coordinators";
  wire::Arena arena;
  wire::FindCoordinatorResponse response;
  if (incoming.context.version < 4) {
    response.error_code = code(ErrorCode::COORDINATOR_NOT_AVAILABLE);
    response.error_message = kMessage;
    response.node_id = -1;
    response.port = -1;
    return slot.respond(response);
  }
  response.coordinators = arena.make_array<wire::Coordinator>(request.coordinator_keys.size());
  for (size_t i = 0; i < request.coordinator_keys.size(); ++i) {
    wire::Coordinator& entry = response.coordinators[i];
    entry.key = request.coordinator_keys[i];
    entry.node_id = -1;
    entry.port = -1;
    entry.error_code = code(ErrorCode::COORDINATOR_NOT_AVAILABLE);
    entry.error_message = kMessage;
  }
  slot.respond(response);
}

}  // namespace ksim::broker
