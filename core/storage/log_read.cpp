// Reading a log: rules D28, D29, D33, D57. No lock is held.

#include <algorithm>

#include "core/storage/log.h"
#include "core/storage/segment.h"

namespace ksim::storage {
namespace {

constexpr Duration kLateLookup = milliseconds(30);  // where log.lookup_late is active

Failure<Error> out_of_range(const Log& log, int64_t offset) {
  return fail(ErrorCode::OFFSET_OUT_OF_RANGE, log.name() + ": offset " + std::to_string(offset) +
                                                  " is not in [" + std::to_string(log.log_start_offset()) +
                                                  ", " + std::to_string(log.log_end_offset()) + "]");
}

}  // namespace

// A reader may come upon a segment whose files were renamed under it; that is no failure of the disk.
Failure<Error> Log::read_failure(const Segment& segment, Error error) {
  if (error.code != ErrorCode::KAFKA_STORAGE_ERROR) return fail(std::move(error));
  if (segment.deleted()) {
    return fail(ErrorCode::OFFSET_OUT_OF_RANGE, name_ + ": the segment was deleted while it was read");
  }
  if (closed_) return fail(ErrorCode::NOT_LEADER_OR_FOLLOWER, name_ + " was closed while it was read");
  return failure(std::move(error));
}

Result<LogOffsetMetadata> Log::offset_metadata(int64_t offset) {
  TRY(check_usable());
  if (offset < log_start_offset_ || offset > log_end_.offset) return out_of_range(*this, offset);
  if (offset == log_end_.offset) return log_end_;
  std::shared_ptr<Segment> segment = segment_at(offset);
  if (segment == nullptr) segment = segments_.begin()->second;
  for (; segment != nullptr; segment = segment_after(segment->base_offset())) {
    auto location = segment->locate(offset);
    if (!location.ok()) return read_failure(*segment, std::move(location).error());
    if (*location) return LogOffsetMetadata{offset, segment->base_offset(), (*location)->position};
  }
  return log_end_;
}

Result<LogOffsetMetadata> Log::resolved(LogOffsetMetadata mark) {
  if (!mark.offset_only()) return mark;
  auto found = offset_metadata(std::clamp(mark.offset, log_start_offset_, log_end_.offset));
  env_.dawdle(Site::log_lookup_late, 100, kLateLookup);
  if (found.ok() && high_watermark_.offset == found->offset) high_watermark_ = *found;
  return found;
}

Result<LogOffsetMetadata> Log::readable_end(FetchIsolation isolation) {
  TRY(check_usable());
  if (isolation == FetchIsolation::log_end) return log_end_;
  if (isolation == FetchIsolation::txn_committed) {
    const LogOffsetMetadata* first = producers_.first_unstable();
    if (first != nullptr && first->offset < high_watermark_.offset) {
      return first->offset < log_start_offset_ ? resolved({log_start_offset_}) : resolved(*first);
    }
  }
  return resolved(high_watermark_);
}

Result<LogRead> Log::read(int64_t offset, uint64_t max_bytes, FetchIsolation isolation, bool min_one_batch) {
  TRY_ASSIGN(const LogOffsetMetadata end, readable_end(isolation));
  if (offset < log_start_offset_ || offset > log_end_.offset) return out_of_range(*this, offset);
  LogRead read;
  if (offset >= end.offset) {
    read.start = end;
    if (offset == end.offset) return read;
    TRY_ASSIGN(read.start, offset_metadata(offset));
    return read;
  }
  read.start.offset = offset;
  TRY(read_from(end, max_bytes, min_one_batch, isolation == FetchIsolation::txn_committed, read));
  return read;
}

Result<void> Log::read_from(const LogOffsetMetadata& end, uint64_t max_bytes, bool min_one_batch,
                            bool with_aborted, LogRead& read) {
  const int64_t offset = read.start.offset;
  std::shared_ptr<Segment> segment = segment_at(offset);
  if (segment == nullptr) segment = segments_.begin()->second;
  for (; segment != nullptr && segment->base_offset() <= end.segment_base;
       segment = segment_after(segment->base_offset())) {
    auto location = segment->locate(offset);
    if (!location.ok()) return read_failure(*segment, std::move(location).error());
    if (!*location) continue;
    const BatchLocation& first = **location;
    const uint64_t limit = end.segment_base == segment->base_offset() ? end.position : segment->size_bytes();
    read.start = {offset, segment->base_offset(), first.position};
    if (first.position >= limit) return {};
    const uint64_t wanted = min_one_batch ? std::max(max_bytes, first.size_bytes) : max_bytes;
    read.size_bytes = std::min(wanted, limit - first.position);
    read.first_batch_cut = wanted < first.size_bytes;
    if (read.size_bytes > 0) read.slices.push_back({segment->file(), first.position, read.size_bytes});
    if (!with_aborted) return {};
    auto upper = segment->upper_bound_offset(first.position, read.size_bytes);
    if (!upper.ok()) return read_failure(*segment, std::move(upper).error());
    const std::shared_ptr<Segment> next = segment_after(segment->base_offset());
    const int64_t up_to = *upper ? **upper : next != nullptr ? next->base_offset() : log_end_.offset;
    TRY_ASSIGN(read.aborted, aborted_transactions(offset, up_to));
    return {};
  }
  read.start = log_end_;
  return {};
}

Result<std::vector<AbortedTransaction>> Log::aborted_transactions(int64_t from, int64_t up_to) {
  TRY(check_usable());
  std::vector<AbortedTransaction> found;
  std::shared_ptr<Segment> segment = segment_at(from);
  if (segment == nullptr) segment = segments_.begin()->second;
  for (; segment != nullptr; segment = segment_after(segment->base_offset())) {
    auto complete = segment->collect_aborted(from, up_to, found);
    if (!complete.ok()) return read_failure(*segment, std::move(complete).error());
    if (*complete) break;
  }
  return found;
}

Result<std::optional<TimestampAndOffset>> Log::offset_for_timestamp(int64_t timestamp_ms) {
  constexpr int64_t kEarliest = -2;
  constexpr int64_t kMaxTimestamp = -3;
  constexpr int64_t kEarliestLocal = -4;
  TRY(check_usable());
  if (timestamp_ms == kEarliest || timestamp_ms == kEarliestLocal) {
    return std::optional<TimestampAndOffset>{
        {-1, log_start_offset_, epochs_.epoch_for_offset(log_start_offset_).value_or(-1)}};
  }
  std::vector<std::shared_ptr<Segment>> segments;
  for (const auto& [base, segment] : segments_) segments.push_back(segment);
  if (timestamp_ms == kMaxTimestamp) {
    std::shared_ptr<Segment> latest;
    TimestampOffset largest;
    for (const auto& segment : segments) {
      auto here = segment->largest();
      if (!here.ok()) return read_failure(*segment, std::move(here).error());
      if (here->timestamp_ms <= largest.timestamp_ms) continue;
      largest = *here;
      latest = segment;
    }
    if (latest == nullptr) return std::optional<TimestampAndOffset>{};
    auto found = latest->locate_max_timestamp();
    if (!found.ok()) return read_failure(*latest, std::move(found).error());
    return found;
  }
  if (timestamp_ms < 0) return fail(ErrorCode::INVALID_REQUEST, "unknown special timestamp");
  const int64_t end = log_end_.offset;
  for (const auto& segment : segments) {
    auto largest = segment->largest();
    if (!largest.ok()) return read_failure(*segment, std::move(largest).error());
    if (largest->timestamp_ms < timestamp_ms) continue;
    auto found = segment->locate_timestamp(timestamp_ms, log_start_offset_, end);
    if (!found.ok()) return read_failure(*segment, std::move(found).error());
    if (*found) return found;
  }
  return std::optional<TimestampAndOffset>{};
}

}  // namespace ksim::storage
