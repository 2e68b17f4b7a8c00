#include "core/rpc/envelope.h"

#include "core/wire/writer.h"

namespace ksim::rpc {
namespace {

// Four numbers with dots, as the four bytes Java takes for an address; other names are not known there, and
// read as 0.0.0.0.
std::span<uint8_t> address_bytes(std::string_view host, wire::Arena& arena) {
  const std::span<uint8_t> bytes = arena.make_array<uint8_t>(4);
  size_t at = 0;
  unsigned part = 0;
  bool digit = false;
  for (const char c : host) {
    if (c == '.' && digit && at < 3) {
      bytes[at++] = static_cast<uint8_t>(part);
      part = 0;
      digit = false;
    } else if (c >= '0' && c <= '9' && part * 10 + static_cast<unsigned>(c - '0') < 256) {
      part = part * 10 + static_cast<unsigned>(c - '0');
      digit = true;
    } else {
      digit = false;
      at = 4;
      break;
    }
  }
  if (at == 3 && digit)
    bytes[3] = static_cast<uint8_t>(part);
  else
    std::fill(bytes.begin(), bytes.end(), uint8_t{0});
  return bytes;
}

std::string address_text(Bytes bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes.size() == 4) {
      text += (i == 0 ? "" : ".") + std::to_string(bytes[i]);
    } else {
      text += i > 0 && i % 2 == 0 ? ":" : "";
      text += to_hex(bytes.subspan(i, 1));
    }
  }
  return text;
}

void refuse(ResponseSlot slot, ErrorCode error) {
  wire::EnvelopeResponse response;
  response.error_code = static_cast<int16_t>(error);
  slot.respond(response);
}

// Takes the answer of the request inside; lives as long as that is open.
class EnvelopeSink final : public ResponseSink {
 public:
  explicit EnvelopeSink(ResponseSlot outer) : outer_(std::move(outer)) {}

  bool is_envelope() const override { return true; }
  void completed(SlotState& inner) override {
    const std::shared_ptr<ResponseSink> self = std::move(inner.sink_owner);
    inner.sink = nullptr;
    if (inner.mute > Duration{}) outer_.mute_for(inner.mute);
    if (inner.outcome == SlotState::Outcome::refused) return refuse(std::move(outer_), inner.refusal);
    // Whatever could not be read inside reads as a version that we do not know.
    if (inner.outcome != SlotState::Outcome::response || !inner.response.splices.empty())
      return refuse(std::move(outer_), ErrorCode::UNSUPPORTED_VERSION);
    wire::EnvelopeResponse response;
    response.response_data = Bytes(inner.response.bytes).subspan(4);
    outer_.respond(response);
  }

 private:
  ResponseSlot outer_;
};

}  // namespace

ByteBuffer encode_principal(std::string_view principal) {
  wire::DefaultPrincipalData data;
  const size_t colon = principal.find(':');
  data.type = colon == std::string_view::npos ? "User" : principal.substr(0, colon);
  data.name = colon == std::string_view::npos ? principal : principal.substr(colon + 1);
  wire::Writer w;
  w.i16(0);
  encode(w, data, 0);
  return w.take();
}

std::optional<std::string> decode_principal(Bytes bytes) {
  wire::Arena arena;
  wire::Reader reader(bytes, arena);
  const int16_t version = reader.i16("version");
  wire::DefaultPrincipalData data;
  if (!decode(reader, data, version).ok() || data.type.empty()) return std::nullopt;
  return std::string(data.type) + ":" + std::string(data.name);
}

wire::EnvelopeRequest make_envelope(const IncomingRequest& request, wire::Arena& arena) {
  wire::EnvelopeRequest envelope;
  envelope.request_data = request.frame.bytes.view();
  const ByteBuffer principal = encode_principal(request.context.connection->principal);
  envelope.request_principal = Bytes(arena.copy_array<uint8_t>(Bytes(principal)));
  envelope.client_host_address = address_bytes(request.context.connection->peer.host, arena);
  return envelope;
}

void open_envelope(Dispatcher& dispatcher, const IncomingRequest& outer,
                   const wire::EnvelopeRequest& envelope, ResponseSlot slot) {
  const std::optional<std::string> principal = decode_principal(envelope.request_principal.value_or(Bytes{}));
  if (!principal.has_value()) return refuse(std::move(slot), ErrorCode::PRINCIPAL_DESERIALIZATION_FAILURE);
  if (envelope.client_host_address.size() != 4 && envelope.client_host_address.size() != 16)
    return refuse(std::move(slot), ErrorCode::INVALID_REQUEST);
  IncomingRequest inner;
  inner.frame.bytes = Buffer::copy_of(envelope.request_data);
  if (!parse_header(inner).ok()) return refuse(std::move(slot), ErrorCode::UNSUPPORTED_VERSION);
  const wire::ApiInfo& api = *inner.context.api;
  if (!api.supports(inner.context.version)) return refuse(std::move(slot), ErrorCode::UNSUPPORTED_VERSION);
  if (!api.forwardable || !dispatcher.serves(api.key))
    return refuse(std::move(slot), ErrorCode::INVALID_REQUEST);

  auto connection = std::make_shared<ConnectionInfo>(*outer.context.connection);
  connection->principal = *principal;
  connection->peer = {address_text(envelope.client_host_address), 0};
  inner.context.connection = std::move(connection);
  inner.context.received = outer.context.received;

  auto state = std::make_shared<SlotState>();
  state->api = &api;
  state->version = inner.context.version;
  state->correlation_id = inner.context.correlation_id;
  state->sink_owner = std::make_shared<EnvelopeSink>(std::move(slot));
  state->sink = state->sink_owner.get();
  dispatcher.dispatch(inner, ResponseSlot(std::move(state)));
}

EnvelopeVerdict take_envelope(const wire::EnvelopeResponse& response, ResponseSlot& slot) {
  const ErrorCode error = error_code_of(response.error_code);
  if (error == ErrorCode::NOT_CONTROLLER) return EnvelopeVerdict::retry;
  if (error == ErrorCode::NONE && response.response_data.has_value()) {
    slot.respond_encoded(*response.response_data);
    return EnvelopeVerdict::answered;
  }
  slot.close_connection("the controller refused the request: " + std::string(to_string(error)));
  return EnvelopeVerdict::closed;
}

}  // namespace ksim::rpc
