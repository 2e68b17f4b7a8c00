// What a follower does with the answers of its leader (rules D48-D53, D56).

#include <algorithm>

#include "core/broker/partition.h"

namespace ksim::broker {

Result<bool> Partition::append_fetched(const Fetched& fetched) {
  MutexLock hold(lock_);
  if (!follows(fetched.leader_epoch)) return false;
  if (log_->log_end_offset() != fetched.fetch_offset) return false;
  if (!fetched.records.empty()) {
    auto appended = log_->append_as_follower(fetched.records, fetched.leader_epoch);
    const int64_t end = log_->log_end_offset();
    // Kafka's asks that its log be empty: one that was cut where its leader's log starts would never go on.
    const bool keeps_nothing = log_->empty() || end <= fetched.leader_log_start;
    if (!appended.ok() && appended.error().code == ErrorCode::OFFSET_OUT_OF_RANGE && keeps_nothing &&
        fetched.records.size() >= kBatchHeaderBytes) {
      // Rule D56: after DeleteRecords the leader's log may start inside a batch, which comes whole.
      const BatchView first(fetched.records);
      if (first.base_offset() < end && first.last_offset() >= end) {
        env_.reached(Mark::follower_restarted_at_batch, name_);
        TRY(log_->truncate_fully_and_start_at(first.base_offset()));
        appended = log_->append_as_follower(fetched.records, fetched.leader_epoch);
      }
    }
    if (!appended.ok()) return fail(std::move(appended).error());
    if (appended->size_bytes > 0) host_.moved(*this);
  }
  TRY(take_leader_marks(fetched));
  return true;
}

// Rule D52. The high watermark only rises here: a new leader's may be below what this replica has already
// shown to readers (R4).
Result<void> Partition::take_leader_marks(const Fetched& fetched) {
  const int64_t target = std::min(fetched.leader_high_watermark, log_->log_end_offset());
  if (target > log_->high_watermark()) {
    log_->update_high_watermark(target);
    note_high_watermark();
  }
  const int64_t start = std::min(fetched.leader_log_start, log_->high_watermark());
  if (start > log_->log_start_offset()) {
    TRY_ASSIGN(const bool moved, log_->increment_log_start(start, storage::LogStartReason::leader_offset));
    if (moved) host_.moved(*this);
  }
  return {};
}

Result<bool> Partition::truncate(int64_t offset) {
  if (offset < log_->high_watermark()) {
    // Only an unclean election leads here (rule D50).
    env_.reached(Mark::follower_truncated_below_watermark, name_);
    LogLine line;
    line.level = 2;
    line.module = "replica";
    const std::string text = name_ + ": truncating to " + std::to_string(offset) +
                             " below the high watermark " + std::to_string(log_->high_watermark());
    line.text = text;
    env_.emit(line);
  }
  const int64_t watermark = log_->high_watermark();
  TRY_ASSIGN(const bool cut, log_->truncate_to(offset));
  if (log_->high_watermark() != watermark) note_high_watermark();
  if (cut) host_.moved(*this);
  return true;
}

Result<bool> Partition::truncate_to_divergence(int32_t request_epoch, storage::EpochEndOffset leader_end) {
  MutexLock hold(lock_);
  if (!follows(request_epoch)) return false;
  const int64_t log_end = log_->log_end_offset();
  int64_t target = std::min(leader_end.end_offset, log_end);
  const storage::EpochEndOffset own = log_->end_offset_for_epoch(leader_end.epoch);
  if (own.epoch >= 0 && own.end_offset >= 0) {
    // A different epoch of our own: the leader has nothing of it, ask again with what is left.
    target =
        own.epoch == leader_end.epoch ? std::min(own.end_offset, target) : std::min(own.end_offset, log_end);
  }
  env_.reached(Mark::follower_diverged, name_);
  TRY(truncate(target));
  env_.emit(DivergenceCut{name_, key().topic_id, key().index, leader_end.epoch, leader_end.end_offset});
  return true;
}

Result<bool> Partition::out_of_range(int32_t request_epoch, int64_t leader_start, int64_t leader_end) {
  MutexLock hold(lock_);
  if (!follows(request_epoch)) return false;
  const int64_t own_end = log_->log_end_offset();
  if (leader_end < own_end) {
    env_.reached(Mark::follower_beyond_leader, name_);
    return truncate(leader_end);
  }
  if (leader_start > own_end) {
    env_.reached(Mark::follower_behind_log_start, name_);
    TRY(log_->truncate_fully_and_start_at(leader_start));
    note_high_watermark();
    return true;
  }
  // Within the leader's log after all: it moved meanwhile.
  const int64_t start = std::min(leader_start, log_->high_watermark());
  if (start > log_->log_start_offset())
    TRY(log_->increment_log_start(start, storage::LogStartReason::leader_offset));
  return true;
}

// Not copied: Kafka's follower goes on where its own log starts. After an unclean election that was a place
// in another log, and it comes into the ISR without what its leader has below.
Result<bool> Partition::begin_at(int32_t request_epoch, int64_t leader_start) {
  MutexLock hold(lock_);
  if (!follows(request_epoch) || !is_blank() || leader_start >= log_->log_start_offset()) return false;
  TRY(log_->truncate_fully_and_start_at(leader_start));
  note_high_watermark();
  return true;
}

}  // namespace ksim::broker
