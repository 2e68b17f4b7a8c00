#pragma once
// Requests for a whole broker: such as make sense, and what an answer to them must look like.

#include <optional>
#include <string>

#include "core/base/uuid.h"
#include "core/wire/api_table.h"
#include "core/wire/header.h"
#include "core/wire/reflect.h"
#include "fuzz/mutation.h"

namespace ksim::fuzz {

constexpr std::string_view kTopic = "orders";

// A frame's content, its size not in front: a request of this api about the topic.
ByteBuffer sensible_request(const wire::ApiInfo& api, int16_t version, const Uuid& topic_id);

// A frame with a header that a server understands.
struct ReadHeader {
  wire::RequestHeader header;
  const wire::ApiInfo* api = nullptr;
  size_t size_bytes = 0;
  bool supported = false;
};
std::optional<ReadHeader> read_header(Bytes frame);

// False: it asks in due form for what would end the service, or for more than a short run can bear: a broker to be
// unregistered, settings of the broker itself, hundreds of partitions.
bool is_harmless(Bytes frame);

// False: the request, with this header, has no answer of these bytes.
bool is_answer(const ReadHeader& request, Bytes answer);
// Produce with acks=0, as far as one can tell.
bool may_stay_unanswered(Bytes frame);

// Another version, other records of a Produce, other bytes of the message or of the header.
void mutate_request(ByteBuffer& frame, size_t most, Mutation& mutation);

}  // namespace ksim::fuzz
