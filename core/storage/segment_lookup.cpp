// What readers ask of a segment. No lock is held: the file may be cut while it is walked, and then the walk
// ends early.

#include <algorithm>

#include "core/storage/segment.h"

namespace ksim::storage {
namespace {

Failure<Error> reading_failed(IoError cause, int64_t base_offset) {
  return fail(Error(cause, "reading segment " + std::to_string(base_offset)));
}

}  // namespace

const BatchLocation* Segment::find_recent(int64_t offset) const {
  if (recent_.empty() || offset < recent_.front().base_offset) return nullptr;
  const auto found = std::partition_point(
      recent_.begin(), recent_.end(), [&](const BatchLocation& batch) { return batch.last_offset < offset; });
  return found == recent_.end() ? nullptr : &*found;
}

Result<std::optional<BatchLocation>> Segment::locate(int64_t offset) {
  if (const BatchLocation* recent = find_recent(offset)) return std::optional<BatchLocation>{*recent};
  used_ = true;
  if (const auto loaded = offset_index_.file().load(); !loaded.ok()) {
    return reading_failed(loaded.error(), base_offset_);
  }
  const OffsetPosition from = offset_index_.lookup(offset);
  const FileRef file = file_;
  FileBatches batches(*file, from.position, size_bytes_, FileBatches::kLookupWindow);
  for (;;) {
    TRY_ASSIGN(const bool more, batches.next());
    if (!more) return std::optional<BatchLocation>{};
    const BatchHeader& header = batches.header();
    if (header.last_offset >= offset) {
      return std::optional<BatchLocation>{
          {header.base_offset, header.last_offset, header.position, header.size_bytes}};
    }
  }
}

Result<std::optional<TimestampAndOffset>> Segment::locate_timestamp(int64_t timestamp_ms, int64_t from,
                                                                    int64_t end) {
  used_ = true;
  do {  // one may be given up as idle while the disk takes its time with the other one
    auto loaded = time_index_.file().load();
    if (loaded.ok()) loaded = offset_index_.file().load();
    if (!loaded.ok()) return reading_failed(loaded.error(), base_offset_);
  } while (!time_index_.file().loaded());
  const int64_t start = std::max(time_index_.lookup(timestamp_ms).offset, from);
  const FileRef file = file_;
  FileBatches batches(*file, offset_index_.lookup(start).position, size_bytes_, FileBatches::kLookupWindow);
  for (;;) {
    TRY_ASSIGN(const bool more, batches.next());
    if (!more) return std::optional<TimestampAndOffset>{};
    const BatchHeader header = batches.header();
    if (header.max_timestamp_ms < timestamp_ms || header.last_offset < from) continue;
    if (header.magic < 2) {
      return std::optional<TimestampAndOffset>{{header.max_timestamp_ms, header.last_offset, kNoLeaderEpoch}};
    }
    TRY_ASSIGN(const Bytes whole, batches.whole());
    TRY(BatchView(whole).check());
    RecordCursor records((BatchView(whole)));
    RecordView record;
    for (;;) {
      TRY_ASSIGN(const bool has_record, records.next(record));
      if (!has_record) break;
      if (record.offset >= end) return std::optional<TimestampAndOffset>{};
      if (record.timestamp_ms >= timestamp_ms && record.offset >= from) {
        return std::optional<TimestampAndOffset>{{record.timestamp_ms, record.offset, header.leader_epoch}};
      }
    }
  }
}

Result<std::optional<TimestampAndOffset>> Segment::locate_max_timestamp() {
  TRY_ASSIGN(const TimestampOffset target, largest());
  if (target.timestamp_ms < 0) return std::optional<TimestampAndOffset>{};
  used_ = true;
  if (const auto loaded = offset_index_.file().load(); !loaded.ok()) {
    return reading_failed(loaded.error(), base_offset_);
  }
  const FileRef file = file_;
  FileBatches batches(*file, offset_index_.lookup(target.offset).position, size_bytes_,
                      FileBatches::kLookupWindow);
  for (;;) {
    TRY_ASSIGN(const bool more, batches.next());
    if (!more) return std::optional<TimestampAndOffset>{};
    const BatchHeader header = batches.header();
    if (header.max_timestamp_ms != target.timestamp_ms) continue;
    if (header.magic < 2) {
      return std::optional<TimestampAndOffset>{{header.max_timestamp_ms, header.last_offset, kNoLeaderEpoch}};
    }
    TRY_ASSIGN(const Bytes whole, batches.whole());
    TRY(BatchView(whole).check());
    RecordCursor records((BatchView(whole)));
    RecordView record;
    for (;;) {
      TRY_ASSIGN(const bool has_record, records.next(record));
      if (!has_record) break;
      if (record.timestamp_ms == target.timestamp_ms) {
        return std::optional<TimestampAndOffset>{{record.timestamp_ms, record.offset, header.leader_epoch}};
      }
    }
  }
}

Result<int64_t> Segment::read_next_offset() {
  used_ = true;
  if (const auto loaded = offset_index_.file().load(); !loaded.ok()) {
    return reading_failed(loaded.error(), base_offset_);
  }
  FileBatches batches(*file_, offset_index_.last().position, size_bytes_, FileBatches::kLookupWindow);
  int64_t next_offset = base_offset_;
  for (;;) {
    TRY_ASSIGN(const bool more, batches.next());
    if (!more) break;
    next_offset = batches.header().last_offset + 1;
  }
  if (batches.position() != size_bytes_) {
    return fail(ErrorCode::CORRUPT_MESSAGE,
                "segment " + std::to_string(base_offset_) + " ends within a batch");
  }
  return next_offset;
}

Result<TimestampOffset> Segment::largest() {
  if (largest_) return *largest_;
  const auto last = time_index_.file().last();
  if (!last.ok()) return reading_failed(last.error(), base_offset_);
  if (!largest_) {
    largest_ = *last ? time_index_.absolute(**last) : TimestampOffset{-1, base_offset_};
  }
  return *largest_;
}

Result<int64_t> Segment::largest_timestamp_or_mtime() {
  TRY_ASSIGN(const TimestampOffset known, largest());
  if (known.timestamp_ms >= 0) return known.timestamp_ms;
  const auto stat = disk_.stat(path_of(kLogSuffix));
  if (!stat.ok()) return reading_failed(stat.error(), base_offset_);
  return stat->modified.ms();
}

Result<std::optional<int64_t>> Segment::upper_bound_offset(uint64_t position, uint64_t size_bytes) {
  used_ = true;
  if (const auto loaded = offset_index_.file().load(); !loaded.ok()) {
    return reading_failed(loaded.error(), base_offset_);
  }
  const auto entry = offset_index_.first_at_or_after(position + size_bytes);
  return entry ? std::optional<int64_t>{entry->offset} : std::nullopt;
}

LogFacts::Indexes Segment::index_facts() const {
  LogFacts::Indexes facts;
  facts.base_offset = base_offset_;
  facts.in_memory = offset_index_.file().loaded() && time_index_.file().loaded();
  if (!facts.in_memory) return facts;
  for (const OffsetIndexEntry& entry : offset_index_.file().entries()) {
    facts.positions.push_back({base_offset_ + entry.relative_offset, entry.position});
  }
  for (const TimeIndexEntry& entry : time_index_.file().entries()) {
    const TimestampOffset known = time_index_.absolute(entry);
    facts.times.push_back({known.timestamp_ms, known.offset});
  }
  facts.largest_timestamp_ms = largest_ ? largest_->timestamp_ms : time_index_.last().timestamp_ms;
  return facts;
}

Result<bool> Segment::collect_aborted(int64_t from, int64_t up_to, std::vector<AbortedTransaction>& found) {
  used_ = true;
  if (const auto loaded = txn_index_.file().load(); !loaded.ok()) {
    return reading_failed(loaded.error(), base_offset_);
  }
  return txn_index_.collect(from, up_to, found);
}

}  // namespace ksim::storage
