#pragma once
// The raft RPCs as the consensus core sees them: no cluster id, topic or endpoint, which the driver checks
// and fills in (rules B13, B32, B33). Field names are Kafka's where it has them.

#include <variant>

#include "core/base/bytes.h"
#include "core/base/error.h"
#include "core/raft/types.h"

namespace ksim::raft {

struct VoteRequest {
  int32_t replica_epoch = 0;  // the epoch stood for; of a pre-vote the sender's current one (rule B10)
  ReplicaKey replica;
  ReplicaKey voter;  // whom it is for; id -1: not told
  int32_t last_offset_epoch = 0;
  int64_t last_offset = 0;
  bool pre_vote = false;
};
struct VoteResponse {
  ErrorCode error = ErrorCode::NONE;
  int32_t leader_epoch = 0;
  int32_t leader_id = kNoNode;
  bool vote_granted = false;
  bool pre_vote = false;  // what it answers; not sent
};

struct BeginQuorumEpochRequest {
  int32_t leader_epoch = 0;
  int32_t leader_id = kNoNode;
  ReplicaKey voter;  // id -1: not told
};
struct BeginQuorumEpochResponse {
  ErrorCode error = ErrorCode::NONE;
  int32_t leader_epoch = 0;
  int32_t leader_id = kNoNode;
};

struct EndQuorumEpochRequest {
  int32_t leader_epoch = 0;
  int32_t leader_id = kNoNode;
  std::vector<ReplicaKey> preferred_candidates;  // best first (rule B29)
};
struct EndQuorumEpochResponse {
  ErrorCode error = ErrorCode::NONE;
  int32_t leader_epoch = 0;
  int32_t leader_id = kNoNode;
};

struct FetchRequest {
  ReplicaKey replica;
  int32_t current_leader_epoch = 0;
  int32_t last_fetched_epoch = 0;
  int64_t fetch_offset = 0;
  Duration max_wait;
  int32_t max_bytes = 0;
  // What the follower believes (Fetch v18, KIP-1166). Absent: a waiting fetch is not completed for its sake.
  std::optional<int64_t> high_watermark;
};

// Offsets [from, to) of the answering node's log, to be read once the answer may leave.
struct ReadRange {
  int64_t from = 0;
  int64_t to = 0;
  int32_t max_bytes = 0;
};
// Bytes [position, position + max_bytes) of the answering node's snapshot.
struct SnapshotRange {
  OffsetAndEpoch id;
  int64_t position = 0;
  int32_t max_bytes = 0;
};

// Record batches with whoever keeps their memory. `batches` are the whole ones, in order.
struct RecordBytes {
  Buffer owner;
  Bytes bytes;
  std::vector<BatchInfo> batches;
};

struct FetchResponse {
  ErrorCode error = ErrorCode::NONE;
  int32_t leader_epoch = 0;
  int32_t leader_id = kNoNode;
  int64_t high_watermark = -1;  // -1: the leader does not know it yet (rule B20)
  int64_t log_start_offset = 0;
  std::optional<OffsetAndEpoch> diverging_epoch;
  std::optional<OffsetAndEpoch> snapshot_id;
  std::optional<ReadRange> read;  // at the sender: what the driver puts into `records`
  RecordBytes records;            // at the receiver
};

struct FetchSnapshotRequest {
  ReplicaKey replica;
  int32_t current_leader_epoch = 0;
  OffsetAndEpoch snapshot_id;
  int64_t position = 0;
  int32_t max_bytes = 0;
};
struct FetchSnapshotResponse {
  ErrorCode error = ErrorCode::NONE;
  int32_t leader_epoch = 0;
  int32_t leader_id = kNoNode;
  OffsetAndEpoch snapshot_id;
  int64_t size_bytes = 0;
  int64_t position = 0;
  std::optional<SnapshotRange> read;  // at the sender
  Buffer owner;                       // at the receiver
  Bytes bytes;
};

using Request = std::variant<VoteRequest, BeginQuorumEpochRequest, EndQuorumEpochRequest, FetchRequest,
                             FetchSnapshotRequest>;
using Response = std::variant<VoteResponse, BeginQuorumEpochResponse, EndQuorumEpochResponse, FetchResponse,
                              FetchSnapshotResponse>;

}  // namespace ksim::raft
