#pragma once
// Fetch, ListOffsets and OffsetForLeaderEpoch requests of a consumer.

#include "core/client/consumer_core.h"
#include "core/wire/arena.h"

namespace ksim::client {

// Views of the plans; they and `arena` outlive the request.
wire::FetchRequest make_fetch_request(const FetchSession::Request& plan, const ConsumerConfig& config,
                                      wire::Arena& arena);
wire::ListOffsetsRequest make_list_offsets_request(const ConsumerCore::OffsetQuery& query,
                                                   const ConsumerConfig& config, wire::Arena& arena);
wire::OffsetForLeaderEpochRequest make_epoch_request(const ConsumerCore::EpochQuery& query,
                                                     wire::Arena& arena);

}  // namespace ksim::client
