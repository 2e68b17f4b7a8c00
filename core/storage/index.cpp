#include "core/storage/index.h"

#include <algorithm>

namespace ksim::storage {
namespace {

int32_t relative(int64_t base_offset, int64_t offset) {
  const int64_t delta = offset - base_offset;
  ENSURE(delta >= 0 && delta <= std::numeric_limits<int32_t>::max(), "an offset outside its segment");
  return static_cast<int32_t>(delta);
}

}  // namespace

OffsetPosition OffsetIndex::at(size_t i) const {
  const OffsetIndexEntry& entry = file_.entries()[i];
  return {base_offset_ + entry.relative_offset, static_cast<uint64_t>(entry.position)};
}

size_t OffsetIndex::count_below(int64_t offset) const {
  const auto& entries = file_.entries();
  const auto found = std::partition_point(entries.begin(), entries.end(), [&](const OffsetIndexEntry& e) {
    return base_offset_ + e.relative_offset < offset;
  });
  return static_cast<size_t>(found - entries.begin());
}

void OffsetIndex::append(int64_t offset, uint64_t position) {
  const OffsetIndexEntry entry{relative(base_offset_, offset), static_cast<int32_t>(position)};
  ENSURE(position <= static_cast<uint64_t>(std::numeric_limits<int32_t>::max()), "a segment beyond 2 GiB");
  if (const auto& entries = file_.entries(); !entries.empty()) {
    ENSURE(entries.back().relative_offset < entry.relative_offset && entries.back().position < entry.position,
           "offset index entries out of order");
  }
  file_.append(entry);
}

OffsetPosition OffsetIndex::lookup(int64_t offset) const {
  const size_t above = count_below(offset + 1);
  return above == 0 ? OffsetPosition{base_offset_, 0} : at(above - 1);
}

std::optional<OffsetPosition> OffsetIndex::first_at_or_after(uint64_t position) const {
  const auto& entries = file_.entries();
  const auto found = std::partition_point(entries.begin(), entries.end(), [&](const OffsetIndexEntry& e) {
    return static_cast<uint64_t>(e.position) < position;
  });
  if (found == entries.end()) return std::nullopt;
  return at(static_cast<size_t>(found - entries.begin()));
}

void OffsetIndex::truncate_to(int64_t offset, uint64_t position) {
  const auto& entries = file_.entries();
  const auto beyond = std::partition_point(entries.begin(), entries.end(), [&](const OffsetIndexEntry& e) {
    return static_cast<uint64_t>(e.position) < position;
  });
  file_.truncate(std::min(count_below(offset), static_cast<size_t>(beyond - entries.begin())));
}

OffsetPosition OffsetIndex::last() const {
  return file_.entries().empty() ? OffsetPosition{base_offset_, 0} : at(file_.entries().size() - 1);
}

void TimeIndex::maybe_append(int64_t timestamp_ms, int64_t offset) {
  const TimestampOffset newest = last();
  if (timestamp_ms <= newest.timestamp_ms) return;
  ENSURE(offset >= newest.offset, "time index entries out of order");
  file_.append({timestamp_ms, relative(base_offset_, offset)});
}

TimestampOffset TimeIndex::lookup(int64_t timestamp_ms) const {
  const auto& entries = file_.entries();
  const auto above = std::partition_point(entries.begin(), entries.end(), [&](const TimeIndexEntry& e) {
    return e.timestamp_ms <= timestamp_ms;
  });
  return above == entries.begin() ? TimestampOffset{-1, base_offset_} : absolute(*(above - 1));
}

void TimeIndex::truncate_to(int64_t offset) {
  const auto& entries = file_.entries();
  const auto found = std::partition_point(entries.begin(), entries.end(), [&](const TimeIndexEntry& e) {
    return base_offset_ + e.relative_offset < offset;
  });
  file_.truncate(static_cast<size_t>(found - entries.begin()));
}

TimestampOffset TimeIndex::last() const {
  return file_.entries().empty() ? TimestampOffset{-1, base_offset_} : absolute(file_.entries().back());
}

}  // namespace ksim::storage
