#pragma once
// Responses of the quorum between the consensus core's form and Kafka's wire form.

#include "core/raft/driver/quorum_addresses.h"
#include "core/raft/messages.h"
#include "core/wire/arena.h"
#include "core/wire/messages/begin_quorum_epoch.h"
#include "core/wire/messages/end_quorum_epoch.h"
#include "core/wire/messages/fetch.h"
#include "core/wire/messages/fetch_snapshot.h"
#include "core/wire/messages/vote.h"

namespace ksim::raft {

wire::VoteResponse to_wire(const VoteResponse& response, const QuorumAddresses& quorum, wire::Arena& arena);
wire::BeginQuorumEpochResponse to_wire(const BeginQuorumEpochResponse& response,
                                       const QuorumAddresses& quorum, wire::Arena& arena);
wire::EndQuorumEpochResponse to_wire(const EndQuorumEpochResponse& response, const QuorumAddresses& quorum,
                                     wire::Arena& arena);
// `records` is what the reader of `response.read` has found; it must outlive the result.
wire::FetchResponse to_wire(const FetchResponse& response, Bytes records, const QuorumAddresses& quorum,
                            wire::Arena& arena);
wire::FetchSnapshotResponse to_wire(const FetchSnapshotResponse& response, Bytes bytes,
                                    const QuorumAddresses& quorum, wire::Arena& arena);

// A failure is an error of the response as a whole, or a response that is not about the metadata partition:
// it says nothing of epoch and leader.
Result<VoteResponse> from_wire(const wire::VoteResponse& response);
Result<BeginQuorumEpochResponse> from_wire(const wire::BeginQuorumEpochResponse& response);
Result<EndQuorumEpochResponse> from_wire(const wire::EndQuorumEpochResponse& response);
// `frame` holds the bytes that the records are a view of. Batches are checked; what follows the first damaged
// one is left out, and if that is the first of all the result is CORRUPT_MESSAGE.
Result<FetchResponse> from_wire(const wire::FetchResponse& response, const Buffer& frame);
Result<FetchSnapshotResponse> from_wire(const wire::FetchSnapshotResponse& response, const Buffer& frame);

}  // namespace ksim::raft
