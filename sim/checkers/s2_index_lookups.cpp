#include "sim/checkers/s2_index_lookups.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

namespace ksim::sim {
namespace {

constexpr size_t kPositionEntryBytes = 8;
constexpr size_t kTimeEntryBytes = 12;

ByteBuffer read_index(const DiskPeek& disks, const ReplicaTruth& log, int64_t base, std::string_view suffix) {
  const std::string path = fmt::format("{}/{:020}{}", log.directory(), base, suffix);
  ByteBuffer bytes(disks.size(log.node(), path, DiskPeek::Layer::cached).value_or(0));
  bytes.resize(disks.read(log.node(), path, 0, bytes, DiskPeek::Layer::cached));
  return bytes;
}

// Rules A25, A26: offsets are relative to the segment's base; an incomplete last entry counts for nothing.
void read_indexes(LogFacts::Indexes& indexes, const ReplicaTruth& log, const DiskPeek& disks) {
  const int64_t base = indexes.base_offset;
  const ByteBuffer positions = read_index(disks, log, base, ".index");
  for (size_t at = 0; at + kPositionEntryBytes <= positions.size(); at += kPositionEntryBytes) {
    const uint8_t* entry = positions.data() + at;
    indexes.positions.push_back({base + load_be<int32_t>(entry), load_be<int32_t>(entry + 4)});
  }
  const ByteBuffer times = read_index(disks, log, base, ".timeindex");
  for (size_t at = 0; at + kTimeEntryBytes <= times.size(); at += kTimeEntryBytes) {
    const uint8_t* entry = times.data() + at;
    indexes.times.push_back({load_be<int64_t>(entry), base + load_be<int32_t>(entry + 8)});
  }
  if (!indexes.times.empty()) indexes.largest_timestamp_ms = indexes.times.back().timestamp_ms;
}

using Batches = std::span<const TruthBatch>;

Batches of_segment(const std::vector<TruthBatch>& batches, int64_t base) {
  const auto first = std::partition_point(batches.begin(), batches.end(),
                                          [base](const TruthBatch& batch) { return batch.segment < base; });
  const auto end = std::partition_point(first, batches.end(),
                                        [base](const TruthBatch& batch) { return batch.segment == base; });
  return {first, end};
}

// The batch that begins at `position`, or batches.size().
size_t at_position(Batches batches, int64_t position) {
  const auto at = std::partition_point(batches.begin(), batches.end(), [position](const TruthBatch& batch) {
    return static_cast<int64_t>(batch.position) < position;
  });
  if (at == batches.end() || static_cast<int64_t>(at->position) != position) return batches.size();
  return static_cast<size_t>(at - batches.begin());
}

std::string positions_differ(const LogFacts::Indexes& indexes, Batches batches) {
  LogFacts::Position before;
  for (const LogFacts::Position& entry : indexes.positions) {
    const std::string lookup = fmt::format("a lookup of offset {} in segment {} begins at position {}",
                                           entry.offset, indexes.base_offset, entry.position);
    if (entry.offset <= before.offset || entry.position <= before.position) {
      return fmt::format("{}, one of offset {} at {}", lookup, before.offset, before.position);
    }
    before = entry;
    const size_t at = at_position(batches, entry.position);
    if (at == batches.size()) return lookup + ", where no batch does";
    if (at > 0 && batches[at - 1].last_offset >= entry.offset) {
      return fmt::format("{}, behind {}", lookup, to_string(batches[at - 1]));
    }
  }
  return {};
}

// Needs positions that lead to batches.
std::string times_differ(const LogFacts::Indexes& indexes, Batches batches) {
  LogFacts::Time before;
  size_t passed = 0;  // batches that a lookup passes over
  int64_t newest_ms = -1;
  for (const LogFacts::Time& entry : indexes.times) {
    const std::string lookup = fmt::format("a lookup of time {} in segment {} begins at offset {}",
                                           entry.timestamp_ms, indexes.base_offset, entry.offset);
    if (entry.timestamp_ms <= before.timestamp_ms || entry.offset < before.offset) {
      return fmt::format("{}, one of time {} at {}", lookup, before.timestamp_ms, before.offset);
    }
    before = entry;
    if (batches.empty() || entry.offset > batches.back().last_offset) return lookup + ", where no batch is";
    const auto next =
        std::upper_bound(indexes.positions.begin(), indexes.positions.end(), entry.offset,
                         [](int64_t offset, const LogFacts::Position& at) { return offset < at.offset; });
    const int64_t position = next == indexes.positions.begin() ? 0 : std::prev(next)->position;
    for (; static_cast<int64_t>(batches[passed].position) < position; ++passed) {
      newest_ms = std::max(newest_ms, batches[passed].max_timestamp_ms);
    }
    if (newest_ms >= entry.timestamp_ms) {
      return fmt::format("{} and passes over a batch of time {}", lookup, newest_ms);
    }
  }
  for (const TruthBatch& batch : batches) newest_ms = std::max(newest_ms, batch.max_timestamp_ms);
  if (indexes.largest_timestamp_ms == newest_ms) return {};
  return fmt::format("segment {} says its newest record is of time {}, its batches say {}",
                     indexes.base_offset, indexes.largest_timestamp_ms, newest_ms);
}

}  // namespace

std::string lookups_differ(const LogFacts::Indexes& indexes, const ReplicaTruth& log, const DiskPeek& disks) {
  LogFacts::Indexes from_files;
  if (!indexes.in_memory) {
    from_files.base_offset = indexes.base_offset;
    read_indexes(from_files, log, disks);
  }
  const LogFacts::Indexes& known = indexes.in_memory ? indexes : from_files;
  const Batches batches = of_segment(log.batches(), known.base_offset);
  std::string why = positions_differ(known, batches);
  return why.empty() ? times_differ(known, batches) : why;
}

}  // namespace ksim::sim
