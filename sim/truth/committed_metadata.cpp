#include "sim/truth/committed_metadata.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/record/batch.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {

void CommittedMetadata::on_event(const ClusterView& view, const NodeEvent& note) {
  if (const auto* e = std::get_if<RaftHighWatermarkAdvanced>(note.event)) {
    claimed_end_ = std::max(claimed_end_, e->high_watermark);
    if (note.node == leader_ && e->epoch == leader_epoch_) read(view, leader_, e->high_watermark);
  } else if (const auto* s = std::get_if<RaftStateChanged>(note.event)) {
    if (s->state == "leader" && s->epoch >= leader_epoch_) {
      leader_ = note.node;
      leader_epoch_ = s->epoch;
    } else if (leader_ == note.node && s->state != "leader") {
      leader_ = -1;
    }
  }
}

void CommittedMetadata::read(const ClusterView& view, int32_t leader, int64_t high_watermark) {
  const ReplicaTruth* const log = view.metadata_log(leader);
  if (log == nullptr) return;
  for (size_t i = log->find(end()); i < log->batches().size() && !unreadable_; ++i) {
    const TruthBatch& batch = log->batches()[i];
    if (batch.last_offset >= high_watermark) return;
    if (batch.last_offset < end()) continue;
    frame_.resize(batch.size_bytes);
    const std::string path = fmt::format("{}/{:020}.log", log->directory(), batch.segment);
    const size_t bytes = view.disks().read(leader, path, batch.position, frame_, DiskPeek::Layer::cached);
    unreadable_ = batch.base_offset != end() || bytes < frame_.size() || !apply(batch.leader_epoch);
  }
}

// The batch in the frame.
bool CommittedMetadata::apply(int32_t epoch) {
  const BatchView view(frame_);
  std::vector<Bytes> values;
  RecordCursor cursor{view};
  RecordView record;
  while (!view.is_control()) {
    const Result<bool> more = cursor.next(record);
    if (!more.ok()) return false;
    if (!*more) break;
    if (!record.value) return false;
    values.push_back(*record.value);
  }
  MetadataBatch batch;
  batch.base_offset = view.base_offset();
  batch.last_offset = view.last_offset();
  batch.epoch = epoch;
  batch.append_time_ms = view.max_timestamp_ms();
  batch.records = values;
  batch.size_bytes = frame_.size();
  if (!apply_batch(state_, batch).ok()) return false;
  if (!state_.transaction_start) steps_.push_back({state_.offset, epoch, state_.image});
  return true;
}

}  // namespace ksim::sim
