// Identity, marks and queries of a log, and its failures.

#include "core/storage/log.h"

#include <algorithm>

#include "core/storage/log_loader.h"
#include "core/storage/partition_metadata.h"
#include "core/storage/segment.h"

namespace ksim::storage {

std::string_view to_string(LogStartReason reason) {
  switch (reason) {
    case LogStartReason::segment_deletion:
      return "segment deletion";
    case LogStartReason::leader_offset:
      return "leader offset increment";
    case LogStartReason::records_deleted:
      return "client delete records request";
    case LogStartReason::snapshot_generated:
      return "snapshot generated";
  }
  return "";
}

Log::Log(const Env& env, LogOpen options)
    : env_(env),
      options_(std::move(options)),
      name_(options_.topic_partition.to_string()),
      lock_(env.scheduler),
      flush_lock_(env.scheduler),
      flush_goes_on_(env.scheduler),
      last_flush_(env.now()) {}

Log::~Log() = default;

Result<std::shared_ptr<Log>> Log::open(const Env& env, LogOpen options) {
  std::shared_ptr<Log> log(new Log(env, std::move(options)));
  LogLoader loader(*log);
  if (auto loaded = loader.load(); !loaded.ok()) {
    Error error = std::move(loaded).error();
    // Records that cannot be read, in what recovery does not look at.
    if (error.code != ErrorCode::INCONSISTENT_TOPIC_ID) error.code = ErrorCode::KAFKA_STORAGE_ERROR;
    return log->failure(std::move(error));
  }
  return log;
}

// ---- failures ----

Result<void> Log::check_usable() const {
  if (failed_) return fail(ErrorCode::KAFKA_STORAGE_ERROR, name_ + ": its log directory has failed");
  if (closed_) return fail(ErrorCode::KAFKA_STORAGE_ERROR, name_ + " is closed");
  return {};
}

Failure<Error> Log::failure(Error error) {
  if (error.code == ErrorCode::KAFKA_STORAGE_ERROR && !failed_) {
    failed_ = true;
    if (options_.keeper != nullptr) options_.keeper->disk_failed(*this, error);
  }
  return fail(std::move(error));
}

Failure<Error> Log::disk_failure(IoError cause, std::string_view what) {
  return failure(Error(cause, name_ + ": " + std::string(what) + ": " + std::string(to_string(cause))));
}

// ---- marks ----

std::shared_ptr<Segment> Log::segment_at(int64_t offset) const {
  const auto above = segments_.upper_bound(offset);
  return above == segments_.begin() ? nullptr : std::prev(above)->second;
}

std::shared_ptr<Segment> Log::segment_after(int64_t base_offset) const {
  const auto above = segments_.upper_bound(base_offset);
  return above == segments_.end() ? nullptr : above->second;
}

std::optional<int64_t> Log::first_unstable_offset() const {
  const LogOffsetMetadata* first = producers_.first_unstable();
  if (first == nullptr) return std::nullopt;
  return std::max(first->offset, log_start_offset_);
}

int64_t Log::last_stable_offset() const {
  return std::min(first_unstable_offset().value_or(high_watermark_.offset), high_watermark_.offset);
}

uint64_t Log::size_bytes() const {
  uint64_t total = 0;
  for (const auto& [base, segment] : segments_) total += segment->size_bytes();
  return total;
}

std::vector<int64_t> Log::segment_bases() const {
  std::vector<int64_t> bases;
  for (const auto& [base, segment] : segments_) bases.push_back(base);
  return bases;
}

void Log::set_log_end(int64_t offset) {
  const Segment& last = *active();
  log_end_ = {offset, last.base_offset(), last.size_bytes()};
  if (high_watermark_.offset >= offset) set_high_watermark(log_end_);
  recovery_point_ = std::min(recovery_point_, offset);
  flush_due_to_ = std::min(flush_due_to_, offset);
}

void Log::set_high_watermark(const LogOffsetMetadata& mark) {
  high_watermark_ = mark;
  producers_.high_watermark_moved(mark.offset);
}

int64_t Log::update_high_watermark(int64_t high_watermark) {
  return update_high_watermark(LogOffsetMetadata{high_watermark});
}

int64_t Log::update_high_watermark(const LogOffsetMetadata& high_watermark) {
  if (high_watermark.offset < log_start_offset_) {
    set_high_watermark({log_start_offset_});
  } else if (high_watermark.offset >= log_end_.offset) {
    set_high_watermark(log_end_);
  } else {
    set_high_watermark(high_watermark);
  }
  return high_watermark_.offset;
}

std::optional<LogOffsetMetadata> Log::maybe_increment_high_watermark(const LogOffsetMetadata& candidate) {
  ENSURE(candidate.offset <= log_end_.offset, "a high watermark above the log end");
  const LogOffsetMetadata old = high_watermark_;
  const bool moves = old.offset < candidate.offset ||
                     (old.offset == candidate.offset && old.on_older_segment_than(candidate));
  if (!moves) return std::nullopt;
  set_high_watermark(candidate);
  return old;
}

// ---- epochs and identity ----

Result<void> Log::save_epochs() {
  TRY(write_epoch_file(env_.disk, options_.path, epochs_));
  epochs_saved_ = true;
  return {};
}

Result<void> Log::assign_epoch_start(int32_t epoch, int64_t start_offset) {
  MutexLock lock(lock_);
  TRY(check_usable());
  if (!epochs_.would_assign(epoch, start_offset)) return {};
  epochs_.assign(epoch, start_offset);
  if (auto saved = save_epochs(); !saved.ok()) return failure(std::move(saved).error());
  return {};
}

Result<void> Log::assign_topic_id(Uuid topic_id) {
  ENSURE(!topic_id.is_zero());
  MutexLock lock(lock_);
  TRY(check_usable());
  if (options_.topic_id == topic_id) return {};
  if (!options_.topic_id.is_zero()) {
    return fail(ErrorCode::INCONSISTENT_TOPIC_ID,
                name_ + " has topic id " + options_.topic_id.to_string() + ", not " + topic_id.to_string());
  }
  if (auto written = write_partition_metadata(env_.disk, options_.path, topic_id); !written.ok()) {
    return failure(std::move(written).error());
  }
  options_.topic_id = topic_id;
  return {};
}

Result<void> Log::rename_directory(const std::string& new_path) {
  MutexLock lock(lock_);
  FilesLock files(*this);
  if (const auto renamed = env_.disk.rename(options_.path, new_path); !renamed.ok()) {
    return disk_failure(renamed.error(), "renaming its directory to " + new_path);
  }
  options_.path = new_path;
  for (const auto& [base, segment] : segments_) segment->set_directory(new_path);
  if (const auto synced = env_.disk.sync_dir(parent_path(new_path)); !synced.ok()) {
    return disk_failure(synced.error(), "syncing the log directory");
  }
  return {};
}

void Log::abandon() { closed_ = true; }

// ---- producers ----

bool Log::has_ongoing_transaction(int64_t producer_id) const {
  const ProducerEntry* entry = producers_.find(producer_id);
  return entry != nullptr && entry->txn_first_offset >= 0;
}

Result<uint64_t> Log::start_verification(int64_t producer_id, int32_t sequence, int16_t epoch) {
  return producers_.start_verification(producer_id, sequence, epoch, env_.clock.wall().ms());
}

void Log::remove_expired_producers() {
  producers_.remove_expired(env_.clock.wall().ms(), options_.config.producer_id_expiration_ms);
}

}  // namespace ksim::storage
