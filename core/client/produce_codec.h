#pragma once
// Produce requests and their answers, between the producer's batches and the wire.

#include <vector>

#include "core/client/metadata_cache.h"
#include "core/client/producer_core.h"
#include "core/wire/arena.h"
#include "core/wire/messages/produce.h"

namespace ksim::client {

// Views of the batches' bytes; `attempts` and `arena` outlive the request.
wire::ProduceRequest make_produce_request(std::span<const ProduceAttempt> attempts,
                                          const ProducerConfig& config, wire::Arena& arena);

// The answer for each attempt, in their order. One the broker left out counts as unanswered.
std::vector<ProduceAnswer> read_produce_response(const wire::ProduceResponse& response,
                                                 std::span<const ProduceAttempt> attempts);

// Takes the leaders that the response names for partitions that have moved (rule G24).
void take_leaders(const wire::ProduceResponse& response, const TopicIds& asked, MetadataCache& metadata);

}  // namespace ksim::client
