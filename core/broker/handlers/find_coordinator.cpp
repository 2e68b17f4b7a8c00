// FindCoordinator. No coordinators run yet: clients are told to ask again (rule D61).

#include "core/broker/handlers/common.h"
#include "core/broker/handlers/handlers.h"

namespace ksim::broker {

void handle_find_coordinator(BrokerContext&, const wire::FindCoordinatorRequest& request,
                             IncomingRequest& incoming, ResponseSlot slot) {
  // 0: of groups, 1: of transactional ids. Those of share groups (2) want a feature that is not there.
  const bool known_type = request.key_type == 0 || request.key_type == 1;
  const ErrorCode error = known_type ? ErrorCode::COORDINATOR_NOT_AVAILABLE : ErrorCode::INVALID_REQUEST;
  const std::string_view message =
      known_type ? "this broker runs no coordinators" : "no coordinators of this type";
  wire::Arena arena;
  wire::FindCoordinatorResponse response;
  if (incoming.context.version < 4) {
    response.error_code = code(error);
    response.error_message = message;
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
    entry.error_code = code(error);
    entry.error_message = message;
  }
  slot.respond(response);
}

}  // namespace ksim::broker
