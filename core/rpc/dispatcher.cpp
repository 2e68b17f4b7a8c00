#include "core/rpc/dispatcher.h"

namespace ksim::rpc {

void HandlerTable::dispatch(IncomingRequest& request, ResponseSlot slot) {
  const auto found = handlers_.find(static_cast<int16_t>(request.context.api->key));
  if (found == handlers_.end()) return slot.close_connection("no handler for this api");
  found->second->run(request, std::move(slot));
}

}  // namespace ksim::rpc
