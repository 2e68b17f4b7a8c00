#include "core/raft/driver/wire_responses.h"

#include "core/raft/driver/wire_requests.h"
#include "core/record/batch.h"

namespace ksim::raft {

namespace {

int16_t number(ErrorCode error) { return static_cast<int16_t>(error); }

Result<void> check_top_level(int16_t code) {
  const ErrorCode error = error_code_of(code);
  if (error == ErrorCode::NONE) return {};
  return fail(error, "the quorum refused the request");
}

Error malformed() { return Error(ErrorCode::UNKNOWN_SERVER_ERROR, "a response about something else"); }

template <class E>
std::span<E> endpoint_of(int32_t node, const QuorumAddresses& quorum, wire::Arena& arena) {
  const auto found = quorum.voters.find(node);
  if (found == quorum.voters.end()) return {};
  const std::span<E> endpoints = arena.make_array<E>(1);
  endpoints[0].node_id = node;
  endpoints[0].host = found->second.host;
  endpoints[0].port = found->second.port;
  return endpoints;
}

// Vote, BeginQuorumEpoch and EndQuorumEpoch answer in the same shape.
template <class Wire, class Topic, class Partition, class E, class In>
Wire epoch_response(const In& response, const QuorumAddresses& quorum, wire::Arena& arena) {
  Wire out;
  out.topics = arena.make_array<Topic>(1);
  out.topics[0].topic_name = kMetadataTopic;
  out.topics[0].partitions = arena.make_array<Partition>(1);
  auto& partition = out.topics[0].partitions[0];
  partition.error_code = number(response.error);
  partition.leader_id = response.leader_id;
  partition.leader_epoch = response.leader_epoch;
  out.node_endpoints = endpoint_of<E>(response.leader_id, quorum, arena);
  return out;
}

template <class In, class Wire>
Result<In> parse_epoch_response(const Wire& response) {
  TRY(check_top_level(response.error_code));
  const auto* partition = only_partition(response.topics);
  if (partition == nullptr) return fail(malformed());
  In in;
  in.error = error_code_of(partition->error_code);
  in.leader_id = partition->leader_id;
  in.leader_epoch = partition->leader_epoch;
  return in;
}

}  // namespace

wire::VoteResponse to_wire(const VoteResponse& response, const QuorumAddresses& quorum, wire::Arena& arena) {
  auto out = epoch_response<wire::VoteResponse, wire::VoteResponseTopicData, wire::VoteResponsePartitionData,
                            wire::VoteResponseNodeEndpoint>(response, quorum, arena);
  out.topics[0].partitions[0].vote_granted = response.vote_granted;
  return out;
}

Result<VoteResponse> from_wire(const wire::VoteResponse& response) {
  TRY_ASSIGN(VoteResponse in, parse_epoch_response<VoteResponse>(response));
  in.vote_granted = response.topics[0].partitions[0].vote_granted;
  return in;
}

wire::BeginQuorumEpochResponse to_wire(const BeginQuorumEpochResponse& response,
                                       const QuorumAddresses& quorum, wire::Arena& arena) {
  return epoch_response<wire::BeginQuorumEpochResponse, wire::BeginQuorumEpochResponseTopicData,
                        wire::BeginQuorumEpochResponsePartitionData,
                        wire::BeginQuorumEpochResponseNodeEndpoint>(response, quorum, arena);
}

Result<BeginQuorumEpochResponse> from_wire(const wire::BeginQuorumEpochResponse& response) {
  return parse_epoch_response<BeginQuorumEpochResponse>(response);
}

wire::EndQuorumEpochResponse to_wire(const EndQuorumEpochResponse& response, const QuorumAddresses& quorum,
                                     wire::Arena& arena) {
  return epoch_response<wire::EndQuorumEpochResponse, wire::EndQuorumEpochResponseTopicData,
                        wire::EndQuorumEpochResponsePartitionData, wire::EndQuorumEpochResponseNodeEndpoint>(
      response, quorum, arena);
}

Result<EndQuorumEpochResponse> from_wire(const wire::EndQuorumEpochResponse& response) {
  return parse_epoch_response<EndQuorumEpochResponse>(response);
}

wire::FetchResponse to_wire(const FetchResponse& response, Bytes records, const QuorumAddresses& quorum,
                            wire::Arena& arena) {
  wire::FetchResponse out;
  out.responses = arena.make_array<wire::FetchableTopicResponse>(1);
  out.responses[0].topic = kMetadataTopic;
  out.responses[0].topic_id = kMetadataTopicId;
  out.responses[0].partitions = arena.make_array<wire::FetchResponsePartitionData>(1);
  auto& partition = out.responses[0].partitions[0];
  partition.error_code = number(response.error);
  partition.high_watermark = response.high_watermark;
  partition.log_start_offset = response.log_start_offset;
  partition.current_leader.leader_id = response.leader_id;
  partition.current_leader.leader_epoch = response.leader_epoch;
  if (response.diverging_epoch) {
    partition.diverging_epoch.epoch = response.diverging_epoch->epoch;
    partition.diverging_epoch.end_offset = response.diverging_epoch->offset;
  }
  if (response.snapshot_id) {
    partition.snapshot_id.epoch = response.snapshot_id->epoch;
    partition.snapshot_id.end_offset = response.snapshot_id->offset;
  }
  partition.records.bytes = records;
  out.node_endpoints = endpoint_of<wire::FetchResponseNodeEndpoint>(response.leader_id, quorum, arena);
  return out;
}

Result<FetchResponse> from_wire(const wire::FetchResponse& response, const Buffer& frame) {
  TRY(check_top_level(response.error_code));
  const auto* partition = only_partition(response.responses);
  if (partition == nullptr) return fail(malformed());
  FetchResponse in;
  in.error = error_code_of(partition->error_code);
  in.leader_id = partition->current_leader.leader_id;
  in.leader_epoch = partition->current_leader.leader_epoch;
  in.high_watermark = partition->high_watermark;
  in.log_start_offset = partition->log_start_offset;
  if (partition->diverging_epoch.end_offset >= 0 && partition->diverging_epoch.epoch >= 0) {
    in.diverging_epoch =
        OffsetAndEpoch{partition->diverging_epoch.end_offset, partition->diverging_epoch.epoch};
  }
  if (partition->snapshot_id.end_offset >= 0 && partition->snapshot_id.epoch >= 0) {
    in.snapshot_id = OffsetAndEpoch{partition->snapshot_id.end_offset, partition->snapshot_id.epoch};
  }
  in.records.owner = frame;
  in.records.bytes = partition->records.bytes;
  BatchCursor cursor(in.records.bytes);
  BatchView batch;
  for (;;) {
    const Result<bool> more = cursor.next(batch);
    const bool sound = more.ok() && (!*more || batch.check().ok());
    if (!sound && in.records.batches.empty())
      return fail(ErrorCode::CORRUPT_MESSAGE, "fetched records are damaged");
    if (!sound || !*more) return in;
    in.records.batches.push_back({batch.base_offset(), batch.last_offset(), batch.leader_epoch(),
                                  static_cast<uint32_t>(batch.size_bytes())});
  }
}

wire::FetchSnapshotResponse to_wire(const FetchSnapshotResponse& response, Bytes bytes,
                                    const QuorumAddresses& quorum, wire::Arena& arena) {
  wire::FetchSnapshotResponse out;
  out.topics = arena.make_array<wire::FetchSnapshotResponseTopicSnapshot>(1);
  out.topics[0].name = kMetadataTopic;
  out.topics[0].partitions = arena.make_array<wire::FetchSnapshotResponsePartitionSnapshot>(1);
  auto& partition = out.topics[0].partitions[0];
  partition.error_code = number(response.error);
  partition.snapshot_id.end_offset = response.snapshot_id.offset;
  partition.snapshot_id.epoch = response.snapshot_id.epoch;
  partition.current_leader.leader_id = response.leader_id;
  partition.current_leader.leader_epoch = response.leader_epoch;
  partition.size = response.size_bytes;
  partition.position = response.position;
  partition.unaligned_records.bytes = bytes;
  out.node_endpoints =
      endpoint_of<wire::FetchSnapshotResponseNodeEndpoint>(response.leader_id, quorum, arena);
  return out;
}

Result<FetchSnapshotResponse> from_wire(const wire::FetchSnapshotResponse& response, const Buffer& frame) {
  TRY(check_top_level(response.error_code));
  const auto* partition = only_partition(response.topics);
  if (partition == nullptr) return fail(malformed());
  FetchSnapshotResponse in;
  in.error = error_code_of(partition->error_code);
  in.leader_id = partition->current_leader.leader_id;
  in.leader_epoch = partition->current_leader.leader_epoch;
  in.snapshot_id = {partition->snapshot_id.end_offset, partition->snapshot_id.epoch};
  in.size_bytes = partition->size;
  in.position = partition->position;
  in.owner = frame;
  in.bytes = partition->unaligned_records.bytes;
  return in;
}

}  // namespace ksim::raft
