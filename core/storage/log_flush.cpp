// Flush and close (rules A70, W15).

#include <algorithm>

#include "core/storage/log.h"
#include "core/storage/segment.h"

namespace ksim::storage {
namespace {

constexpr Duration kLate = milliseconds(120);  // where log.flush_late is active

}  // namespace

Result<void> Log::flush(int64_t up_to) {
  Result<bool> all = false;
  while (all.ok() && !*all) {
    while (flush_lock_wanted_)
      static_cast<void>(flush_goes_on_.wait(Instant::never(), "who changes the log"));
    MutexLock flush_lock(flush_lock_);
    if (flush_lock_wanted_) continue;
    TRY(check_usable());
    all = flush_segments(up_to);
  }
  if (flushed_) flushed_();
  return all.ok() ? Result<void>{} : fail(std::move(all).error());
}

// What flush.messages asks of appends that end at the log end. A flush that is on its way starts the count
// anew.
bool Log::flush_is_due() const {
  return log_end_.offset - std::max(recovery_point_, flush_due_to_) >= options_.config.flush_messages;
}

void Log::flush_later(int64_t first_offset) {
  if (flush_due_to_ <= recovery_point_) flush_due_from_ = first_offset;
  flush_due_to_ = log_end_.offset;
  options_.keeper->flush_soon(shared_from_this(), flush_due_to_);
}

int64_t Log::settled_end() const {
  if (flush_due_to_ <= recovery_point_) return log_end_.offset;
  return std::min(std::max(flush_due_from_, recovery_point_), log_end_.offset);
}

int64_t Log::flush_awaited_by(int64_t end_offset) const {
  return end_offset > recovery_point_ && end_offset <= flush_due_to_ ? end_offset : -1;
}

// The flush lock is held, the log's lock perhaps not: appends go on, segments are rolled. Of the active
// segment only the batches are synced: after an unclean stop it gets new indexes anyway (rule A78), and a
// roll sees to it that no closed segment relies on that.
// False: it has given way before it came to the end, and what is before the recovery point is flushed.
Result<bool> Log::flush_segments(int64_t up_to) {
  up_to = std::min(up_to, log_end_.offset);  // a truncation may have come before
  if (up_to <= recovery_point_) return true;
  env_.dawdle(Site::log_flush_late, 50, kLate);
  const Segments segments = segments_;
  const std::shared_ptr<Segment> last = segments.rbegin()->second;
  const auto is_closed = [this](const std::shared_ptr<Segment>& segment) {
    return segment != active() || segment == closing_;
  };
  bool all = true;
  do {
    bool new_names = false;
    bool some = false;
    for (const auto& [base, segment] : segments) {
      if (base >= up_to) break;
      if (some && flush_lock_wanted_ && base > recovery_point_) {
        all = false;
        up_to = base;
        break;
      }
      const bool closed = is_closed(segment);
      new_names = new_names || base >= recovery_point_;
      if (!segment->needs_sync()) continue;
      new_names = new_names || closed;  // the first time that its indexes are written
      const auto synced = closed ? segment->sync() : segment->sync_batches();
      if (!synced.ok()) return disk_failure(synced.error(), "flushing a segment");
      some = true;
    }
    if (new_names) {
      const auto synced = env_.disk.sync_dir(options_.path);
      if (!synced.ok()) return disk_failure(synced.error(), "syncing its directory");
    }
    // Once more, if what was the active segment has been closed meanwhile.
  } while (last->base_offset() < up_to && is_closed(last) && last->needs_sync());
  last_flush_ = env_.now();
  recovery_point_ = up_to;
  return all;
}

Result<void> Log::close() {
  MutexLock lock(lock_);
  TRY(check_usable());
  FilesLock files(*this);
  active()->close_indexes();
  if (auto taken = take_snapshot(); !taken.ok()) return failure(std::move(taken).error());
  for (const auto& [base, segment] : segments_) {
    const auto synced = segment->sync();
    if (!synced.ok()) return disk_failure(synced.error(), "flushing a segment");
  }
  if (!epochs_saved_) {
    if (auto saved = save_epochs(); !saved.ok()) return failure(std::move(saved).error());
  }
  const auto named = env_.disk.sync_dir(options_.path);
  if (!named.ok()) return disk_failure(named.error(), "syncing its directory");
  recovery_point_ = log_end_.offset;
  closed_ = true;
  return {};
}

}  // namespace ksim::storage
