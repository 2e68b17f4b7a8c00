#include "core/storage/segment.h"

#include <algorithm>

#include "core/storage/text.h"

namespace ksim::storage {
namespace {

constexpr size_t kRecentKept = 64;
constexpr size_t kOffsetDigits = 20;

Failure<Error> storage_failure(IoError cause, std::string what) {
  return fail(Error(cause, std::move(what)));
}

}  // namespace

std::string segment_file_name(int64_t base_offset, std::string_view suffix) {
  const std::string digits = std::to_string(base_offset);
  ENSURE(base_offset >= 0 && digits.size() <= kOffsetDigits);
  std::string name(kOffsetDigits - digits.size(), '0');
  return name.append(digits).append(suffix);
}

std::optional<int64_t> offset_of_file_name(std::string_view name) {
  // Any other spelling would be taken for the file that has its name right, which may not be there.
  if (name.find('.') != kOffsetDigits) return std::nullopt;
  std::string_view suffix = name.substr(kOffsetDigits);
  for (const std::string_view state : {kDeletedSuffix, kCleanedSuffix, kSwapSuffix}) {
    if (!suffix.ends_with(state)) continue;
    suffix.remove_suffix(state.size());
    break;
  }
  constexpr std::string_view kSuffixes[] = {kLogSuffix, kIndexSuffix, kTimeIndexSuffix, kTxnIndexSuffix,
                                            kSnapshotSuffix};
  if (std::find(std::begin(kSuffixes), std::end(kSuffixes), suffix) == std::end(kSuffixes))
    return std::nullopt;
  const auto offset = parse_number<int64_t>(name.substr(0, kOffsetDigits));
  return offset && *offset >= 0 ? offset : std::nullopt;
}

Segment::Segment(Disk& disk, const std::string& directory, int64_t base_offset, WallTime now)
    : disk_(disk),
      directory_(directory),
      base_offset_(base_offset),
      offset_index_(disk, path_of(kIndexSuffix), base_offset),
      time_index_(disk, path_of(kTimeIndexSuffix), base_offset),
      txn_index_(disk, path_of(kTxnIndexSuffix)),
      created_ms_(now.ms()) {}

std::string Segment::path_of(std::string_view suffix) const {
  return join_path(directory_, segment_file_name(base_offset_, suffix));
}

void Segment::set_directory(const std::string& directory) {
  directory_ = directory;
  offset_index_.file().set_path(path_of(kIndexSuffix));
  time_index_.file().set_path(path_of(kTimeIndexSuffix));
  txn_index_.file().set_path(path_of(kTxnIndexSuffix));
}

IoResult<std::shared_ptr<Segment>> Segment::create(Disk& disk, const std::string& directory,
                                                   int64_t base_offset, WallTime now) {
  std::shared_ptr<Segment> segment(new Segment(disk, directory, base_offset, now));
  TRY_ASSIGN(segment->file_, disk.open(segment->path_of(kLogSuffix), Open::create_truncate));
  segment->offset_index_.file().reset(false);
  segment->time_index_.file().reset(false);
  segment->txn_index_.file().reset(false);
  segment->largest_ = TimestampOffset{-1, base_offset};
  segment->batches_dirty_ = segment->indexes_dirty_ = true;
  return segment;
}

IoResult<std::shared_ptr<Segment>> Segment::open(Disk& disk, const std::string& directory,
                                                 int64_t base_offset, const SegmentFiles& files,
                                                 WallTime now) {
  std::shared_ptr<Segment> segment(new Segment(disk, directory, base_offset, now));
  TRY_ASSIGN(segment->file_, disk.open(segment->path_of(kLogSuffix), Open::write));
  TRY_ASSIGN(segment->size_bytes_, segment->file_->size());
  const auto attach = [](auto& index, const std::optional<uint64_t>& size_bytes) {
    if (size_bytes) {
      index.attach(*size_bytes);
    } else {
      index.reset(false);
    }
  };
  attach(segment->offset_index_.file(), files.index_bytes);
  attach(segment->time_index_.file(), files.time_index_bytes);
  attach(segment->txn_index_.file(), files.txn_index_bytes);
  return segment;
}

IoResult<bool> Segment::indexes_usable(const SegmentFiles& files) {
  if (!files.index_bytes || !files.time_index_bytes) return false;
  if (files.txn_index_bytes) {
    // Others may have fewer entries than they had. Without one of these a reader of committed records is
    // handed what was aborted; so one that is not whole is none.
    auto& entries = txn_index_.file();
    TRY(entries.load());
    if (entries.size_bytes() != *files.txn_index_bytes) return false;
    if (entries.count() > 0 && entries.entries().front().last_offset < base_offset_) return false;
    entries.unload();
  }
  return true;
}

IoResult<void> Segment::load_indexes() {
  used_ = true;
  do {  // as in locate_timestamp
    TRY(offset_index_.file().load());
    TRY(time_index_.file().load());
    TRY(txn_index_.file().load());
  } while (!offset_index_.file().loaded() || !time_index_.file().loaded());
  return {};
}

Result<void> Segment::prepare_for_append(int64_t next_offset) {
  if (const auto loaded = load_indexes(); !loaded.ok()) {
    return storage_failure(loaded.error(), "loading the indexes of " + path_of(kLogSuffix));
  }
  // Damaged entries that are in order and yet behind all there is would be in the way of the next ones.
  offset_index_.truncate_to(next_offset, size_bytes_);
  time_index_.truncate_to(next_offset);
  txn_index_.truncate_to(next_offset);
  if (!largest_) largest_ = time_index_.last();
  if (!offset_index_.file().entries().empty())
    bytes_since_index_ = size_bytes_ - offset_index_.last().position;
  if (!first_timestamp_ms_ && size_bytes_ > 0) {
    FileBatches batches(*file_, 0, size_bytes_, kBatchHeaderBytes);
    TRY_ASSIGN(const bool any, batches.next());
    if (any) first_timestamp_ms_ = batches.header().max_timestamp_ms;
  }
  return {};
}

bool Segment::should_roll(const LogConfig& config, uint64_t more_bytes, int64_t max_timestamp_ms,
                          int64_t last_offset, int64_t now_ms) const {
  if (last_offset - base_offset_ > std::numeric_limits<int32_t>::max()) return true;
  const auto limit = static_cast<uint64_t>(config.segment_bytes);
  if (size_bytes_ + more_bytes > limit) return true;
  if (size_bytes_ == 0) return false;
  const int64_t waited_ms = first_timestamp_ms_ && *first_timestamp_ms_ >= 0
                                ? max_timestamp_ms - *first_timestamp_ms_
                                : now_ms - created_ms_;
  const OffsetIndex& offsets = offset_index_;
  return waited_ms > config.max_segment_ms() - roll_jitter_ms_ || offsets.full(config.segment_index_bytes) ||
         time_index_.full(config.segment_index_bytes);
}

void Segment::note_batch(const BatchView& batch, uint64_t position, int64_t index_interval_bytes) {
  const int64_t last_offset = batch.last_offset();
  if (batch.max_timestamp_ms() > largest_->timestamp_ms) largest_ = {batch.max_timestamp_ms(), last_offset};
  if (static_cast<int64_t>(bytes_since_index_) > index_interval_bytes) {
    offset_index_.append(last_offset, position);
    time_index_.maybe_append(largest_->timestamp_ms, largest_->offset);
    bytes_since_index_ = 0;
  }
  bytes_since_index_ += batch.size_bytes();
}

IoResult<void> Segment::append(Bytes batches, int64_t index_interval_bytes) {
  ENSURE(offset_index_.file().loaded() && largest_.has_value(), "a segment grows before it is prepared");
  TRY(write_fully(*file_, size_bytes_, batches));
  batches_dirty_ = indexes_dirty_ = true;
  BatchCursor cursor(batches);
  BatchView batch;
  for (;;) {
    const auto more = cursor.next(batch);
    ENSURE(more.ok(), "an append of bytes that are no batches");
    if (!*more) break;
    if (!first_timestamp_ms_) first_timestamp_ms_ = batch.max_timestamp_ms();
    note_batch(batch, size_bytes_, index_interval_bytes);
    if (recent_.size() == 2 * kRecentKept) recent_.erase(recent_.begin(), recent_.begin() + kRecentKept);
    recent_.push_back({batch.base_offset(), batch.last_offset(), size_bytes_, batch.size_bytes()});
    size_bytes_ += batch.size_bytes();
  }
  ENSURE(cursor.tail_bytes() == 0, "an append ends within a batch");
  return {};
}

void Segment::add_aborted(const AbortedTxnEntry& entry) {
  txn_index_.append(entry);
  indexes_dirty_ = true;
}

void Segment::close_indexes() {
  time_index_.maybe_append(largest_->timestamp_ms, largest_->offset);
  indexes_dirty_ = true;
}

void Segment::cut_before(const BatchLocation& location) {
  size_bytes_ = location.position;
  offset_index_.truncate_to(location.base_offset, location.position);
  time_index_.truncate_to(location.base_offset);
  txn_index_.truncate_to(location.base_offset);
  recent_.clear();
  found_to_ = std::min(found_to_, size_bytes_);
  largest_ = time_index_.last();
  bytes_since_index_ = size_bytes_ - offset_index_.last().position;
  if (size_bytes_ == 0) first_timestamp_ms_.reset();
  batches_dirty_ = indexes_dirty_ = true;
}

Result<void> Segment::truncate_file() {
  if (const auto truncated = file_->truncate(size_bytes_); !truncated.ok()) {
    return storage_failure(truncated.error(), "cutting " + path_of(kLogSuffix));
  }
  // Durable before other records are written here: what was cut must not come back after a power loss, before
  // or between those.
  batches_dirty_ = true;
  if (const auto synced = sync_batches(); !synced.ok()) {
    return storage_failure(synced.error(), "syncing " + path_of(kLogSuffix));
  }
  FileBatches rest(*file_, offset_index_.last().position, size_bytes_, FileBatches::kLookupWindow);
  for (;;) {
    TRY_ASSIGN(const bool more, rest.next());
    if (!more) return {};
    const BatchHeader& header = rest.header();
    if (header.max_timestamp_ms > largest_->timestamp_ms) {
      largest_ = TimestampOffset{header.max_timestamp_ms, header.last_offset};
    }
  }
}

void Segment::reset_for_rebuild() {
  offset_index_.file().reset(true);
  time_index_.file().reset(true);
  txn_index_.file().reset(true);
  largest_ = TimestampOffset{-1, base_offset_};
  first_timestamp_ms_.reset();
  recent_.clear();
  bytes_since_index_ = 0;
}

Result<uint64_t> Segment::rebuild(BatchVisitor& visitor, int64_t index_interval_bytes, int64_t flushed_to) {
  reset_for_rebuild();
  FileBatches batches(*file_, 0, size_bytes_, FileBatches::kScanWindow);
  uint64_t valid_bytes = 0;
  uint64_t flushed_bytes = 0;
  int64_t last_offset = base_offset_ - 1;
  for (;;) {
    const auto more = batches.next();
    if (!more.ok() && more.error().code == ErrorCode::KAFKA_STORAGE_ERROR) return fail(more.error());
    if (!more.ok() || !*more) break;
    const BatchHeader header = batches.header();
    if (header.base_offset <= last_offset || header.last_offset < header.base_offset) break;
    TRY_ASSIGN(const Bytes whole, batches.whole());
    if (!checksum_matches(whole)) break;
    if (header.last_offset - base_offset_ > std::numeric_limits<int32_t>::max()) {
      return fail(ErrorCode::KAFKA_STORAGE_ERROR,
                  path_of(kLogSuffix) + " holds offsets that its index cannot");
    }
    TRY_ASSIGN(const bool keep, visitor.visit(header, whole));
    if (!keep) break;
    if (!first_timestamp_ms_) first_timestamp_ms_ = header.max_timestamp_ms;
    if (header.max_timestamp_ms > largest_->timestamp_ms) {
      largest_ = TimestampOffset{header.max_timestamp_ms, header.last_offset};
    }
    if (static_cast<int64_t>(bytes_since_index_) > index_interval_bytes) {
      offset_index_.append(header.last_offset, header.position);
      time_index_.maybe_append(largest_->timestamp_ms, largest_->offset);
      bytes_since_index_ = 0;
    }
    bytes_since_index_ += header.size_bytes;
    last_offset = header.last_offset;
    valid_bytes += header.size_bytes;
    if (last_offset < flushed_to) flushed_bytes = valid_bytes;
  }
  const uint64_t cut = size_bytes_ - valid_bytes;
  size_bytes_ = valid_bytes;
  found_from_ = flushed_bytes;
  found_to_ = valid_bytes;
  close_indexes();
  batches_dirty_ = true;
  return cut;
}

// Not what has been damaged since: it would stand there as if it had been written so.
IoResult<void> Segment::write_again() {
  ByteBuffer sound;
  uint64_t at = found_from_;
  const auto write = [&](uint64_t next_at) -> IoResult<void> {
    TRY(write_fully(*file_, at, sound));
    sound.clear();
    at = next_at;
    return {};
  };
  FileBatches batches(*file_, found_from_, found_to_, FileBatches::kScanWindow);
  for (;;) {
    const auto more = batches.next();
    if (!more.ok() && more.error().code == ErrorCode::KAFKA_STORAGE_ERROR) return fail(IoError::io);
    if (!more.ok() || !*more) break;
    const auto whole = batches.whole();
    if (!whole.ok() && whole.error().code == ErrorCode::KAFKA_STORAGE_ERROR) return fail(IoError::io);
    if (!whole.ok()) break;
    const bool matches = checksum_matches(*whole);
    if (matches) sound.insert(sound.end(), whole->begin(), whole->end());
    if (!matches || sound.size() >= FileBatches::kScanWindow) TRY(write(batches.position()));
  }
  TRY(write(found_to_));
  found_from_ = found_to_;
  return {};
}

IoResult<void> Segment::sync_batches() {
  if (!batches_dirty_) return {};
  batches_dirty_ = false;
  if (found_from_ < found_to_) TRY(write_again());
  const FileRef file = file_;
  return file->sync(SyncMode::data);
}

IoResult<void> Segment::sync() {
  TRY(sync_batches());
  if (!indexes_dirty_) return {};
  indexes_dirty_ = false;
  TRY(offset_index_.file().sync(true));
  TRY(time_index_.file().sync(true));
  return txn_index_.file().sync(false);
}

IoResult<void> Segment::save_indexes_atomically() {
  TRY(offset_index_.file().save_atomically(true));
  TRY(time_index_.file().save_atomically(true));
  return txn_index_.file().save_atomically(false);
}

void Segment::age() {
  if (!used_) {
    offset_index_.file().unload();
    time_index_.file().unload();
    txn_index_.file().unload();
    recent_ = {};
  }
  used_ = false;
}

IoResult<std::vector<std::string>> Segment::mark_deleted() {
  deleted_ = true;
  std::vector<std::string> renamed;
  for (const std::string_view suffix : {kLogSuffix, kIndexSuffix, kTimeIndexSuffix, kTxnIndexSuffix}) {
    const std::string from = path_of(suffix);
    std::string to = from + std::string(kDeletedSuffix);
    const auto done = disk_.rename(from, to);
    if (!done.ok() && done.error() == IoError::not_found) continue;
    TRY(done);
    renamed.push_back(std::move(to));
  }
  return renamed;
}

}  // namespace ksim::storage
