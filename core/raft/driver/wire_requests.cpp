#include "core/raft/driver/wire_requests.h"

#include <limits>

namespace ksim::raft {

namespace {

Result<void> check_cluster(const std::optional<std::string_view>& given, const QuorumAddresses& quorum) {
  // A sender that does not say is not refused.
  if (!given || *given == quorum.cluster_id) return {};
  return fail(ErrorCode::INCONSISTENT_CLUSTER_ID, std::string(*given));
}

Error other_partition() { return Error(ErrorCode::INVALID_REQUEST, "not the metadata partition"); }

int32_t clamped_ms(Duration duration) {
  return static_cast<int32_t>(std::min<int64_t>(duration.ms(), std::numeric_limits<int32_t>::max()));
}

// The endpoints of this leader, by listener name.
template <class E>
std::span<E> leader_endpoints(int32_t leader, const QuorumAddresses& quorum, wire::Arena& arena) {
  const auto found = quorum.voters.find(leader);
  if (found == quorum.voters.end()) return {};
  const std::span<E> endpoints = arena.make_array<E>(1);
  endpoints[0].name = quorum.listener;
  endpoints[0].host = found->second.host;
  endpoints[0].port = found->second.port;
  return endpoints;
}

}  // namespace

wire::VoteRequest to_wire(const VoteRequest& request, const QuorumAddresses& quorum, wire::Arena& arena) {
  wire::VoteRequest out;
  out.cluster_id = quorum.cluster_id;
  out.voter_id = request.voter.id;
  out.topics = arena.make_array<wire::VoteRequestTopicData>(1);
  out.topics[0].topic_name = kMetadataTopic;
  out.topics[0].partitions = arena.make_array<wire::VoteRequestPartitionData>(1);
  auto& partition = out.topics[0].partitions[0];
  partition.replica_epoch = request.replica_epoch;
  partition.replica_id = request.replica.id;
  partition.replica_directory_id = request.replica.directory;
  partition.voter_directory_id = request.voter.directory;
  partition.last_offset_epoch = request.last_offset_epoch;
  partition.last_offset = request.last_offset;
  partition.pre_vote = request.pre_vote;
  return out;
}

Result<VoteRequest> from_wire(const wire::VoteRequest& request, const QuorumAddresses& quorum) {
  TRY(check_cluster(request.cluster_id, quorum));
  const auto* partition = only_partition(request.topics);
  if (partition == nullptr || request.topics[0].topic_name != kMetadataTopic ||
      partition->partition_index != 0) {
    return fail(other_partition());
  }
  VoteRequest in;
  in.replica_epoch = partition->replica_epoch;
  in.replica = {partition->replica_id, partition->replica_directory_id};
  in.voter = {request.voter_id, partition->voter_directory_id};
  in.last_offset_epoch = partition->last_offset_epoch;
  in.last_offset = partition->last_offset;
  in.pre_vote = partition->pre_vote;
  return in;
}

wire::BeginQuorumEpochRequest to_wire(const BeginQuorumEpochRequest& request, const QuorumAddresses& quorum,
                                      wire::Arena& arena) {
  wire::BeginQuorumEpochRequest out;
  out.cluster_id = quorum.cluster_id;
  out.voter_id = request.voter.id;
  out.topics = arena.make_array<wire::BeginQuorumEpochRequestTopicData>(1);
  out.topics[0].topic_name = kMetadataTopic;
  out.topics[0].partitions = arena.make_array<wire::BeginQuorumEpochRequestPartitionData>(1);
  auto& partition = out.topics[0].partitions[0];
  partition.voter_directory_id = request.voter.directory;
  partition.leader_id = request.leader_id;
  partition.leader_epoch = request.leader_epoch;
  out.leader_endpoints =
      leader_endpoints<wire::BeginQuorumEpochRequestLeaderEndpoint>(request.leader_id, quorum, arena);
  return out;
}

Result<BeginQuorumEpochRequest> from_wire(const wire::BeginQuorumEpochRequest& request,
                                          const QuorumAddresses& quorum) {
  TRY(check_cluster(request.cluster_id, quorum));
  const auto* partition = only_partition(request.topics);
  if (partition == nullptr || request.topics[0].topic_name != kMetadataTopic ||
      partition->partition_index != 0) {
    return fail(other_partition());
  }
  BeginQuorumEpochRequest in;
  in.leader_epoch = partition->leader_epoch;
  in.leader_id = partition->leader_id;
  in.voter = {request.voter_id, partition->voter_directory_id};
  return in;
}

wire::EndQuorumEpochRequest to_wire(const EndQuorumEpochRequest& request, const QuorumAddresses& quorum,
                                    wire::Arena& arena) {
  wire::EndQuorumEpochRequest out;
  out.cluster_id = quorum.cluster_id;
  out.topics = arena.make_array<wire::EndQuorumEpochRequestTopicData>(1);
  out.topics[0].topic_name = kMetadataTopic;
  out.topics[0].partitions = arena.make_array<wire::EndQuorumEpochRequestPartitionData>(1);
  auto& partition = out.topics[0].partitions[0];
  partition.leader_id = request.leader_id;
  partition.leader_epoch = request.leader_epoch;
  // Version 0 knows ids only; both are ignorable where they do not fit.
  const size_t count = request.preferred_candidates.size();
  partition.preferred_successors = arena.make_array<int32_t>(count);
  partition.preferred_candidates = arena.make_array<wire::ReplicaInfo>(count);
  for (size_t i = 0; i < count; ++i) {
    partition.preferred_successors[i] = request.preferred_candidates[i].id;
    partition.preferred_candidates[i].candidate_id = request.preferred_candidates[i].id;
    partition.preferred_candidates[i].candidate_directory_id = request.preferred_candidates[i].directory;
  }
  out.leader_endpoints =
      leader_endpoints<wire::EndQuorumEpochRequestLeaderEndpoint>(request.leader_id, quorum, arena);
  return out;
}

Result<EndQuorumEpochRequest> from_wire(const wire::EndQuorumEpochRequest& request,
                                        const QuorumAddresses& quorum) {
  TRY(check_cluster(request.cluster_id, quorum));
  const auto* partition = only_partition(request.topics);
  if (partition == nullptr || request.topics[0].topic_name != kMetadataTopic ||
      partition->partition_index != 0) {
    return fail(other_partition());
  }
  EndQuorumEpochRequest in;
  in.leader_epoch = partition->leader_epoch;
  in.leader_id = partition->leader_id;
  for (const wire::ReplicaInfo& candidate : partition->preferred_candidates) {
    in.preferred_candidates.push_back({candidate.candidate_id, candidate.candidate_directory_id});
  }
  if (in.preferred_candidates.empty()) {
    for (const int32_t id : partition->preferred_successors)
      in.preferred_candidates.push_back({id, kZeroUuid});
  }
  return in;
}

// Rule B32.
wire::FetchRequest to_wire(const FetchRequest& request, int16_t version, const QuorumAddresses& quorum,
                           wire::Arena& arena) {
  wire::FetchRequest out;
  out.cluster_id = quorum.cluster_id;
  (version < 15 ? out.replica_id : out.replica_state.replica_id) = request.replica.id;
  out.max_wait_ms = clamped_ms(request.max_wait);
  out.max_bytes = request.max_bytes;
  out.topics = arena.make_array<wire::FetchTopic>(1);
  out.topics[0].topic = kMetadataTopic;
  out.topics[0].topic_id = kMetadataTopicId;
  out.topics[0].partitions = arena.make_array<wire::FetchPartition>(1);
  auto& partition = out.topics[0].partitions[0];
  partition.current_leader_epoch = request.current_leader_epoch;
  partition.fetch_offset = request.fetch_offset;
  partition.last_fetched_epoch = request.last_fetched_epoch;
  partition.partition_max_bytes = request.max_bytes;
  partition.replica_directory_id = request.replica.directory;
  return out;
}

Result<FetchRequest> from_wire(const wire::FetchRequest& request, const QuorumAddresses& quorum) {
  TRY(check_cluster(request.cluster_id, quorum));
  const auto* partition = only_partition(request.topics);
  if (partition == nullptr || partition->partition != 0) return fail(other_partition());
  const bool named = request.topics[0].topic == kMetadataTopic;
  if (!named && request.topics[0].topic_id != kMetadataTopicId) return fail(other_partition());
  FetchRequest in;
  const bool new_style = request.replica_state.replica_id >= 0;
  in.replica = {new_style ? request.replica_state.replica_id : request.replica_id,
                partition->replica_directory_id};
  in.current_leader_epoch = partition->current_leader_epoch;
  in.last_fetched_epoch = partition->last_fetched_epoch;
  in.fetch_offset = partition->fetch_offset;
  in.max_wait = milliseconds(request.max_wait_ms);
  in.max_bytes = request.max_bytes;
  return in;
}

wire::FetchSnapshotRequest to_wire(const FetchSnapshotRequest& request, const QuorumAddresses& quorum,
                                   wire::Arena& arena) {
  wire::FetchSnapshotRequest out;
  out.cluster_id = quorum.cluster_id;
  out.replica_id = request.replica.id;
  out.max_bytes = request.max_bytes;
  out.topics = arena.make_array<wire::FetchSnapshotRequestTopicSnapshot>(1);
  out.topics[0].name = kMetadataTopic;
  out.topics[0].partitions = arena.make_array<wire::FetchSnapshotRequestPartitionSnapshot>(1);
  auto& partition = out.topics[0].partitions[0];
  partition.current_leader_epoch = request.current_leader_epoch;
  partition.snapshot_id.end_offset = request.snapshot_id.offset;
  partition.snapshot_id.epoch = request.snapshot_id.epoch;
  partition.position = request.position;
  partition.replica_directory_id = request.replica.directory;
  return out;
}

Result<FetchSnapshotRequest> from_wire(const wire::FetchSnapshotRequest& request,
                                       const QuorumAddresses& quorum) {
  TRY(check_cluster(request.cluster_id, quorum));
  const auto* partition = only_partition(request.topics);
  if (partition == nullptr || request.topics[0].name != kMetadataTopic || partition->partition != 0) {
    return fail(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "not the metadata partition");  // rule B44
  }
  FetchSnapshotRequest in;
  in.replica = {request.replica_id, partition->replica_directory_id};
  in.current_leader_epoch = partition->current_leader_epoch;
  in.snapshot_id = {partition->snapshot_id.end_offset, partition->snapshot_id.epoch};
  in.position = partition->position;
  in.max_bytes = request.max_bytes;
  return in;
}

}  // namespace ksim::raft
