#pragma once
// Hands the committed log to one listener (rules B55-B57).

#include "core/io/env.h"
#include "core/io/sync.h"
#include "core/raft/driver/metadata_log.h"
#include "core/raft/driver/raft_listener.h"

namespace ksim::raft {

// What all feeds of a node look at. Whoever changes it notifies `changed`.
struct FeedState {
  explicit FeedState(Scheduler& scheduler) : changed(scheduler) {}
  int32_t local_id = kNoNode;
  int64_t high_watermark = -1;
  LeaderAndEpoch leader;
  int64_t epoch_start_offset = -1;  // of an epoch that this node leads
  uint64_t nudges = 0;
  Condition changed;
};

class ListenerFeed {
 public:
  ListenerFeed(const Env& env, MetadataLog& log, FeedState& state, RaftListener& listener)
      : env_(env), log_(log), state_(state), listener_(listener) {}

  // Runs until cancelled, or until the listener or the disk fails.
  Result<void> run();
  int64_t next_offset() const { return next_offset_; }

 private:
  bool fire_leader_change();
  bool wants_snapshot() const;
  Result<void> load_snapshot();
  Result<void> deliver();

  const Env& env_;
  MetadataLog& log_;
  FeedState& state_;
  RaftListener& listener_;
  int64_t next_offset_ = 0;
  bool begun_ = false;  // the listener has seen something
  LeaderAndEpoch fired_;
  uint64_t nudged_ = 0;
};

}  // namespace ksim::raft
