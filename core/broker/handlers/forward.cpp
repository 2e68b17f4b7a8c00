// Requests that the active controller answers (rule D6).

#include "core/broker/controller_channel.h"
#include "core/broker/handlers/handlers.h"
#include "core/rpc/envelope.h"

namespace ksim::broker {

// Waits on the connection's reading fiber: its next request starts when this one is answered, as it does in
// Kafka.
void forward_to_controller(BrokerContext& context, IncomingRequest& incoming, ResponseSlot slot) {
  wire::Arena arena;
  const wire::EnvelopeRequest envelope = rpc::make_envelope(incoming, arena);
  const Deadline deadline = context.env.after(milliseconds(context.server.integer("request.timeout.ms")));
  for (;;) {
    auto reply = context.forwarding.call(envelope, deadline);
    // Nobody to ask, or no answer: whether it was done is not known, and the client is left to find out.
    if (!reply.ok()) return slot.close_connection(to_string(reply.error()));
    switch (rpc::take_envelope(**reply, slot)) {
      case rpc::EnvelopeVerdict::answered:
      case rpc::EnvelopeVerdict::closed:
        return;
      case rpc::EnvelopeVerdict::retry:
        if (context.env.now() >= deadline) return slot.close_connection("no active controller");
        context.env.sleep(milliseconds(50));
    }
  }
}

}  // namespace ksim::broker
