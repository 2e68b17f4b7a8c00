#pragma once
// What stands on the replicated log: the metadata loader of every node, the controller.

#include <optional>
#include <span>

#include "core/raft/driver/snapshot_file.h"

namespace ksim::raft {

struct CommittedBatch {
  int64_t base_offset = 0;
  int64_t last_offset = 0;
  int32_t epoch = 0;
  int64_t append_time_ms = 0;
  std::span<const Bytes> records;  // values; none for a control batch, whose offsets count all the same
  size_t size_bytes = 0;
};

struct LeaderAndEpoch {
  std::optional<int32_t> leader_id;
  int32_t epoch = 0;

  bool operator==(const LeaderAndEpoch& other) const {
    return leader_id == other.leader_id && epoch == other.epoch;
  }
};

// Called on a fiber of its own, one call at a time; every call may wait. A failure stops the node: what was
// committed must be applied.
class RaftListener {
 public:
  virtual ~RaftListener() = default;
  // Committed batches in order, each once (rule B55), with control batches among them (rule B57). Views live
  // during the call only.
  virtual Result<void> handle_commit(std::span<const CommittedBatch> batches) = 0;
  // Replaces everything before the next handle_commit; may come at any time to a node that does not lead.
  virtual Result<void> handle_load_snapshot(SnapshotReader& snapshot) = 0;
  // That this node leads is told only after all before its epoch, and its first own record, were handed over
  // (rule B56); that it does not any more, or who else does, without delay.
  virtual void handle_leader_change(const LeaderAndEpoch& leader) = 0;
  // After RaftClient::nudge(): a call in turn with the others, although nothing was committed.
  virtual Result<void> handle_nudge() { return {}; }
};

}  // namespace ksim::raft
