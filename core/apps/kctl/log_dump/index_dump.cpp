#include "core/apps/kctl/log_dump/index_dump.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/apps/kctl/text/time_text.h"
#include "core/storage/index.h"
#include "core/storage/txn_index.h"

namespace ksim::kctl {
namespace {

using storage::AbortedTxnEntry;
using storage::OffsetIndexEntry;
using storage::TimeIndexEntry;

template <class Entry>
struct Entries {
  std::vector<Entry> list;
  size_t unused = 0;     // entries of zeros at the end
  size_t odd_bytes = 0;  // behind the last whole entry
};

template <class Entry>
Result<Entries<Entry>> read_entries(Disk& disk, const std::string& path, bool zeros_are_unused) {
  const auto bytes = read_file(disk, path);
  if (!bytes.ok()) return fail(Error(bytes.error(), path));
  Entries<Entry> entries;
  size_t used = bytes->size();
  if (zeros_are_unused) {
    const auto last = std::find_if(bytes->rbegin(), bytes->rend(), [](uint8_t byte) { return byte != 0; });
    used = static_cast<size_t>(bytes->rend() - last);
    used = std::min((used + Entry::kBytes - 1) / Entry::kBytes * Entry::kBytes, bytes->size());
  }
  for (size_t at = 0; at + Entry::kBytes <= used; at += Entry::kBytes)
    entries.list.push_back(Entry::load(bytes->data() + at));
  entries.unused = (bytes->size() - used) / Entry::kBytes;
  entries.odd_bytes = bytes->size() % Entry::kBytes;
  return entries;
}

// What the three have in common: the summary, and what is wrong with the file as a whole.
template <class Entry>
void show_index(const std::string& path, const char* kind, const Entries<Entry>& entries,
                const DumpOptions& options, DumpSink& sink) {
  if (options.deep && entries.odd_bytes > 0)
    sink.problem(path, fmt::format("{} bytes at the end are no whole entry", entries.odd_bytes));
  if (options.detail != Detail::summary) return;
  Json json = dump_object(path, kind);
  json["entries"] = entries.list.size();
  if (entries.unused > 0) json["unused"] = entries.unused;
  sink.show(json, fmt::format("{}: {} entries{}", path, entries.list.size(),
                              entries.unused > 0 ? fmt::format(", room for {} more", entries.unused) : ""));
}

// Readers of an offset at or above the entry's begin at its position: no batch before may hold such an
// offset, and one must begin there. Apache Kafka up to 3.x wrote the last offset of several batches beside
// the position of the first.
void check_entry(const std::string& path, int64_t offset, const OffsetIndexEntry& entry,
                 const SegmentFacts& facts, DumpSink& sink) {
  const BatchFact* const batch = facts.at_position(static_cast<uint64_t>(std::max(entry.position, 0)));
  if (entry.position < 0 || static_cast<uint64_t>(entry.position) >= facts.size_bytes) {
    sink.problem(path, fmt::format("offset {} points to {}, behind the end of the log at {}", offset,
                                   entry.position, facts.size_bytes));
  } else if (batch == nullptr) {
    sink.problem(path, fmt::format("offset {} points to {}, where no batch begins", offset, entry.position));
  } else if (batch->last_offset > offset) {
    sink.problem(path, fmt::format("offset {} points to {}, the batch of offsets {}..{}", offset,
                                   entry.position, batch->base_offset, batch->last_offset));
  } else if (offset >= facts.end_offset) {
    sink.problem(path, fmt::format("offset {} is behind the end of the log at {}", offset, facts.end_offset));
  }
}

}  // namespace

Result<void> dump_offset_index(Disk& disk, const std::string& path, int64_t base_offset,
                               const SegmentFacts* facts, const DumpOptions& options, DumpSink& sink) {
  TRY_ASSIGN(const auto entries, read_entries<OffsetIndexEntry>(disk, path, true));
  show_index(path, "offset_index", entries, options, sink);
  const OffsetIndexEntry* previous = nullptr;
  for (const OffsetIndexEntry& entry : entries.list) {
    const int64_t offset = base_offset + entry.relative_offset;
    if (options.detail != Detail::summary) {
      Json json = dump_object(path, "offset_index_entry");
      json["offset"] = offset;
      json["position"] = entry.position;
      sink.show(json, fmt::format("{}: offset {}  position {}", path, offset, entry.position));
    }
    if (options.deep && entry.relative_offset < 0)
      sink.problem(path, fmt::format("offset {} is below the segment's own {}", offset, base_offset));
    if (options.deep && previous != nullptr &&
        (entry.relative_offset <= previous->relative_offset || entry.position <= previous->position))
      sink.problem(path, fmt::format("offset {} at {} follows offset {} at {}", offset, entry.position,
                                     base_offset + previous->relative_offset, previous->position));
    if (options.deep && facts != nullptr) check_entry(path, offset, entry, *facts, sink);
    previous = &entry;
  }
  return {};
}

Result<void> dump_time_index(Disk& disk, const std::string& path, int64_t base_offset,
                             const SegmentFacts* facts, const DumpOptions& options, DumpSink& sink) {
  TRY_ASSIGN(const auto entries, read_entries<TimeIndexEntry>(disk, path, true));
  show_index(path, "time_index", entries, options, sink);
  const TimeIndexEntry* previous = nullptr;
  int64_t largest = -1;  // timestamp of the batches up to the entry's
  size_t seen = 0;
  for (const TimeIndexEntry& entry : entries.list) {
    const int64_t offset = base_offset + entry.relative_offset;
    if (options.detail != Detail::summary) {
      Json json = dump_object(path, "time_index_entry");
      json["timestamp"] = entry.timestamp_ms;
      json["offset"] = offset;
      sink.show(json, fmt::format("{}: timestamp {}  offset {}", path, entry.timestamp_ms, offset));
    }
    if (!options.deep) continue;
    if (entry.relative_offset < 0)
      sink.problem(path, fmt::format("offset {} is below the segment's own {}", offset, base_offset));
    if (previous != nullptr &&
        (entry.timestamp_ms <= previous->timestamp_ms || entry.relative_offset < previous->relative_offset))
      sink.problem(path, fmt::format("timestamp {} at offset {} follows {} at {}", entry.timestamp_ms, offset,
                                     previous->timestamp_ms, base_offset + previous->relative_offset));
    previous = &entry;
    if (facts == nullptr) continue;
    // Readers of later times skip what lies before the offset.
    for (; seen < facts->batches.size() && facts->batches[seen].base_offset <= offset; ++seen)
      largest = std::max(largest, facts->batches[seen].max_timestamp_ms);
    if (offset >= facts->end_offset && facts->batch_count > 0)
      sink.problem(path,
                   fmt::format("offset {} is behind the end of the log at {}", offset, facts->end_offset));
    else if (largest > entry.timestamp_ms)
      sink.problem(path, fmt::format("timestamp {} at offset {}, but a batch up to there has {}",
                                     entry.timestamp_ms, offset, largest));
  }
  return {};
}

Result<void> dump_txn_index(Disk& disk, const std::string& path, const SegmentFacts* facts,
                            const DumpOptions& options, DumpSink& sink) {
  TRY_ASSIGN(const auto entries, read_entries<AbortedTxnEntry>(disk, path, false));
  show_index(path, "transaction_index", entries, options, sink);
  const AbortedTxnEntry* previous = nullptr;
  for (const AbortedTxnEntry& entry : entries.list) {
    if (options.detail != Detail::summary) {
      Json json = dump_object(path, "aborted_transaction");
      json.update(Json{{"producer_id", entry.producer_id},
                       {"first_offset", entry.first_offset},
                       {"last_offset", entry.last_offset},
                       {"last_stable_offset", entry.last_stable_offset}});
      sink.show(json,
                fmt::format("{}: producer {}  offsets {}..{}  last stable offset {}", path, entry.producer_id,
                            entry.first_offset, entry.last_offset, entry.last_stable_offset));
    }
    if (!options.deep) continue;
    if (entry.first_offset > entry.last_offset)
      sink.problem(path, fmt::format("a transaction from {} to {}", entry.first_offset, entry.last_offset));
    if (previous != nullptr && entry.last_offset <= previous->last_offset)
      sink.problem(path, fmt::format("the transaction that ends at {} follows one that ends at {}",
                                     entry.last_offset, previous->last_offset));
    previous = &entry;
    if (facts == nullptr) continue;
    const BatchFact* const marker = facts->at_or_after(entry.last_offset);
    if (marker == nullptr || marker->base_offset != entry.last_offset || !marker->aborts ||
        marker->producer_id != entry.producer_id)
      sink.problem(path, fmt::format("there is no marker at {} that aborts a transaction of producer {}",
                                     entry.last_offset, entry.producer_id));
  }
  return {};
}

}  // namespace ksim::kctl
