#pragma once
// Requests that a broker passes on to the active controller in the name of its client (KIP-590, rule D6).

#include <optional>

#include "core/rpc/dispatcher.h"
#include "core/wire/messages/envelope.h"

namespace ksim::rpc {

// The envelope of a request that came from a client. Its parts live in `arena` and in the request's frame.
wire::EnvelopeRequest make_envelope(const IncomingRequest& request, wire::Arena& arena);

// At the controller: runs the request inside with `dispatcher`, in the name of the principal it carries, and
// answers `slot` with an envelope when that is answered. The inner handler may call slot.refuse_envelope().
void open_envelope(Dispatcher& dispatcher, const IncomingRequest& outer,
                   const wire::EnvelopeRequest& envelope, ResponseSlot slot);

// At the broker: what to do with the answer of the controller.
enum class EnvelopeVerdict : uint8_t {
  answered,  // the client has its answer
  retry,     // the node asked is not the active controller (any more): nothing was done, ask the next one
  closed,    // the client's connection is closed: the controller does not understand its request
};
EnvelopeVerdict take_envelope(const wire::EnvelopeResponse& response, ResponseSlot& slot);

// "User:alice" as in DefaultPrincipalData, its version in front, and back.
ByteBuffer encode_principal(std::string_view principal);
std::optional<std::string> decode_principal(Bytes bytes);

}  // namespace ksim::rpc
