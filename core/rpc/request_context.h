#pragma once
// What a handler knows of a request beside its message.

#include <memory>
#include <string>

#include "core/base/units.h"
#include "core/io/network.h"
#include "core/rpc/frame.h"
#include "core/wire/api_table.h"
#include "core/wire/arena.h"
#include "core/wire/reader.h"

namespace ksim::rpc {

enum class ListenerKind : uint8_t { broker, controller };

// Facts of a connection; shared by its requests and by what they leave behind.
struct ConnectionInfo {
  std::string principal = "User:ANONYMOUS";
  std::string listener;  // the listener's name, "PLAINTEXT"
  ListenerKind kind = ListenerKind::broker;
  Endpoint peer;
  uint64_t key = 0;
};

struct RequestContext {
  const wire::ApiInfo* api = nullptr;
  int16_t version = 0;
  int32_t correlation_id = 0;
  std::string client_id;  // "" also if the client sent none
  Instant received;
  std::shared_ptr<const ConnectionInfo> connection;
};

// A request as it came in: its frame owns what the decoded message points into.
struct IncomingRequest {
  RequestContext context;
  Frame frame;
  wire::Arena arena;
  Bytes body;  // of the frame, behind the header

  template <class T>
  Result<void> decode_into(T& message) {
    wire::Reader reader(body, arena);
    return decode(reader, message, context.version);
  }
  // The same bytes, to be changed in place, which the one owner of a frame may do.
  MutableBytes writable(Bytes part) {
    const MutableBytes all = frame.bytes.writable();
    const auto offset = static_cast<size_t>(part.data() - all.data());
    ENSURE(offset <= all.size() && part.size() <= all.size() - offset, "not a part of this frame");
    return all.subspan(offset, part.size());
  }
};

// Frame and header of a request that arrived. A Failure means that the connection must be closed (rule D2);
// an unknown version is not one: `context.version` tells, because ApiVersions has an answer to that.
Result<void> parse_header(IncomingRequest& request);

}  // namespace ksim::rpc
