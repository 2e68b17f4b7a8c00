// Truncation, the log start offset, and retention (rules A70-A75). The order of steps is what makes each of
// them safe against a crash in between: marks that a checkpoint holds go down on disk before data changes,
// and files leave the directory so that what is left lies end to end at every moment.

#include <algorithm>

#include "core/storage/log.h"
#include "core/storage/segment.h"

namespace ksim::storage {

// A checkpoint must never say that something is flushed which is about to be cut and written anew.
Result<void> Log::lower_persisted(int64_t recovery_point, int64_t log_start) {
  const bool lower_recovery = recovery_point < recovery_point_;
  const bool lower_start = log_start < log_start_offset_;
  if (lower_recovery) recovery_point_ = recovery_point;
  if (lower_start) log_start_offset_ = checkpoint_log_start_ = log_start;
  if (options_.keeper == nullptr) return {};
  if (lower_recovery) TRY(options_.keeper->persist_recovery_point(*this));
  if (lower_start) TRY(options_.keeper->persist_log_start(*this));
  return {};
}

Result<void> Log::delete_segments(const std::vector<std::shared_ptr<Segment>>& doomed, bool each_durable) {
  std::vector<std::string> paths;
  for (const std::shared_ptr<Segment>& segment : doomed) {
    const auto renamed = segment->mark_deleted();
    if (!renamed.ok()) return disk_failure(renamed.error(), "deleting a segment");
    paths.insert(paths.end(), renamed->begin(), renamed->end());
    if (!each_durable && segment != doomed.back()) continue;
    const auto synced = env_.disk.sync_dir(options_.path);
    if (!synced.ok()) return disk_failure(synced.error(), "syncing its directory");
  }
  if (options_.keeper != nullptr) {
    options_.keeper->remove_later(std::move(paths), options_.config.file_delete_delay_ms);
    return {};
  }
  for (const std::string& path : paths) {
    const auto removed = env_.disk.remove(path);
    if (!removed.ok() && removed.error() != IoError::not_found) {
      return disk_failure(removed.error(), "removing " + path);
    }
  }
  return {};
}

Result<bool> Log::truncate_to(int64_t offset) {
  ENSURE(offset >= 0);
  MutexLock lock(lock_);
  TRY(check_usable());
  const int64_t old_end = log_end_.offset;
  if (offset >= old_end) {
    if (epochs_.truncate_from_end(offset)) {
      if (auto saved = save_epochs(); !saved.ok()) return failure(std::move(saved).error());
    }
    return false;
  }
  FilesLock files(*this);
  if (offset < segments_.begin()->first) {
    TRY(truncate_fully_locked(offset, offset));
    return true;
  }
  const std::shared_ptr<Segment> last = segment_at(offset);
  const auto loaded = last->load_indexes();
  if (!loaded.ok()) return disk_failure(loaded.error(), "loading indexes");
  auto located = last->locate(offset);
  if (!located.ok()) return failure(std::move(located).error());
  // Nothing at or behind the offset in this segment: its end stays, later segments go.
  const BatchLocation cut = located->value_or(BatchLocation{offset, offset, last->size_bytes(), 0});
  const int64_t new_end = std::min(offset, cut.base_offset);
  if (auto lowered = lower_persisted(new_end, new_end); !lowered.ok()) {
    return failure(std::move(lowered).error());
  }

  std::vector<std::shared_ptr<Segment>> doomed;
  for (auto at = segments_.rbegin(); at->second != last; ++at) doomed.push_back(at->second);
  for (const auto& segment : doomed) segments_.erase(segment->base_offset());
  last->cut_before(cut);
  set_log_end(new_end);
  TRY(delete_segments(doomed, true));
  if (auto done = last->truncate_file(); !done.ok()) return failure(std::move(done).error());
  if (auto done = last->prepare_for_append(new_end); !done.ok()) return failure(std::move(done).error());
  if (epochs_.truncate_from_end(new_end)) {
    if (auto saved = save_epochs(); !saved.ok()) return failure(std::move(saved).error());
  }
  // Gone for good, so that none comes back when other records have these offsets.
  if (!snapshots_.empty() && snapshots_.back() > new_end) {
    if (auto done = remove_snapshots_outside(-1, new_end); !done.ok())
      return failure(std::move(done).error());
    const auto synced = env_.disk.sync_dir(options_.path);
    if (!synced.ok()) return disk_failure(synced.error(), "syncing its directory");
  }
  if (auto done = load_producers(producers_, new_end); !done.ok()) return failure(std::move(done).error());
  set_high_watermark(high_watermark_);
  env_.emit(
      LogTruncated{name_, options_.topic_id, options_.topic_partition.partition, old_end, new_end, this});
  env_.reached(Mark::log_truncated, name_);
  return true;
}

Result<void> Log::truncate_fully_and_start_at(int64_t offset, std::optional<int64_t> log_start) {
  ENSURE(offset >= 0 && log_start.value_or(0) >= 0 && log_start.value_or(0) <= offset);
  MutexLock lock(lock_);
  TRY(check_usable());
  FilesLock files(*this);
  return truncate_fully_locked(offset, log_start.value_or(offset));
}

Result<void> Log::truncate_fully_locked(int64_t offset, int64_t log_start) {
  const int64_t old_end = log_end_.offset;
  if (auto lowered = lower_persisted(offset, log_start); !lowered.ok()) {
    return failure(std::move(lowered).error());
  }
  // The old segments stay in the list while their files go, newest first: readers always find some.
  std::vector<std::shared_ptr<Segment>> doomed;
  for (auto at = segments_.rbegin(); at != segments_.rend(); ++at) doomed.push_back(at->second);
  TRY(delete_segments(doomed, true));
  auto created = create_segment(offset);
  if (!created.ok()) return failure(std::move(created).error());
  segments_.clear();
  segments_[offset] = std::move(*created);
  epochs_.clear();
  producers_.clear(offset);
  log_start_offset_ = checkpoint_log_start_ = log_start;
  durable_first_base_ = offset;
  set_log_end(offset);
  set_high_watermark(log_end_);
  if (auto done = remove_snapshots_outside(offset, offset); !done.ok()) {
    return failure(std::move(done).error());
  }
  const auto synced = env_.disk.sync_dir(options_.path);
  if (!synced.ok()) return disk_failure(synced.error(), "syncing its directory");
  if (auto done = save_epochs(); !done.ok()) return failure(std::move(done).error());
  env_.emit(
      LogTruncated{name_, options_.topic_id, options_.topic_partition.partition, old_end, offset, this});
  env_.reached(Mark::log_truncated, name_);
  return {};
}

// ---- log start ----

Result<bool> Log::increment_log_start(int64_t offset, LogStartReason reason) {
  MutexLock lock(lock_);
  TRY(check_usable());
  if (offset > high_watermark_.offset) {
    return fail(ErrorCode::OFFSET_OUT_OF_RANGE, name_ + ": log start offset " + std::to_string(offset) +
                                                    " would pass the high watermark " +
                                                    std::to_string(high_watermark_.offset));
  }
  if (offset <= log_start_offset_) return false;
  TRY(raise_log_start(offset, reason));
  return true;
}

Result<void> Log::raise_log_start(int64_t offset, LogStartReason reason) {
  // On disk before anybody sees it: it must not go back in a crash (rule D59).
  checkpoint_log_start_ = offset;
  if (options_.keeper != nullptr) {
    if (auto done = options_.keeper->persist_log_start(*this); !done.ok()) {
      return failure(std::move(done).error());
    }
  }
  log_start_offset_ = offset;
  producers_.log_start_moved(offset);
  // Not written now: loading cuts the cache at the log start again.
  if (epochs_.truncate_from_start(offset)) epochs_saved_ = false;
  env_.emit(
      LogStartMoved{name_, options_.topic_id, options_.topic_partition.partition, offset, to_string(reason)});
  return {};
}

// ---- retention ----

// How many of the oldest segments are to go: first those below the log start, then what exceeds the size,
// then what is too old, each going on where the one before has stopped.
Result<size_t> Log::count_expired(int64_t now_ms) const {
  const LogConfig& config = options_.config;
  std::vector<std::shared_ptr<Segment>> candidates;
  std::vector<int64_t> ends;
  for (auto at = segments_.begin(); at != segments_.end(); ++at) {
    const bool last = std::next(at) == segments_.end();
    const int64_t end = last ? log_end_.offset : std::next(at)->first;
    if (end > high_watermark_.offset || (last && at->second->size_bytes() == 0)) break;
    candidates.push_back(at->second);
    ends.push_back(last ? std::numeric_limits<int64_t>::max() : end);
  }
  uint64_t left = size_bytes();
  size_t count = 0;
  while (count < candidates.size() && ends[count] <= log_start_offset_)
    left -= candidates[count++]->size_bytes();
  if (!config.cleanup_delete) return count;
  if (config.retention_bytes >= 0) {
    const auto keep = static_cast<uint64_t>(config.retention_bytes);
    while (count < candidates.size() && left >= keep + candidates[count]->size_bytes()) {
      left -= candidates[count++]->size_bytes();
    }
  }
  if (config.retention_ms < 0) return count;
  for (; count < candidates.size(); ++count) {
    TRY_ASSIGN(const int64_t largest_ms, candidates[count]->largest_timestamp_or_mtime());
    if (now_ms - largest_ms <= config.retention_ms) break;
  }
  return count;
}

Result<size_t> Log::delete_old_segments() {
  MutexLock lock(lock_);
  TRY(check_usable());
  for (const auto& [base, segment] : segments_) {
    if (segment != active()) segment->age();
  }
  auto expired = count_expired(env_.clock.wall().ms());
  if (!expired.ok()) return failure(std::move(expired).error());
  const size_t count = *expired;
  if (count == 0) return count;
  if (count == segments_.size()) TRY(roll_locked(log_end_.offset));
  std::vector<std::shared_ptr<Segment>> doomed;
  for (const auto& [base, segment] : segments_) {
    if (doomed.size() == count) break;
    doomed.push_back(segment);
  }
  const int64_t new_start = segment_after(doomed.back()->base_offset())->base_offset();
  if (new_start > log_start_offset_) TRY(raise_log_start(new_start, LogStartReason::segment_deletion));
  for (const auto& segment : doomed) segments_.erase(segment->base_offset());
  FilesLock files(*this);
  TRY(sync_first_snapshot(new_start));
  // Oldest first. Without a keeper nothing on disk tells the log start, so not even a crash may leave a hole.
  TRY(delete_segments(doomed, options_.keeper == nullptr));
  durable_first_base_ = segments_.begin()->first;
  for (const auto& segment : doomed) {
    if (auto done = remove_snapshot(segment->base_offset()); !done.ok()) {
      return failure(std::move(done).error());
    }
  }
  return count;
}

}  // namespace ksim::storage
