#pragma once
// The sparse indexes of a segment: offset -> position and timestamp -> offset (rules A25-A31, FORMAT.md).

#include <limits>

#include "core/storage/index_file.h"

namespace ksim::storage {

struct OffsetPosition {
  int64_t offset = 0;
  uint64_t position = 0;
};

struct OffsetIndexEntry {
  static constexpr size_t kBytes = 8;
  int32_t relative_offset = 0;
  int32_t position = 0;

  void store(uint8_t* at) const {
    store_be(at, relative_offset);
    store_be(at + 4, position);
  }
  static OffsetIndexEntry load(const uint8_t* at) { return {load_be<int32_t>(at), load_be<int32_t>(at + 4)}; }
  static OffsetIndexEntry before_all() { return {-1, -1}; }
  bool follows(const OffsetIndexEntry& before) const {
    return relative_offset > before.relative_offset && position > before.position;
  }
};

// `.index`: the last offset of a batch and the position where that batch starts; both rise strictly.
class OffsetIndex {
 public:
  OffsetIndex(Disk& disk, std::string path, int64_t base_offset)
      : file_(disk, std::move(path)), base_offset_(base_offset) {}

  IndexFile<OffsetIndexEntry>& file() { return file_; }
  const IndexFile<OffsetIndexEntry>& file() const { return file_; }
  bool full(int64_t max_bytes) const {
    return static_cast<int64_t>(file_.count()) >= max_bytes / static_cast<int64_t>(OffsetIndexEntry::kBytes);
  }

  // All need the file loaded.
  void append(int64_t offset, uint64_t position);
  // The greatest entry at or below `offset`, else (base, 0).
  OffsetPosition lookup(int64_t offset) const;
  // The first entry at or behind `position`.
  std::optional<OffsetPosition> first_at_or_after(uint64_t position) const;
  // Removes entries at or above `offset`, and those that do not lie below `position`.
  void truncate_to(int64_t offset, uint64_t position);
  OffsetPosition last() const;  // (base, 0) if there is none

 private:
  OffsetPosition at(size_t i) const;
  size_t count_below(int64_t offset) const;

  IndexFile<OffsetIndexEntry> file_;
  int64_t base_offset_;
};

struct TimestampOffset {
  int64_t timestamp_ms = -1;
  int64_t offset = -1;
};

struct TimeIndexEntry {
  static constexpr size_t kBytes = 12;
  int64_t timestamp_ms = 0;
  int32_t relative_offset = 0;

  void store(uint8_t* at) const {
    store_be(at, timestamp_ms);
    store_be(at + 8, relative_offset);
  }
  static TimeIndexEntry load(const uint8_t* at) { return {load_be<int64_t>(at), load_be<int32_t>(at + 8)}; }
  static TimeIndexEntry before_all() { return {-1, 0}; }
  bool follows(const TimeIndexEntry& before) const {
    return timestamp_ms > before.timestamp_ms && relative_offset >= before.relative_offset;
  }
};

// `.timeindex`: the largest timestamp so far and the last offset of the batch that holds it. Timestamps rise
// strictly, offsets do not fall.
class TimeIndex {
 public:
  TimeIndex(Disk& disk, std::string path, int64_t base_offset)
      : file_(disk, std::move(path)), base_offset_(base_offset) {}

  IndexFile<TimeIndexEntry>& file() { return file_; }
  const IndexFile<TimeIndexEntry>& file() const { return file_; }
  // One slot stays free for the entry that closes the segment (rule A31).
  bool full(int64_t max_bytes) const {
    return static_cast<int64_t>(file_.count()) >=
           max_bytes / static_cast<int64_t>(TimeIndexEntry::kBytes) - 1;
  }

  // All need the file loaded. Adds nothing unless the timestamp exceeds that of the last entry.
  void maybe_append(int64_t timestamp_ms, int64_t offset);
  // The greatest entry at or below the timestamp, else (-1, base).
  TimestampOffset lookup(int64_t timestamp_ms) const;
  void truncate_to(int64_t offset);
  TimestampOffset last() const;  // (-1, base) if there is none

  TimestampOffset absolute(const TimeIndexEntry& entry) const {
    return {entry.timestamp_ms, base_offset_ + entry.relative_offset};
  }

 private:
  IndexFile<TimeIndexEntry> file_;
  int64_t base_offset_;
};

}  // namespace ksim::storage
