#include "core/apps/kctl/log_dump/partition_dump.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "core/apps/kctl/log_dump/index_dump.h"
#include "core/apps/kctl/log_dump/segment_dump.h"
#include "core/apps/kctl/log_dump/small_files.h"
#include "core/raft/driver/quorum_addresses.h"
#include "core/raft/driver/quorum_state_file.h"
#include "core/raft/driver/snapshot_file.h"
#include "core/storage/epoch_cache.h"
#include "core/storage/partition_directory.h"
#include "core/storage/partition_metadata.h"
#include "core/storage/segment.h"

namespace ksim::kctl {
namespace {

bool ends_with(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

class PartitionDump {
 public:
  PartitionDump(Disk& disk, const std::string& path, const DumpOptions& options, DumpSink& sink)
      : disk_(disk), path_(path), options_(options), sink_(sink) {
    options_.metadata = options.metadata || path.substr(path.rfind('/') + 1) == raft::kMetadataDirectory;
  }

  Result<LogRange> run();

 private:
  Result<void> dump_segments();
  Result<void> dump_indexes(const SegmentFacts& facts);
  Result<void> dump_snapshots();
  Result<void> dump_others();
  void check_epochs(const std::string& file, const std::vector<storage::EpochEntry>& entries);
  void check_producers(const std::string& file, int64_t offset,
                       const storage::ProducerState::Producers& producers);
  Result<void> read_log_start();
  const BatchFact* batch_ending_at(int64_t offset) const;

  std::string child(std::string_view name) const { return join_path(path_, name); }
  bool has(const std::string& name) const { return std::binary_search(names_.begin(), names_.end(), name); }

  Disk& disk_;
  const std::string& path_;
  DumpOptions options_;
  DumpSink& sink_;
  std::vector<std::string> names_;  // sorted
  std::map<int64_t, SegmentFacts> segments_;
  LogRange range_;
  int64_t log_start_ = 0;  // what lies below is gone on purpose, though it may still be in a segment
};

Result<void> PartitionDump::dump_indexes(const SegmentFacts& facts) {
  const int64_t base = facts.base_offset;
  const SegmentFacts* const verify = options_.deep ? &facts : nullptr;
  const auto name = [&](std::string_view suffix) { return storage::segment_file_name(base, suffix); };
  if (has(name(storage::kIndexSuffix)))
    TRY(dump_offset_index(disk_, child(name(storage::kIndexSuffix)), base, verify, options_, sink_));
  if (has(name(storage::kTimeIndexSuffix)))
    TRY(dump_time_index(disk_, child(name(storage::kTimeIndexSuffix)), base, verify, options_, sink_));
  if (has(name(storage::kTxnIndexSuffix)))
    TRY(dump_txn_index(disk_, child(name(storage::kTxnIndexSuffix)), verify, options_, sink_));
  return {};
}

Result<void> PartitionDump::dump_segments() {
  for (const std::string& name : names_) {
    const FileKind kind = kind_of(name);
    if (kind.type != FileKind::segment || !kind.is_live) continue;
    TRY_ASSIGN(SegmentFacts facts, dump_segment(disk_, child(name), kind.offset, false, options_, sink_));
    if (options_.deep && !range_.empty && kind.offset < range_.end)
      sink_.problem(child(name), fmt::format("the segment before ends at {}", range_.end));
    if (range_.empty) range_.begin = kind.offset;
    range_.empty = false;
    range_.end = std::max(range_.end, facts.end_offset);
    TRY(dump_indexes(facts));
    segments_.emplace(kind.offset, std::move(facts));
  }
  if (!options_.deep) return {};
  for (const std::string& name : names_) {
    const FileKind kind = kind_of(name);
    const bool is_index = kind.type == FileKind::offset_index || kind.type == FileKind::time_index ||
                          kind.type == FileKind::txn_index;
    if (is_index && kind.is_live && segments_.count(kind.offset) == 0)
      sink_.problem(child(name), "an index without its segment");
  }
  return {};
}

const BatchFact* PartitionDump::batch_ending_at(int64_t offset) const {
  const auto after = segments_.upper_bound(offset);
  if (after == segments_.begin()) return nullptr;
  const BatchFact* const batch = std::prev(after)->second.at_or_after(offset);
  return batch != nullptr && batch->last_offset == offset ? batch : nullptr;
}

// What the log holds of a producer is what the snapshot says of its last batch.
void PartitionDump::check_producers(const std::string& file, int64_t offset,
                                    const storage::ProducerState::Producers& producers) {
  if (!range_.empty && offset > range_.end)
    sink_.problem(file, fmt::format("a snapshot at {}, behind the end of the log at {}", offset, range_.end));
  for (const auto& [id, entry] : producers) {
    const storage::BatchMetadata* const last = entry.last_batch();
    if (last == nullptr) continue;
    if (last->last_offset >= offset) {
      sink_.problem(file, fmt::format("producer {} at offset {}, at or behind the snapshot's own", id,
                                      last->last_offset));
      continue;
    }
    if (range_.empty || last->first_offset() < range_.begin || offset > range_.end) continue;
    const BatchFact* const batch = batch_ending_at(last->last_offset);
    if (batch == nullptr || batch->producer_id != id) {
      sink_.problem(file, fmt::format("no batch of producer {} ends at {}", id, last->last_offset));
    } else if (batch->producer_epoch != entry.epoch || batch->last_sequence != last->last_sequence) {
      sink_.problem(
          file, fmt::format("producer {}: epoch {}, sequence {} at {}; the log has epoch {}, sequence {}", id,
                            entry.epoch, last->last_sequence, last->last_offset, batch->producer_epoch,
                            batch->last_sequence));
    }
  }
}

Result<void> PartitionDump::dump_snapshots() {
  for (const std::string& name : names_) {
    const FileKind kind = kind_of(name);
    if (!kind.is_live) continue;
    if (kind.type == FileKind::producer_snapshot) {
      TRY_ASSIGN(const auto producers, dump_producer_snapshot(disk_, child(name), options_, sink_));
      if (options_.deep) check_producers(child(name), kind.offset, producers);
    } else if (kind.type == FileKind::metadata_snapshot) {
      DumpOptions of_snapshot = options_;
      of_snapshot.metadata = true;
      TRY(dump_segment(disk_, child(name), 0, true, of_snapshot, sink_));
    }
  }
  return {};
}

// Every batch was written in the epoch that the file gives its offset to.
void PartitionDump::check_epochs(const std::string& file, const std::vector<storage::EpochEntry>& entries) {
  const storage::EpochCache cache(entries);
  // The metadata log begins at a snapshot; nothing but this file says where.
  const int64_t log_start = options_.metadata && !entries.empty() ? entries.front().start_offset : log_start_;
  if (!entries.empty() && !range_.empty && entries.back().start_offset > range_.end)
    sink_.problem(file, fmt::format("epoch {} begins at {}, behind the end of the log at {}",
                                    entries.back().epoch, entries.back().start_offset, range_.end));
  for (const auto& [base, segment] : segments_) {
    for (const BatchFact& batch : segment.batches) {
      if (batch.leader_epoch < 0 || batch.base_offset < log_start) continue;
      const auto epoch = cache.epoch_for_offset(batch.base_offset);
      if (epoch == batch.leader_epoch) continue;
      sink_.problem(file, fmt::format("offset {} is of epoch {}; the batch there says {}", batch.base_offset,
                                      epoch ? std::to_string(*epoch) : "none", batch.leader_epoch));
      return;  // those that follow would only say so again
    }
  }
}

Result<void> PartitionDump::dump_others() {
  for (const std::string& name : names_) {
    const FileKind kind = kind_of(name);
    if (name == storage::kEpochFileName) {
      TRY_ASSIGN(const auto entries, dump_epochs(disk_, child(name), sink_));
      if (options_.deep) check_epochs(child(name), entries);
    } else if (name == storage::kPartitionMetadataFile) {
      TRY(dump_partition_metadata(disk_, child(name), sink_));
    } else if (name == raft::kQuorumStateFile) {
      TRY(dump_quorum_state(disk_, child(name), sink_));
    } else if (kind.type == FileKind::other || !kind.is_live) {
      const char* const what =
          kind.is_live ? "no file of Kafka's" : "on its way out, or not in its place yet";
      sink_.show(dump_object(child(name), kind.is_live ? "unknown" : "renamed"), child(name) + ": " + what);
    }
  }
  return {};
}

// DeleteRecords raises the log start without touching the segment that it falls into.
Result<void> PartitionDump::read_log_start() {
  const auto partition = storage::parse_partition_directory(path_.substr(path_.rfind('/') + 1));
  const auto marks = storage::read_offset_map(disk_, join_path(parent_path(path_), storage::kLogStartFile));
  if (!marks.ok())
    return marks.error().code == ErrorCode::CORRUPT_MESSAGE ? Result<void>{} : fail(marks.error());
  if (!partition) return {};
  if (const auto mark = marks->find(*partition); mark != marks->end()) log_start_ = mark->second;
  return {};
}

Result<LogRange> PartitionDump::run() {
  auto names = disk_.list(path_);
  if (!names.ok()) return fail(Error(names.error(), path_));
  names_ = std::move(*names);
  TRY(read_log_start());
  TRY(dump_segments());
  TRY(dump_snapshots());
  TRY(dump_others());
  return range_;
}

}  // namespace

FileKind kind_of(std::string_view name) {
  FileKind kind;
  for (const std::string_view suffix :
       {storage::kDeletedSuffix, storage::kCleanedSuffix, storage::kSwapSuffix}) {
    if (!ends_with(name, suffix)) continue;
    name.remove_suffix(suffix.size());
    kind.is_live = false;
  }
  if (ends_with(name, ".checkpoint.part")) {
    kind.is_live = false;
    return kind;
  }
  if (const auto id = raft::parse_snapshot_name(name)) {
    kind.type = FileKind::metadata_snapshot;
    kind.offset = id->offset;
    return kind;
  }
  if (name == "bootstrap.checkpoint") {  // what Apache Kafka's kafka-storage format leaves
    kind.type = FileKind::metadata_snapshot;
    return kind;
  }
  const auto offset = storage::offset_of_file_name(name);
  const size_t dot = name.find('.');
  if (!offset || dot == std::string_view::npos) return kind;
  kind.offset = *offset;
  const std::string_view suffix = name.substr(dot);
  kind.type = suffix == storage::kLogSuffix         ? FileKind::segment
              : suffix == storage::kIndexSuffix     ? FileKind::offset_index
              : suffix == storage::kTimeIndexSuffix ? FileKind::time_index
              : suffix == storage::kTxnIndexSuffix  ? FileKind::txn_index
              : suffix == storage::kSnapshotSuffix  ? FileKind::producer_snapshot
                                                    : FileKind::other;
  return kind;
}

Result<LogRange> dump_partition(Disk& disk, const std::string& path, const DumpOptions& options,
                                DumpSink& sink) {
  return PartitionDump(disk, path, options, sink).run();
}

}  // namespace ksim::kctl
