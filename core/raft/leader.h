#pragma once
// What a leader knows of its epoch: how far each replica has come, the high watermark that follows from it,
// whether a majority still fetches, and appends that wait for their linger time.

#include "core/raft/effects.h"
#include "core/raft/types.h"

namespace ksim::raft {

struct ReplicaProgress {
  ReplicaKey key;
  int64_t end_offset = -1;  // -1: has not fetched in this epoch
  std::optional<Instant> last_fetch;
  std::optional<Instant> last_caught_up;
  int64_t leader_end_at_last_fetch = -1;
  int64_t told_high_watermark = -1;  // in the last answer to it
};

class Leader {
 public:
  Leader(const NodeConfig& config, int64_t epoch_start_offset, std::vector<int32_t> granting_voters,
         Instant now);

  int64_t epoch_start_offset() const { return epoch_start_; }
  const std::vector<int32_t>& granting_voters() const { return granting_; }
  // Of this epoch: unknown until a majority holds a record of it (rules B20, B22).
  std::optional<int64_t> high_watermark() const { return high_watermark_; }

  // ---- replicas ----
  // The leader's own durable end (rule B24). True if the high watermark advanced.
  bool local_flushed(int64_t flushed_offset);
  // A validated fetch position (rule B23). True if the high watermark advanced.
  bool fetched(const ReplicaKey& replica, int64_t fetch_offset, int64_t leader_end, Instant now);
  // What this replica was told last, -1 if nothing; none for one that is not followed.
  std::optional<int64_t> told_high_watermark(const ReplicaKey& replica) const;
  void tell_high_watermark(const ReplicaKey& replica, int64_t high_watermark);
  const std::vector<ReplicaProgress>& voters() const { return voters_; }
  const std::vector<ReplicaProgress>& observers() const { return observers_; }
  // The other voters, furthest first, equal ones by id (rule B29).
  std::vector<ReplicaKey> successors() const;

  // ---- check quorum (rule B26) ----
  void heard_from(const ReplicaKey& replica, Instant now);
  Instant check_quorum_deadline() const { return check_quorum_deadline_; }

  // ---- duties (rule B21) ----
  Instant begin_quorum_due = {};
  bool resign_requested = false;

  // ---- appends that linger (rule B27) ----
  // The first after a quiet time goes at once, those within the linger time of it go together. Apache Kafka has
  // the first wait as well.
  // Takes the batch and gives its base offset.
  int64_t enqueue(Buffer batch, int32_t record_count, Instant now);
  // Whether `batch_bytes` more would exceed one batch's limit.
  bool would_overflow(size_t batch_bytes) const { return queued_bytes_ + batch_bytes > max_batch_bytes_; }
  Instant drain_due() const { return drain_due_; }
  std::vector<AppendEntry> drain(Instant now);
  int64_t next_offset() const { return next_offset_; }
  // The leader-change batch that opens the epoch takes one offset.
  void opened() { ++next_offset_; }

 private:
  bool advance();
  void forget_silent_observers(Instant now);

  ReplicaKey local_;
  Duration fetch_timeout_;
  Duration linger_;
  Duration observer_session_;
  size_t max_batch_bytes_;
  size_t majority_;
  int64_t epoch_start_;
  std::vector<int32_t> granting_;
  std::vector<ReplicaProgress> voters_;
  std::vector<ReplicaProgress> observers_;
  std::optional<int64_t> high_watermark_;
  std::vector<int32_t> heard_;  // voters heard from since the deadline was last moved
  Instant check_quorum_deadline_;
  std::vector<AppendEntry> queue_;
  size_t queued_bytes_ = 0;
  int64_t next_offset_;
  Instant drain_due_ = Instant::never();
  Instant linger_until_;
};

}  // namespace ksim::raft
