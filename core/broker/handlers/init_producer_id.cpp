// InitProducerId of idempotent producers (rule F7); transactional ones need a coordinator.

#include "core/broker/handlers/common.h"
#include "core/broker/handlers/handlers.h"
#include "core/broker/producer_ids.h"

namespace ksim::broker {

void handle_init_producer_id(BrokerContext& context, const wire::InitProducerIdRequest& request,
                             IncomingRequest&, ResponseSlot slot) {
  wire::InitProducerIdResponse response;
  response.producer_epoch = -1;
  if (request.transactional_id) {
    response.error_code = code(request.transactional_id->empty() ? ErrorCode::INVALID_REQUEST
                                                                 : ErrorCode::COORDINATOR_NOT_AVAILABLE);
    return slot.respond(response);
  }
  if ((request.producer_id < 0) != (request.producer_epoch < 0)) {
    response.error_code = code(ErrorCode::INVALID_REQUEST);
    return slot.respond(response);
  }
  // An idempotent producer that asks again gets a new id: there is nothing to fence.
  const Result<int64_t> id = context.producer_ids.next();
  if (id.ok()) {
    response.producer_id = *id;
    response.producer_epoch = 0;
  } else {
    response.error_code = code(id.error().code);
  }
  slot.respond(response);
}

}  // namespace ksim::broker
