#pragma once
// Requests of the quorum between the consensus core's form and Kafka's wire form (schemas vote,
// begin_quorum_epoch, end_quorum_epoch, fetch, fetch_snapshot). What is built lives in the arena; strings are
// views of the addresses.

#include "core/raft/driver/quorum_addresses.h"
#include "core/raft/messages.h"
#include "core/wire/arena.h"
#include "core/wire/messages/begin_quorum_epoch.h"
#include "core/wire/messages/end_quorum_epoch.h"
#include "core/wire/messages/fetch.h"
#include "core/wire/messages/fetch_snapshot.h"
#include "core/wire/messages/vote.h"

namespace ksim::raft {

wire::VoteRequest to_wire(const VoteRequest& request, const QuorumAddresses& quorum, wire::Arena& arena);
wire::BeginQuorumEpochRequest to_wire(const BeginQuorumEpochRequest& request, const QuorumAddresses& quorum,
                                      wire::Arena& arena);
wire::EndQuorumEpochRequest to_wire(const EndQuorumEpochRequest& request, const QuorumAddresses& quorum,
                                    wire::Arena& arena);
// Who asks is told in one field before version 15 and in another from there on.
wire::FetchRequest to_wire(const FetchRequest& request, int16_t version, const QuorumAddresses& quorum,
                           wire::Arena& arena);
wire::FetchSnapshotRequest to_wire(const FetchSnapshotRequest& request, const QuorumAddresses& quorum,
                                   wire::Arena& arena);

// Failures are what the whole response has to say (rules B13, B33): INCONSISTENT_CLUSTER_ID, INVALID_REQUEST
// for another partition than that of the metadata log.
Result<VoteRequest> from_wire(const wire::VoteRequest& request, const QuorumAddresses& quorum);
Result<BeginQuorumEpochRequest> from_wire(const wire::BeginQuorumEpochRequest& request,
                                          const QuorumAddresses& quorum);
Result<EndQuorumEpochRequest> from_wire(const wire::EndQuorumEpochRequest& request,
                                        const QuorumAddresses& quorum);
Result<FetchRequest> from_wire(const wire::FetchRequest& request, const QuorumAddresses& quorum);
Result<FetchSnapshotRequest> from_wire(const wire::FetchSnapshotRequest& request,
                                       const QuorumAddresses& quorum);

// The one partition of the one topic, or none.
template <class Topics>
auto only_partition(const Topics& topics) -> decltype(&topics[0].partitions[0]) {
  if (topics.size() != 1 || topics[0].partitions.size() != 1) return nullptr;
  return &topics[0].partitions[0];
}

}  // namespace ksim::raft
