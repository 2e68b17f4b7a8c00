#pragma once
// The metadata as its log has it: what is committed there, read from the bytes on the disks of the quorum's
// leaders and applied batch by batch, whatever nodes make of it.

#include <cstdint>
#include <vector>

#include "core/base/bytes.h"
#include "core/metadata/log_state.h"
#include "sim/history/node_notes.h"

namespace ksim::sim {

class ClusterView;

// After a batch that leaves no metadata transaction open.
struct MetadataStep {
  int64_t offset = -1;  // of the last record
  int32_t epoch = -1;
  MetadataImageRef image;
};

class CommittedMetadata {
 public:
  void on_event(const ClusterView& view, const NodeEvent& note);

  const std::vector<MetadataStep>& steps() const { return steps_; }
  int64_t end() const { return state_.offset + 1; }
  // The last that any node has said to be committed: a leader that was replaced may say it first.
  int64_t claimed_end() const { return claimed_end_; }

 private:
  void read(const ClusterView& view, int32_t leader, int64_t high_watermark);
  bool apply(int32_t epoch);

  int32_t leader_ = -1;
  int32_t leader_epoch_ = -1;
  int64_t claimed_end_ = 0;
  bool unreadable_ = false;  // a part is missing, or means nothing: what comes behind it means nothing either
  LogState state_;
  std::vector<MetadataStep> steps_;
  ByteBuffer frame_;
};

}  // namespace ksim::sim
