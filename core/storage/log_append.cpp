// Appending to a log: rules A65-A69 in that order, but for the producer's state, which is looked at first: it
// reads only, and a duplicate then leaves no trace.

#include <algorithm>

#include "core/storage/log.h"
#include "core/storage/segment.h"

namespace ksim::storage {

Result<ProducerCheck> Log::check_producer(Bytes batches, AppendOrigin origin, uint64_t guard) {
  ProducerCheck check;
  if (!options_.track_producers) return check;
  BatchCursor cursor(batches);
  BatchView batch;
  bool first = true;
  for (;;) {
    TRY_ASSIGN(const bool more, cursor.next(batch));
    if (!more) return check;
    if (!batch.has_producer_id()) continue;
    ENSURE(first && cursor.tail_bytes() == 0, "an append of several batches with a producer id");
    first = false;
    if (origin == AppendOrigin::client && producers_.needs_older_batches(batch)) {
      TRY(restore_batches(batch.producer_id()));
    }
    TRY_ASSIGN(check, producers_.check(batch, origin, guard, options_.config.verify_transactions));
  }
}

Log::Analysis Log::analyze(Bytes batches) const {
  Analysis analysis;
  BatchCursor cursor(batches);
  BatchView batch;
  for (;;) {
    const auto more = cursor.next(batch);
    ENSURE(more.ok(), "an append of bytes that are no batches");
    if (!*more) break;
    if (analysis.first_offset < 0) analysis.first_offset = batch.base_offset();
    analysis.last_offset = batch.last_offset();
    analysis.last_epoch = batch.leader_epoch();
    analysis.max_timestamp_ms = std::max(analysis.max_timestamp_ms, batch.max_timestamp_ms());
    if (batch.timestamp_type() == TimestampType::log_append_time) {
      analysis.append_time_ms = batch.max_timestamp_ms();
    }
  }
  analysis.size_bytes = cursor.position();
  return analysis;
}

Result<AppendInfo> Log::append_as_leader(MutableBytes batches, int32_t leader_epoch, AppendOrigin origin,
                                         uint64_t guard) {
  MutexLock lock(lock_);
  TRY(check_usable());
  if (static_cast<int64_t>(batches.size()) > options_.config.segment_bytes) {
    return fail(ErrorCode::RECORD_LIST_TOO_LARGE,
                std::to_string(batches.size()) + " bytes are more than a segment of " + name_ + " holds");
  }
  if (epochs_.latest_epoch().value_or(-1) > leader_epoch) {
    return fail(ErrorCode::NOT_LEADER_OR_FOLLOWER,
                name_ + " has records of a later leader than epoch " + std::to_string(leader_epoch));
  }
  TRY_ASSIGN(const ProducerCheck check, check_producer(batches, origin, guard));
  if (check.duplicate) {
    AppendInfo info;
    info.first_offset = check.original.first_offset();
    info.last_offset = check.original.last_offset;
    info.append_time_ms = check.original.timestamp_ms;
    info.log_start_offset = log_start_offset_;
    info.end_offset = log_end_.offset;
    info.duplicate = true;
    info.flush_to = flush_awaited_by(info.last_offset + 1);
    return info;
  }
  int64_t next_offset = log_end_.offset;
  for (size_t at = 0; at < batches.size();) {
    BatchEditor batch(batches.subspan(at));
    batch.set_base_offset(next_offset);
    batch.set_leader_epoch(leader_epoch);
    next_offset = batch.view().next_offset();
    at += batch.view().size_bytes();
  }
  TRY_ASSIGN(AppendInfo info, append_locked(batches, analyze(batches), -1));
  if (options_.keeper == nullptr) {
    TRY(flush_if_due());
  } else if (flush_is_due()) {
    flush_later(info.first_offset);
  }
  info.flush_to = flush_awaited_by(info.last_offset + 1);
  return info;
}

// How much of `batches` is to be appended: whole batches, of epochs the follower knows of, with rising
// offsets and right checksums. What comes before a damaged one is taken: Apache Kafka takes nothing, and does
// not come as far as it could.
Result<Log::Analysis> Log::validate_fetched(Bytes batches, int32_t leader_epoch) const {
  BatchCursor cursor(batches);
  BatchView batch;
  int64_t last_offset = -1;
  size_t accepted = 0;
  for (;;) {
    TRY_ASSIGN(const bool more, cursor.next(batch));
    if (!more || batch.leader_epoch() > leader_epoch) break;
    if (Result<void> sound = batch.check(); !sound.ok()) {
      if (accepted > 0) break;
      return fail(std::move(sound).error());
    }
    if (batch.base_offset() <= last_offset || batch.last_offset_delta() < 0) {
      return fail(ErrorCode::CORRUPT_MESSAGE, name_ + ": fetched batches are out of order at offset " +
                                                  std::to_string(batch.base_offset()));
    }
    last_offset = batch.last_offset();
    accepted = cursor.position();
  }
  return analyze(batches.first(accepted));
}

Result<AppendInfo> Log::append_as_follower(Bytes batches, int32_t leader_epoch) {
  MutexLock lock(lock_);
  TRY(check_usable());
  TRY_ASSIGN(const Analysis analysis, validate_fetched(batches, leader_epoch));
  AppendInfo nothing;
  nothing.log_start_offset = log_start_offset_;
  nothing.end_offset = log_end_.offset;
  if (analysis.size_bytes == 0) return nothing;
  if (analysis.first_offset < log_end_.offset) {
    return fail(ErrorCode::OFFSET_OUT_OF_RANGE,
                name_ + ": fetched batch at offset " + std::to_string(analysis.first_offset) +
                    " lies below the log end offset " + std::to_string(log_end_.offset));
  }
  if (static_cast<int64_t>(analysis.size_bytes) <= options_.config.segment_bytes) {
    TRY_ASSIGN(const AppendInfo info,
               append_locked(batches.first(analysis.size_bytes), analysis, leader_epoch));
    TRY(flush_if_due());  // what the next fetch tells the leader, this replica has
    return info;
  }
  // A fetch may bring more than a segment holds: then the batches go one by one.
  Result<AppendInfo> info = nothing;
  int64_t first_offset = -1;
  for (size_t at = 0; at < analysis.size_bytes;) {
    const Bytes one = batches.subspan(at, BatchView(batches.subspan(at)).size_bytes());
    info = append_locked(one, analyze(one), leader_epoch);
    if (!info.ok()) return info;
    TRY(flush_if_due());
    if (first_offset < 0) first_offset = info->first_offset;
    at += one.size();
  }
  info->first_offset = first_offset;
  info->size_bytes = analysis.size_bytes;
  return info;
}

Result<void> Log::note_epochs(Bytes batches) {
  BatchCursor cursor(batches);
  BatchView batch;
  bool changed = false;
  for (;;) {
    TRY_ASSIGN(const bool more, cursor.next(batch));
    if (!more) break;
    if (batch.leader_epoch() < 0) continue;
    if (epochs_.assign(batch.leader_epoch(), batch.base_offset())) changed = true;
  }
  return changed ? save_epochs() : Result<void>{};
}

Result<AppendInfo> Log::append_locked(Bytes batches, const Analysis& analysis, int32_t fetched_epoch) {
  if (auto noted = note_epochs(batches); !noted.ok()) return failure(std::move(noted).error());
  const bool early = active()->size_bytes() > 0 && env_.buggify(Site::log_rolled_early, 50);
  if (early || active()->should_roll(options_.config, batches.size(), analysis.max_timestamp_ms,
                                     analysis.last_offset, env_.clock.wall().ms())) {
    // The base is the log end even if the leader's log has a hole here (compaction), so that segments lie end
    // to end and recovery can tell when one is missing; unless the offsets would not fit (rule A69).
    const bool fits = analysis.last_offset - log_end_.offset <= std::numeric_limits<int32_t>::max();
    TRY(roll_locked(fits ? log_end_.offset : analysis.first_offset));
  }
  const std::shared_ptr<Segment> segment = active();
  const uint64_t position = segment->size_bytes();
  const auto written = segment->append(batches, options_.config.index_interval_bytes);
  if (!written.ok()) return disk_failure(written.error(), "appending");
  set_log_end(analysis.last_offset + 1);
  if (auto applied = apply_to_producers(batches, *segment, position); !applied.ok()) {
    return disk_failure(IoError::invalid, "producer state: " + applied.error().message);
  }
  env_.emit(LogAppended{name_, options_.topic_id, options_.topic_partition.partition, analysis.first_offset,
                        log_end_.offset, analysis.last_epoch, fetched_epoch});
  AppendInfo info{analysis.first_offset, analysis.last_offset, analysis.append_time_ms, log_start_offset_,
                  log_end_.offset,       batches.size(),       analysis.last_epoch};
  return info;
}

Result<void> Log::flush_if_due() {
  if (!flush_is_due()) return {};
  MutexLock flush_lock(flush_lock_);
  TRY(flush_segments(log_end_.offset));
  return {};
}

Result<void> Log::apply_to_producers(Bytes batches, Segment& segment, uint64_t position) {
  if (!options_.track_producers) return {};
  BatchCursor cursor(batches);
  BatchView batch;
  for (;;) {
    const uint64_t at = position + cursor.position();
    TRY_ASSIGN(const bool more, cursor.next(batch));
    if (!more) break;
    TRY_ASSIGN(const auto completed, producers_.apply(batch, segment.base_offset(), at));
    if (!completed) continue;
    if (completed->aborted) {
      segment.add_aborted({completed->producer_id, completed->first_offset, completed->last_offset,
                           producers_.last_stable_offset_after(*completed)});
    }
    producers_.complete(*completed);
  }
  producers_.set_end_offset(log_end_.offset);
  return {};
}

// ---- roll ----

Result<void> Log::roll() {
  MutexLock lock(lock_);
  TRY(check_usable());
  if (active()->size_bytes() == 0) return {};
  return roll_locked(log_end_.offset);
}

Result<void> Log::roll_locked(int64_t base_offset) {
  ENSURE(base_offset >= log_end_.offset && base_offset > active()->base_offset());
  const std::shared_ptr<Segment> closing = active();
  closing->close_indexes();
  closing_ = closing;  // a flush may end while this waits for the disk
  if (options_.config.cleanup_compact || (recovery_point_ >= log_end_.offset && options_.keeper != nullptr)) {
    // Compacted logs have holes, so a segment lost in a crash could not be told from one: the old segment is
    // on disk before the new one exists. And so is one whose batches already count as flushed: recovery will
    // not look at it again, and its indexes are still to be written.
    FilesLock files(*this);
    auto synced = closing->sync();
    if (synced.ok()) synced = env_.disk.sync_dir(options_.path);
    if (!synced.ok()) return disk_failure(synced.error(), "flushing the closed segment");
  }
  producers_.set_end_offset(base_offset);
  if (auto taken = take_snapshot(); !taken.ok()) return failure(std::move(taken).error());
  auto created = create_segment(base_offset);
  if (!created.ok()) return failure(std::move(created).error());
  segments_[base_offset] = std::move(*created);
  closing_.reset();
  set_log_end(log_end_.offset);
  if (options_.keeper != nullptr) options_.keeper->flush_soon(shared_from_this(), base_offset);
  env_.emit(SegmentRolled{name_, options_.topic_id, options_.topic_partition.partition, base_offset});
  env_.reached(Mark::log_rolled, name_);
  return {};
}

Result<std::shared_ptr<Segment>> Log::create_segment(int64_t base_offset) {
  auto created = Segment::create(env_.disk, options_.path, base_offset, env_.clock.wall());
  if (!created.ok()) return fail(Error(created.error(), name_ + ": creating a segment"));
  const int64_t jitter = std::min(options_.config.segment_jitter_ms, options_.config.segment_ms);
  if (jitter > 0) {
    Dice dice(env_.random, Stream::segment_jitter,
              mix64(hash_text(name_), static_cast<uint64_t>(base_offset), ++segments_drawn_));
    (*created)->set_roll_jitter(static_cast<int64_t>(dice.below(static_cast<uint64_t>(jitter))));
  }
  return std::move(*created);
}

}  // namespace ksim::storage
